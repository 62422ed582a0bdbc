"""What is still owed for a basket while vouchers take off one after the other.

A line is one part at first. Where a voucher gives single pieces of it, it is cut in two,
so that no piece is given twice and the price of the others does not blur.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from decimal import ROUND_CEILING, Decimal
from typing import NamedTuple

from core.money import Rounding
from rewards.discounts.amounts import divide, to_units
from rewards.discounts.basket import Basket, Line
from rewards.discounts.terms import Basis, Products


@dataclass(frozen=True, slots=True)
class LineUnits:
    """A line in units of the currency; ``shop`` is the price after the shop's discount."""

    listed: int
    shop: int
    tax: int
    floor: int
    quantity: Decimal
    sku: str
    category: str
    brand: str
    labels: frozenset[str]

    @classmethod
    def of(cls, line: Line, decimals: int) -> LineUnits:
        listed = to_units(line.full_price, decimals)
        shop = max(0, listed - to_units(line.discount, decimals))
        least = (line.floor * line.quantity).scaleb(decimals)
        return cls(
            listed=listed,
            shop=shop,
            tax=min(shop, to_units(line.tax, decimals)),
            floor=int(least.to_integral_value(rounding=ROUND_CEILING)),
            quantity=line.quantity,
            sku=line.sku.casefold(),
            category=line.category.casefold(),
            brand=line.brand.casefold(),
            labels=frozenset(label.casefold() for label in line.labels),
        )

    def fits(self, products: Products) -> bool:
        """Tell whether a choice of products, in small letters, names this line."""
        return (
            self.sku in products.skus
            or self.category in products.categories
            or self.brand in products.brands
            or not self.labels.isdisjoint(products.labels)
        )

    def without_tax(self, value: int) -> int:
        """Take out of a price the share of tax that is in the line's own."""
        if not self.tax:
            return value
        return value - divide(value * self.tax, self.shop, Rounding.HALF_UP)


class Part(NamedTuple):
    """Pieces of one line that cost the same.

    ``quantity`` is in so many-ths of a piece as ``fraction`` says: 2.5 are 5 halves.
    ``pieces`` are the whole ones that no voucher has counted yet.
    """

    line: int
    quantity: int
    fraction: int
    pieces: int
    listed: int
    shop: int
    floor: int


class Take(NamedTuple):
    """So many pieces of a part that a voucher gives, and so many that it has bought."""

    given: int = 0
    bought: int = 0


# By the place of the part.
Takes = Mapping[int, Take]


class Owed(NamedTuple):
    """The parts, what is still to pay for each, and for delivery."""

    parts: tuple[Part, ...]
    rest: list[int]
    fee: int
    delivery: int

    def prices(self, basis: Basis) -> list[int]:
        if basis == Basis.REST:
            return self.rest
        if basis == Basis.SHOP:
            return [part.shop for part in self.parts]
        return [part.listed for part in self.parts]

    def room(self, index: int) -> int:
        """Return what can still be taken off a part."""
        return max(0, self.rest[index] - self.parts[index].floor)

    def of_lines(self, lines: Collection[int]) -> list[int]:
        """Return the places of the parts of these lines."""
        return [i for i, part in enumerate(self.parts) if part.line in lines]

    def by_line(self, amounts: Sequence[int], count: int) -> list[int]:
        """Add amounts of parts up to amounts of lines."""
        totals = [0] * count
        for part, amount in zip(self.parts, amounts, strict=True):
            totals[part.line] += amount
        return totals

    def less(self, indexes: Sequence[int], amounts: Sequence[int]) -> Owed:
        rest = list(self.rest)
        for i, amount in zip(indexes, amounts, strict=True):
            rest[i] -= amount
        return self._replace(rest=rest)


def first_owed(lines: Sequence[LineUnits], basket: Basket, decimals: int) -> Owed:
    """Return what is owed before any voucher."""
    fee = to_units(basket.delivery_fee, decimals)
    parts = tuple(_whole(place, line) for place, line in enumerate(lines))
    return Owed(parts, [line.shop for line in lines], fee, fee)


def _whole(place: int, line: LineUnits) -> Part:
    quantity, fraction = line.quantity.as_integer_ratio()
    pieces = quantity // fraction
    return Part(place, quantity, fraction, pieces, line.listed, line.shop, line.floor)


def cut(owed: Owed, takes: Takes, rounding: str) -> tuple[Owed, list[int]]:
    """Count pieces, and cut those that are given out; return where these stand."""
    parts: list[Part] = []
    rests: list[int] = []
    given: list[int] = []
    for place, (part, rest) in enumerate(zip(owed.parts, owed.rest, strict=True)):
        if take := takes.get(place):
            part = part._replace(pieces=part.pieces - take.given - take.bought)
            if take.given:
                piece, paid, part, rest = _cut(part, rest, take.given, rounding)
                given.append(len(parts))
                parts.append(piece)
                rests.append(paid)
        if part.quantity:
            parts.append(part)
            rests.append(rest)
    return owed._replace(parts=tuple(parts), rest=rests), given


def _cut(part: Part, rest: int, count: int, rounding: str) -> tuple[Part, int, Part, int]:
    """Cut pieces out of one part: their share of the price, and all that remains."""
    quantity = count * part.fraction

    def share(amount: int, how: str = rounding) -> int:
        return divide(amount * quantity, part.quantity, how)

    paid, listed, shop = share(rest), share(part.listed), share(part.shop)
    floor = share(part.floor, Rounding.UP)
    piece = Part(part.line, quantity, part.fraction, 0, listed, shop, floor)
    remains = part._replace(
        quantity=part.quantity - quantity,
        listed=part.listed - listed,
        shop=part.shop - shop,
        floor=part.floor - floor,
    )
    return piece, paid, remains, rest - paid
