"""What a refund gives back: what was really paid for the pieces that come back.

The pieces of one line share what was paid for it. What was paid for the first pieces is
rounded down, and a refund gives the difference between two such sums; so refunds in any
order and any portions add up to what was paid for the line, to the dong.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal

from django.utils.translation import gettext as _

from core.errors import InvalidInput
from core.money import Rounding
from rewards.discounts.amounts import divide, to_money, to_units
from rewards.discounts.basket import NOTHING


@dataclass(frozen=True, slots=True)
class SoldLine:
    """A line as it was sold: the shop's price before vouchers, and what was paid."""

    key: str
    quantity: Decimal
    price: Decimal
    paid: Decimal


@dataclass(frozen=True, slots=True)
class ReturnedLine:
    """Pieces that come back: ``paid`` is given back, ``taken`` was a discount."""

    key: str
    quantity: Decimal
    paid: Decimal
    taken: Decimal

    @property
    def price(self) -> Decimal:
        return self.paid + self.taken


def refund_lines(
    sold: Sequence[SoldLine],
    returned: Mapping[str, Decimal],
    *,
    before: Mapping[str, Decimal] | None = None,
    decimals: int,
) -> tuple[ReturnedLine, ...]:
    """Say what was paid for these quantities, by key of the line.

    ``before`` is what earlier refunds of the same order took back already.
    """
    lines = {line.key: line for line in sold}
    return tuple(
        _returned(_found(lines, key), quantity, (before or {}).get(key, NOTHING), decimals)
        for key, quantity in returned.items()
    )


def _found(lines: Mapping[str, SoldLine], key: str) -> SoldLine:
    if key not in lines:
        text = _("The order has no line %(key)s. Check what is returned.")
        raise InvalidInput(text % {"key": key})
    return lines[key]


def _returned(
    line: SoldLine, quantity: Decimal, before: Decimal, decimals: int
) -> ReturnedLine:
    if quantity < 0 or before < 0 or before + quantity > line.quantity:
        text = _("Of line %(key)s, %(left)s can still come back. Correct the quantity.")
        left = max(NOTHING, line.quantity - before)
        raise InvalidInput(text % {"key": line.key, "left": f"{left.normalize():f}"})

    def between(amount: Decimal) -> Decimal:
        units = to_units(amount, decimals)
        end = _share(units, before + quantity, line.quantity)
        return to_money(end - _share(units, before, line.quantity), decimals)

    return ReturnedLine(
        line.key, quantity, between(line.paid), between(line.price - line.paid)
    )


def _share(units: int, quantity: Decimal, of_quantity: Decimal) -> int:
    """Return what the first pieces of a line have of an amount."""
    part, fraction = quantity.as_integer_ratio()
    whole, whole_fraction = of_quantity.as_integer_ratio()
    return divide(units * part * whole_fraction, whole * fraction, Rounding.DOWN)
