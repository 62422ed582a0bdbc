"""Money in whole units of the currency: dong, or cents. Exact, and nothing gets lost."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import ROUND_HALF_UP, Decimal

from core.money import Rounding


def to_units(money: Decimal, decimals: int) -> int:
    """Return how many dong (or cents) an amount is, rounded half up."""
    return int(money.scaleb(decimals).to_integral_value(rounding=ROUND_HALF_UP))


def to_money(units: int, decimals: int) -> Decimal:
    return Decimal(units).scaleb(-decimals) if decimals else Decimal(units)


def divide(numerator: int, denominator: int, rounding: str) -> int:
    """Divide what is not below zero, and round as a rule says."""
    if rounding == Rounding.UP:
        return -(-numerator // denominator)
    if rounding == Rounding.HALF_UP:
        return (2 * numerator + denominator) // (2 * denominator)
    return numerator // denominator


def spread(total: int, weights: Sequence[int], rooms: Sequence[int]) -> list[int]:
    """Divide a total over weights so that no part outgrows its room and all add up.

    1. Who would get more than fits gets what fits; the rest is shared anew.
    2. Shares are cut to whole units; the largest remainders gain the units left over, the
       earlier of equal ones first.

    The caller asks for no more than the rooms of those with a weight hold.
    """
    parts = [0] * len(weights)
    sharing = [i for i, weight in enumerate(weights) if weight > 0]
    while sharing:
        whole = sum(weights[i] for i in sharing)
        full = {i for i in sharing if total * weights[i] > rooms[i] * whole}
        if not full:
            break
        for i in full:
            parts[i] = rooms[i]
            total -= rooms[i]
        sharing = [i for i in sharing if i not in full]
    if not sharing:
        return parts
    remainders = []
    for i in sharing:
        parts[i], remainder = divmod(total * weights[i], whole)
        remainders.append((-remainder, i))
    left = total - sum(parts[i] for i in sharing)
    for _remainder, i in sorted(remainders)[:left]:
        parts[i] += 1
    return parts
