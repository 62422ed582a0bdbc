"""Vouchers at a till for tests, made in one line each."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any

from activities.services import OrderLineFact
from members.models import Member
from rewards.models import Tally, Voucher, VoucherLimit, VoucherType, VoucherUse
from rewards.services import hold_vouchers, use_vouchers
from rewards.using.checkout import Checkout
from tests.rewards.helpers import make_voucher_type

SOURCE = "pos"
TWENTY_OFF = {"kind": "amount", "amount": "20000"}
TENTH_OFF = {"kind": "percent", "percent": "10"}
FROM_200 = {**TWENTY_OFF, "minimum_value": "200000"}


def make_type(code: str = "off20", **fields: Any) -> VoucherType:
    """Make a type that takes 20,000 off."""
    return make_voucher_type(code, **{"terms": TWENTY_OFF} | fields)


def make_voucher(
    code: str = "AAAA1111",
    *,
    voucher_type: VoucherType | None = None,
    member: Member | None = None,
    **fields: Any,
) -> Voucher:
    """Make a voucher that was given out."""
    voucher_type = voucher_type or make_type()
    told = {"state": Voucher.State.ISSUED, "max_uses": voucher_type.uses_per_code}
    return Voucher.objects.create(
        code=code, voucher_type=voucher_type, member=member, **told | fields
    )


def limit(voucher_type: VoucherType, times: int, **fields: Any) -> VoucherLimit:
    return VoucherLimit.objects.create(voucher_type=voucher_type, times=times, **fields)


def checkout(total: int = 185_000, **fields: Any) -> Checkout:
    return Checkout(**{"total": Decimal(total), "channel": "store"} | fields)


def line(sku: str, total: int, **fields: Any) -> OrderLineFact:
    return OrderLineFact(sku=sku, total=Decimal(total), **fields)


def hold(
    codes: Sequence[str] | str,
    member: Member | None,
    at: datetime,
    *,
    reference: str = "HD-1",
    source: str = SOURCE,
    **basket: Any,
) -> list[VoucherUse]:
    return hold_vouchers(
        source=source,
        reference=reference,
        codes=[codes] if isinstance(codes, str) else codes,
        checkout=checkout(**basket),
        member=member,
        at=at,
        actor="Till 1",
    )


def use(
    codes: Sequence[str] | str,
    member: Member | None,
    at: datetime,
    *,
    reference: str = "HD-1",
    source: str = SOURCE,
    **basket: Any,
) -> list[VoucherUse]:
    return use_vouchers(
        source=source,
        reference=reference,
        codes=[codes] if isinstance(codes, str) else codes,
        checkout=checkout(**basket),
        member=member,
        at=at,
        actor="Till 1",
    )


def uses_left(voucher: Voucher) -> int | None:
    voucher.refresh_from_db()
    return None if voucher.max_uses is None else voucher.max_uses - voucher.uses


def states() -> list[str]:
    """Return the state of every use, in the order in which they were made."""
    return list(VoucherUse.objects.order_by("pk").values_list("state", flat=True))


def counted() -> list[tuple[str, int | None, str, int]]:
    """Return what every limit has counted."""
    rows = Tally.objects.order_by("subject", "period", "member_id", "starts_on")
    return list(rows.values_list("subject", "member_id", "period", "times"))
