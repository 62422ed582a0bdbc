"""Vouchers from a till: ask, hold, use, give back, within the source of its key."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from django.db.models import F, Q
from django.utils.translation import gettext as _

from activities.models import Order
from activities.services import OrderLineFact
from api.models import TillKey
from api.services import store_id_of
from members.models import Member
from members.services import merged_ids
from rewards.errors import VoucherUseNotFound
from rewards.models import Voucher, VoucherUse
from rewards.services import check_vouchers, hold_vouchers, use_vouchers
from rewards.using.checking import Quote
from rewards.using.checkout import Checkout
from rewards.using.groups import uses_of


@dataclass(frozen=True, slots=True)
class Basket:
    """What a till says of the order that its codes are for."""

    total: Decimal
    codes: tuple[str, ...]
    lines: tuple[OrderLineFact, ...] = ()
    delivery_fee: Decimal = Decimal(0)
    store: str = ""
    channel: str = Order.Channel.STORE.value
    payment_method: str = ""

    def checkout(self, till_key: TillKey) -> Checkout:
        return Checkout(
            total=self.total,
            lines=self.lines,
            delivery_fee=self.delivery_fee,
            store_id=store_id_of(self.store, till_key),
            channel=self.channel,
            payment_method=self.payment_method,
        )


def check(
    *, till_key: TillKey, basket: Basket, member: Member | None, at: datetime
) -> Quote:
    """Say what codes take off an order; nothing is held."""
    checkout = basket.checkout(till_key)
    return check_vouchers(codes=basket.codes, checkout=checkout, member=member, at=at)


def hold(
    *,
    till_key: TillKey,
    reference: str,
    basket: Basket,
    member: Member | None,
    at: datetime,
) -> list[VoucherUse]:
    """Hold vouchers for an order."""
    return hold_vouchers(
        source=till_key.source,
        reference=reference,
        codes=basket.codes,
        checkout=basket.checkout(till_key),
        member=member,
        at=at,
        actor=till_key.name,
    )


def use(
    *,
    till_key: TillKey,
    reference: str,
    basket: Basket,
    member: Member | None,
    at: datetime,
) -> list[VoucherUse]:
    """Use vouchers on an order at once."""
    return use_vouchers(
        source=till_key.source,
        reference=reference,
        codes=basket.codes,
        checkout=basket.checkout(till_key),
        member=member,
        at=at,
        actor=till_key.name,
    )


def find_uses(till_key: TillKey, reference: str) -> list[VoucherUse]:
    """Return what stands under a reference of the key's own source."""
    uses = list(uses_of(till_key.source, reference))
    if not uses:
        raise VoucherUseNotFound(
            _("No vouchers were held or used under this reference by this till.")
        )
    return uses


def vouchers_of(
    member: Member, *, at: datetime, before_id: int | None, limit: int
) -> list[Voucher]:
    """Return a page of what a member can use now or later, newest first. Two queries."""
    own = {member.pk, *merged_ids([member.pk]).get(member.pk, ())}
    unused = Q(max_uses__isnull=True) | Q(uses__lt=F("max_uses"))
    not_over = Q(valid_until__isnull=True) | Q(valid_until__gt=at)
    rows = Voucher.objects.filter(
        unused, not_over, member__in=own, state=Voucher.State.ISSUED
    )
    if before_id is not None:
        rows = rows.filter(pk__lt=before_id)
    return list(rows.select_related("voucher_type").order_by("-pk")[:limit])
