"""A voucher made ready for one basket: which lines it is about, and its thresholds."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from decimal import Decimal

from rewards.discounts.amounts import divide, to_units
from rewards.discounts.basket import Asked, Context
from rewards.discounts.conditions import unmet
from rewards.discounts.faults import faults
from rewards.discounts.owed import LineUnits, Owed
from rewards.discounts.said import Facts, Reason, Saying
from rewards.discounts.terms import Counted, Products, Scope, Terms


@dataclass(frozen=True, slots=True)
class Prepared:
    """``chosen`` are the lines that the products name and the exclusions spare, ``about``
    those that it takes off from, ``given`` those whose pieces it may give. ``refusal``
    says what no other voucher can change.
    """

    asked: Asked
    lines: Sequence[LineUnits]
    chosen: frozenset[int]
    about: frozenset[int]
    given: frozenset[int]
    decimals: int
    refusal: Saying | None

    @property
    def terms(self) -> Terms:
        return self.asked.terms

    def units(self, money: Decimal) -> int:
        return to_units(money, self.decimals)

    def rounded(self, numerator: int, denominator: int) -> int:
        return divide(numerator, denominator, self.terms.rounding)

    def value(self, owed: Owed, lines: Collection[int]) -> int:
        """Return what these lines come to, as the thresholds of the voucher see it."""
        prices = owed.prices(self.terms.counted_price)
        totals = owed.by_line(prices, len(self.lines))
        if not self.terms.without_tax:
            return sum(totals[i] for i in lines)
        return sum(self.lines[i].without_tax(totals[i]) for i in lines)

    def quantity(self, lines: Collection[int]) -> Decimal:
        return sum((self.lines[i].quantity for i in lines), Decimal(0))


def prepare(asked: Asked, lines: Sequence[LineUnits], context: Context) -> Prepared:
    """Sort out which lines a voucher is about, and whether it is for this occasion."""
    terms = asked.terms
    excluded = terms.excluded.folded()
    allowed = frozenset(i for i, line in enumerate(lines) if not line.fits(excluded))
    chosen = _named(terms.products, lines, allowed)
    return Prepared(
        asked=asked,
        lines=lines,
        chosen=chosen,
        about=chosen if terms.where == Scope.LINES else allowed,
        given=(
            chosen
            if terms.gives_what_is_bought
            else _named(terms.given_products, lines, allowed)
        ),
        decimals=context.decimals,
        refusal=_refusal(terms, context, chosen),
    )


def _named(
    products: Products, lines: Sequence[LineUnits], allowed: frozenset[int]
) -> frozenset[int]:
    if not products:
        return allowed
    folded = products.folded()
    return frozenset(i for i in allowed if lines[i].fits(folded))


def _refusal(terms: Terms, context: Context, chosen: frozenset[int]) -> Saying | None:
    if faults(terms):
        return Saying(Reason.INCOMPLETE)
    if saying := unmet(terms, context):
        return saying
    return None if chosen else Saying(Reason.NO_PRODUCT)


def outside_thresholds(voucher: Prepared, owed: Owed) -> Saying | None:
    """Say which minimum is not reached, or which maximum is passed."""
    terms = voucher.terms
    of_products = terms.counted == Counted.PRODUCTS
    lines = voucher.chosen if of_products else range(len(voucher.lines))
    if terms.minimum_quantity:
        count = voucher.quantity(lines)
        if count < terms.minimum_quantity:
            facts: Facts = {"least": terms.minimum_quantity, "count": count}
            return Saying(Reason.MINIMUM_QUANTITY, facts)
    if not terms.minimum_value and terms.maximum_value is None:
        return None
    value, minimum = voucher.value(owed, lines), voucher.units(terms.minimum_value)
    if value < minimum:
        return Saying(
            Reason.MINIMUM_OF_PRODUCTS if of_products else Reason.MINIMUM_VALUE,
            {"minimum": minimum, "missing": minimum - value},
        )
    if terms.maximum_value is not None:
        maximum = voucher.units(terms.maximum_value)
        if value > maximum:
            return Saying(Reason.MAXIMUM_VALUE, {"maximum": maximum, "value": value})
    return None
