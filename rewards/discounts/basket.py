"""What is bought, and what is known around it: plain values, handed in by the caller.

Money is a Decimal in the programme's currency, with tax in it. A quantity may be part of
a whole (0.5 kg).
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from zoneinfo import ZoneInfo

from django.utils.translation import gettext as _

from core.errors import InvalidInput
from rewards.discounts.terms import Terms

NOTHING = Decimal(0)


@dataclass(frozen=True, slots=True)
class Line:
    """One product of the basket.

    ``unit_price`` is the shop's price for one, ``discount`` what the shop itself takes off
    the whole line, ``tax`` the tax that is in what remains, ``floor`` the least that one
    may cost. ``price`` is the whole line before the discount, where the till does not
    round ``unit_price`` times ``quantity`` half up.
    """

    key: str
    sku: str = ""
    category: str = ""
    brand: str = ""
    labels: Collection[str] = ()
    quantity: Decimal = Decimal(1)
    unit_price: Decimal = NOTHING
    price: Decimal | None = None
    discount: Decimal = NOTHING
    tax: Decimal = NOTHING
    floor: Decimal = NOTHING
    name: str = ""

    def __post_init__(self) -> None:
        price = self.full_price
        amounts = (self.unit_price, price, self.discount, self.tax, self.floor)
        if self.quantity <= 0 or min(amounts) < 0:
            text = _("Line %(key)s: the quantity is above zero, no amount is below it.")
            raise InvalidInput(text % {"key": self.key})
        if self.discount > price or self.tax > price:
            text = _("Line %(key)s: its discount and its tax are not above its price.")
            raise InvalidInput(text % {"key": self.key})

    @property
    def full_price(self) -> Decimal:
        """What the whole line costs before any discount."""
        return self.unit_price * self.quantity if self.price is None else self.price


@dataclass(frozen=True, slots=True)
class Basket:
    """The lines, in an order that settles ties, and what delivery costs."""

    lines: tuple[Line, ...]
    delivery_fee: Decimal = NOTHING

    def __post_init__(self) -> None:
        if len({line.key for line in self.lines}) < len(self.lines):
            raise InvalidInput(_("Two lines have the same key. Give each its own."))
        if self.delivery_fee < 0:
            raise InvalidInput(_("A delivery fee is not below zero."))


@dataclass(frozen=True, slots=True)
class Context:
    """What is known of the occasion; what is not known meets no condition.

    ``decimals`` are those of the currency: 0 for dong, 2 for dollars. ``segment_ids`` are
    the groups that the member is in, ``most_vouchers`` how many count for one order.
    """

    at: datetime
    zone: ZoneInfo = field(default_factory=lambda: ZoneInfo("Asia/Ho_Chi_Minh"))
    currency: str = "VND"
    decimals: int = 0
    store_id: int | None = None
    channel: str = ""
    payment_method: str = ""
    segment_ids: Collection[int] = ()
    is_first_order: bool = False
    most_vouchers: int | None = None

    def __post_init__(self) -> None:
        if self.at.tzinfo is None:
            raise InvalidInput(_("The time of an order needs its time zone."))
        if self.most_vouchers is not None and self.most_vouchers < 1:
            raise InvalidInput(_("At least one voucher counts for an order."))


@dataclass(frozen=True, slots=True)
class Asked:
    """A voucher that somebody wants to use on a basket."""

    code: str
    terms: Terms
    name: str = ""

    @property
    def place(self) -> tuple[int, str]:
        """Where it stands in the order in which vouchers are asked."""
        return self.terms.priority, self.code

    def __str__(self) -> str:
        return self.name or self.code
