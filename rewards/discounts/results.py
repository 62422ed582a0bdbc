"""What came out: per voucher, per line and in all, each with its reasons."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from rewards.discounts.basket import NOTHING, Asked, Line
from rewards.discounts.refunds import SoldLine
from rewards.discounts.said import Said


@dataclass(frozen=True, slots=True)
class VoucherResult:
    """What one voucher takes off: in all, off each line, off delivery.

    Either ``why_not`` says why it takes nothing (it is not used up then), or ``notes`` say
    how it came to its amount.
    """

    asked: Asked
    taken: Decimal
    lines: tuple[Decimal, ...]
    delivery: Decimal = NOTHING
    why_not: Said | None = None
    notes: tuple[Said, ...] = ()

    @property
    def is_used(self) -> bool:
        return self.taken > 0

    @property
    def said(self) -> tuple[Said, ...]:
        """Return all that there is to say about it."""
        return self.notes if self.why_not is None else (self.why_not,)


@dataclass(frozen=True, slots=True)
class LineResult:
    """One line: the shop's price before vouchers, what they take off, what is paid."""

    line: Line
    price: Decimal
    taken: Decimal
    paid: Decimal

    @property
    def sold(self) -> SoldLine:
        """Return what a refund has to know of it."""
        return SoldLine(self.line.key, self.line.quantity, self.price, self.paid)


@dataclass(frozen=True, slots=True)
class Result:
    """The whole basket; vouchers stand in the order in which they were asked."""

    vouchers: tuple[VoucherResult, ...]
    lines: tuple[LineResult, ...]
    delivery_fee: Decimal
    delivery_paid: Decimal

    @property
    def price(self) -> Decimal:
        """What it costs without vouchers, with delivery."""
        return sum((line.price for line in self.lines), self.delivery_fee)

    @property
    def taken(self) -> Decimal:
        return sum((voucher.taken for voucher in self.vouchers), NOTHING)

    @property
    def paid(self) -> Decimal:
        return sum((line.paid for line in self.lines), self.delivery_paid)

    def to_json(self) -> dict[str, Any]:
        """Return all numbers and reasons as plain values, to be kept with an order."""
        return {
            "price": str(self.price),
            "taken": str(self.taken),
            "paid": str(self.paid),
            "delivery_fee": str(self.delivery_fee),
            "delivery_paid": str(self.delivery_paid),
            "lines": [
                {
                    "key": line.line.key,
                    "quantity": str(line.line.quantity),
                    "price": str(line.price),
                    "taken": str(line.taken),
                    "paid": str(line.paid),
                }
                for line in self.lines
            ],
            "vouchers": [
                {
                    "code": voucher.asked.code,
                    "taken": str(voucher.taken),
                    "lines": [str(part) for part in voucher.lines],
                    "delivery": str(voucher.delivery),
                    "why_not": voucher.why_not.code if voucher.why_not else "",
                    "said": [said.sentence for said in voucher.said],
                }
                for voucher in self.vouchers
            ],
        }
