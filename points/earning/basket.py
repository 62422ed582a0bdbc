"""What rules are asked about: an order, or any other activity, in plain values."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import date, datetime
from decimal import Decimal
from functools import cached_property

ORDER = "order"
ACTIVITY = "activity"


@dataclass(frozen=True, slots=True)
class BasketLine:
    """One product: ``total`` is what it cost after its own discount."""

    sku: str = ""
    category: str = ""
    brand: str = ""
    labels: tuple[str, ...] = ()
    quantity: Decimal = Decimal(1)
    total: Decimal = Decimal(0)
    product: str = ""


@dataclass(frozen=True)
class Basket:
    """One occasion to earn; money in the programme's currency, days are local.

    ``total`` is what was owed: after discounts and vouchers, with tax and delivery, before
    any of it was paid with points (``points_amount``). ``id`` is the number of the order
    or activity.
    """

    id: int
    member_id: int
    happened_at: datetime
    day: date
    total: Decimal = Decimal(0)
    trigger: str = ORDER
    activity_type_id: int | None = None
    quantity: Decimal = Decimal(1)
    discount: Decimal = Decimal(0)
    voucher_discount: Decimal = Decimal(0)
    tax: Decimal = Decimal(0)
    delivery_fee: Decimal = Decimal(0)
    points_amount: Decimal = Decimal(0)
    store_id: int | None = None
    channel: str = ""
    payment_method: str = ""
    promo_code: str = ""
    # What refunds have left of it: 1 is everything.
    remaining_share: Decimal = Decimal(1)
    lines: tuple[BasketLine, ...] = ()

    @cached_property
    def lines_total(self) -> Decimal:
        return sum((line.total for line in self.lines), Decimal(0))

    def remaining(self, total: Decimal, lines: tuple[BasketLine, ...]) -> Basket:
        """Return what a refund leaves: the parts of the total shrink along with it."""
        share = total / self.total if self.total else Decimal(0)
        return replace(
            self,
            total=total,
            lines=lines,
            discount=self.discount * share,
            voucher_discount=self.voucher_discount * share,
            tax=self.tax * share,
            delivery_fee=self.delivery_fee * share,
            points_amount=self.points_amount * share,
            remaining_share=share,
        )
