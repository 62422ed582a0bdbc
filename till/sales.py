"""A sale as it was told at a till, kept between the form and its confirmation."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from decimal import Decimal
from typing import Any

from activities.models import Order
from activities.services import OrderLineFact
from rewards.using.checkout import Checkout
from till.access import Desk
from till.models import TillAct

NOTHING = Decimal(0)
# What a line may be said to be: a word of the voucher's own terms.
WORD_KINDS = ("sku", "category", "brand", "label")


@dataclass(frozen=True, slots=True)
class LineTold:
    """So many pieces at such a price; ``word`` is what they are: “sku:CF1”, or nothing."""

    quantity: Decimal
    price: Decimal
    word: str = ""

    @property
    def total(self) -> Decimal:
        return self.quantity * self.price

    @property
    def fact(self) -> OrderLineFact:
        kind, _colon, value = self.word.partition(":")
        return OrderLineFact(
            sku=value if kind == "sku" else "",
            category=value if kind == "category" else "",
            brand=value if kind == "brand" else "",
            labels=(value,) if kind == "label" else (),
            quantity=self.quantity,
            unit_price=self.price,
            total=self.total,
        )


@dataclass(frozen=True, slots=True)
class Sale:
    """A purchase, a voucher on it, points that pay for it; any of them may be missing.

    ``points``: how many of the wallet (its code; "my points" where empty) shall pay, -1 for
    as many as possible. ``records``: the purchase itself is recorded for the member; else
    only the voucher is used.
    """

    total: Decimal
    member_id: int | None = None
    proof: str = TillAct.Proof.NONE.value
    since: str = ""
    code: str = ""
    lines: tuple[LineTold, ...] = ()
    delivery_fee: Decimal = NOTHING
    number: str = ""
    payment_method: str = ""
    points: int = 0
    wallet: str = ""
    records: bool = False

    def checkout(self, desk: Desk) -> Checkout:
        return Checkout(
            total=self.total,
            lines=tuple(line.fact for line in self.lines),
            delivery_fee=self.delivery_fee,
            store_id=desk.store.pk,
            channel=Order.Channel.STORE.value,
            payment_method=self.payment_method,
        )

    def to_json(self) -> dict[str, Any]:
        lines = [[str(line.quantity), str(line.price), line.word] for line in self.lines]
        plain = {**asdict(self), "lines": lines}
        return {
            name: str(value) if isinstance(value, Decimal) else value
            for name, value in plain.items()
        }

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Sale:
        lines = tuple(
            LineTold(Decimal(quantity), Decimal(price), word)
            for quantity, price, word in data["lines"]
        )
        told = {**data, "lines": lines}
        told |= {name: Decimal(data[name]) for name in ("total", "delivery_fee")}
        return cls(**told)
