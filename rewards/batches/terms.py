"""What the codes of a batch are: waiting in a pool, or printed for whoever shows them."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal, InvalidOperation
from typing import Any, NamedTuple

from rewards.models import Voucher, VoucherBatch, VoucherType

Codes = VoucherType.Codes


class Terms(NamedTuple):
    """In which state codes come into the world, and when they can be used."""

    state: str
    starts: datetime | None
    ends: datetime | None

    @classmethod
    def of(cls, batch: VoucherBatch) -> Terms:
        """Return the terms of a batch.

        A pool's type says when its codes are usable at the moment they are given out; what
        is printed has to know it now.
        """
        voucher_type = batch.voucher_type
        starts, ends = batch.valid_from, batch.valid_until
        if not is_printed(voucher_type):
            return cls(Voucher.State.POOLED.value, starts, ends)
        told = [end for end in (ends, voucher_type.valid_until) if end is not None]
        return cls(
            Voucher.State.ISSUED.value,
            starts or voucher_type.valid_from,
            min(told, default=None),
        )

    @property
    def is_printed(self) -> bool:
        return self.state == Voucher.State.ISSUED


def is_printed(voucher_type: VoucherType) -> bool:
    """Tell whether codes made in bulk belong to whoever shows them, as on a flyer."""
    return voucher_type.codes == Codes.GENERATED


def worth_of_one_use(voucher_type: VoucherType) -> Decimal | None:
    """Return what one use takes off at most; None when nothing bounds it."""
    terms = voucher_type.terms
    if terms.get("kind") == "partner":
        return Decimal(0)
    bounds = [_number(terms.get("at_most"))]
    if terms.get("kind") == "amount":
        bounds.append(_number(terms.get("amount")))
    if terms.get("kind") == "bands":
        bounds.append(_largest_band(terms.get("bands") or []))
    return min((bound for bound in bounds if bound is not None), default=None)


def _largest_band(bands: list[Any]) -> Decimal | None:
    """Return the largest amount of bands; one by percent has no bound."""
    amounts = [_number(band[2]) if len(band) > 2 else None for band in bands]
    known = [amount for amount in amounts if amount is not None]
    return max(known, default=None) if len(known) == len(amounts) else None


def _number(value: Any) -> Decimal | None:
    try:
        return None if value is None else Decimal(str(value))
    except InvalidOperation:
        return None
