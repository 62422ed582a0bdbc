"""What is still owed for a basket while vouchers take off one after the other.

A line is one part at first. Where a voucher takes single pieces of it, it is cut in two,
so that no piece is given twice and the price of the others does not blur.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from decimal import ROUND_CEILING, Decimal
from fractions import Fraction
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
    """Pieces of one line; ``counted`` by a voucher that counts pieces."""

    line: int
    quantity: Fraction
    listed: int
    shop: int
    floor: int
    counted: bool = False


class Take(NamedTuple):
    """So many pieces of a part that a voucher counts: it gives them, or they are bought."""

    pieces: int
    is_given: bool


# By the place of the part.
Takes = Mapping[int, Sequence[Take]]


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
    parts = tuple(
        Part(i, Fraction(line.quantity), line.listed, line.shop, line.floor)
        for i, line in enumerate(lines)
    )
    return Owed(parts, [line.shop for line in lines], fee, fee)


def cut(owed: Owed, takes: Takes, rounding: str) -> tuple[Owed, list[int]]:
    """Cut pieces out of parts; return where the parts stand that are given."""
    parts: list[Part] = []
    rests: list[int] = []
    given: list[int] = []
    for i, (part, rest) in enumerate(zip(owed.parts, owed.rest, strict=True)):
        for count, is_given in takes.get(i, ()):
            if is_given:
                given.append(len(parts))
            piece, piece_rest, part, rest = _cut(part, rest, count, rounding)
            parts.append(piece)
            rests.append(piece_rest)
        if part.quantity:
            parts.append(part)
            rests.append(rest)
    return owed._replace(parts=tuple(parts), rest=rests), given


def _cut(part: Part, rest: int, count: int, rounding: str) -> tuple[Part, int, Part, int]:
    """Cut pieces out of one part: their share of the price, and all that remains."""
    quantity, fraction = part.quantity.as_integer_ratio()

    def share(amount: int, how: str = rounding) -> int:
        return divide(amount * count * fraction, quantity, how)

    piece = Part(
        part.line,
        Fraction(count),
        share(part.listed),
        share(part.shop),
        share(part.floor, Rounding.UP),
        counted=True,
    )
    remains = part._replace(
        quantity=part.quantity - count,
        listed=part.listed - piece.listed,
        shop=part.shop - piece.shop,
        floor=part.floor - piece.floor,
    )
    return piece, share(rest), remains, rest - share(rest)
