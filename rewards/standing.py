"""How a voucher stands at a moment: one word, the same on every page and for every door."""

from __future__ import annotations

from datetime import datetime

from django.db import models
from django.db.models import Case, F, Q, QuerySet, Value, When
from django.utils.translation import gettext_lazy as _

from rewards.models import Voucher

State = Voucher.State


class Standing(models.TextChoices):
    """What can be done with a voucher now."""

    POOLED = "pooled", _("in the pool")
    EARLY = "early", _("not usable yet")
    OPEN = "open", _("can be used")
    USED = "used", _("used")
    EXPIRED = "expired", _("expired")
    CANCELLED = "cancelled", _("cancelled")


def standing_of(voucher: Voucher, *, at: datetime) -> Standing:
    """Say how a voucher stands; what was used up stays used when its time is over."""
    if voucher.state == State.CANCELLED:
        return Standing.CANCELLED
    if voucher.max_uses is not None and voucher.uses >= voucher.max_uses:
        return Standing.USED
    if voucher.valid_until is not None and at >= voucher.valid_until:
        return Standing.EXPIRED
    if voucher.state == State.POOLED:
        return Standing.POOLED
    if voucher.valid_from is not None and at < voucher.valid_from:
        return Standing.EARLY
    return Standing.OPEN


def with_standing(
    vouchers: QuerySet[Voucher], standing: str, *, at: datetime
) -> QuerySet[Voucher]:
    """Return those that stand like this; the same rules, asked of the database."""
    return vouchers.alias(
        standing=Case(
            When(state=State.CANCELLED, then=Value(Standing.CANCELLED.value)),
            When(uses__gte=F("max_uses"), then=Value(Standing.USED.value)),
            When(valid_until__lte=at, then=Value(Standing.EXPIRED.value)),
            When(state=State.POOLED, then=Value(Standing.POOLED.value)),
            When(valid_from__gt=at, then=Value(Standing.EARLY.value)),
            default=Value(Standing.OPEN.value),
        )
    ).filter(standing=standing)


def never_used(*, at: datetime) -> Q:
    """Return the condition of codes whose time ran out before anybody used them."""
    return Q(uses=0, valid_until__lte=at) & ~Q(state=State.CANCELLED)
