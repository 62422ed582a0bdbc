"""What becomes of held and used vouchers: used, released, taken back, or lapsed."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime

from django.db import transaction
from django.utils.translation import gettext as _

from core.batch import CHUNK
from core.retry import retry_on_conflict
from rewards.errors import VoucherUseClosed
from rewards.models import VoucherUse
from rewards.using.counting import end_uses
from rewards.using.groups import (
    State,
    furthest,
    is_overdue,
    known_uses,
    locked_uses,
    mark_used,
    use_of_closed,
)


@retry_on_conflict
@transaction.atomic
def use_held_vouchers(*, source: str, reference: str, at: datetime) -> list[VoucherUse]:
    """Use what is held under a reference; a repeat changes nothing.

    Raises VoucherUseClosed when its time is over or it was released or taken back,
    VoucherUseNotFound.
    """
    uses = known_uses(source, reference)
    if any(is_overdue(use, at) for use in uses):
        raise use_of_closed(State.LAPSED)
    held = [use for use in uses if use.state == State.HELD]
    if not held and (state := furthest(uses)) != State.USED:
        raise use_of_closed(state)
    mark_used(held, at=at)
    return uses


@retry_on_conflict
@transaction.atomic
def release_vouchers(*, source: str, reference: str, at: datetime) -> list[VoucherUse]:
    """Let go of what is held under a reference; a repeat changes nothing.

    Raises VoucherUseClosed when it was used, VoucherUseNotFound.
    """
    uses = known_uses(source, reference)
    if (state := furthest(uses)) in (State.USED, State.ROLLED_BACK):
        raise use_of_closed(state)
    end_uses([use for use in uses if use.state == State.HELD], State.RELEASED, at=at)
    return uses


@retry_on_conflict
@transaction.atomic
def roll_back_vouchers(*, source: str, reference: str, at: datetime) -> list[VoucherUse]:
    """Take the use of vouchers back, because there is no order after all.

    They can be used again, until their end, which stays where it was. A repeat changes
    nothing. Raises VoucherUseClosed when nothing was used, or when vouchers of this type
    do not come back; VoucherUseNotFound.
    """
    uses = known_uses(source, reference)
    used = [use for use in uses if use.state == State.USED]
    if not used and (state := furthest(uses)) != State.ROLLED_BACK:
        raise use_of_closed(state)
    returning = [use for use in used if use.voucher.voucher_type.returns_on_refund]
    if used and not returning:
        raise VoucherUseClosed(
            _("Vouchers of this type do not come back with their order."),
            state=str(State.USED),
        )
    end_uses(returning, State.ROLLED_BACK, at=at)
    return uses


@transaction.atomic
def roll_back_orders(order_ids: Collection[int], *, at: datetime) -> int:
    """Take back the vouchers of orders that were cancelled or wholly refunded.

    Where their type says that they come back; returns how many. Safe to repeat.
    """
    if not order_ids:
        return 0
    used = VoucherUse.objects.filter(
        order__in=order_ids,
        state=State.USED,
        voucher__voucher_type__returns_on_refund=True,
    )
    uses = list(
        used.select_related("voucher__voucher_type")
        .order_by("pk")
        .select_for_update(of=("self",))
    )
    end_uses(uses, State.ROLLED_BACK, at=at)
    return len(uses)


def release_stale_holds(*, at: datetime) -> int:
    """Let go of every hold whose time is over; returns how many. Safe to repeat."""
    lapsed = 0
    overdue = VoucherUse.objects.filter(state=State.HELD, held_until__lte=at)
    while groups := list(
        overdue.order_by("held_until").values_list("source", "reference")[:CHUNK]
    ):
        for source, reference in dict.fromkeys(groups):
            lapsed += _lapse(source, reference, at=at)
    return lapsed


@retry_on_conflict
@transaction.atomic
def _lapse(source: str, reference: str, *, at: datetime) -> int:
    # A till may use them in their last second; then there is nothing to let go of.
    overdue = [use for use in locked_uses(source, reference) if is_overdue(use, at)]
    end_uses(overdue, State.LAPSED, at=at)
    return len(overdue)
