"""Which pieces of a basket are bought, and which are given, by vouchers that count pieces.

Whole pieces only: of 2.5 kg two can count. A piece that one voucher has counted, as bought
or as given, counts for no other.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from typing import NamedTuple

from rewards.discounts.owed import Owed, Take, Takes
from rewards.discounts.terms import Basis

# Prices of single pieces are compared to the millionth of a dong.
FINE = 1_000_000


class Run(NamedTuple):
    """Pieces of one part, which all cost the same."""

    part: int
    line: int
    pieces: int


def runs_of(owed: Owed, lines: Collection[int], basis: Basis) -> list[Run]:
    """Return the pieces that may count, dearest first."""
    prices = owed.prices(basis)
    found = []
    for i, part in enumerate(owed.parts):
        if part.pieces and part.line in lines:
            price = prices[i] * FINE * part.fraction // part.quantity
            found.append((-price, Run(i, part.line, part.pieces)))
    return [run for _price, run in sorted(found)]


def count(runs: Iterable[Run]) -> int:
    return sum(run.pieces for run in runs)


def in_groups(runs: Sequence[Run], *, buy: int, get: int, times: int | None) -> Takes:
    """Lay the pieces out from the dearest on and cut them into groups.

    In each group of ``buy + get`` the cheapest ``get`` are given; a last, smaller group
    gives what it has beyond ``buy``. So buying more never makes a voucher take off less.
    """
    size = buy + get
    end = count(runs) if times is None else min(count(runs), times * size)
    if end % size <= buy:
        end -= end % size

    def given_before(place: int) -> int:
        return place // size * get + max(0, place % size - buy)

    takes, start = {}, 0
    for run in runs:
        stop = min(start + run.pieces, end)
        if stop <= start:
            break
        given = given_before(stop) - given_before(start)
        takes[run.part] = Take(given, stop - start - given)
        start = stop
    return takes


def from_two_sets(
    runs: Sequence[Run],
    first: Collection[int],
    second: Collection[int],
    *,
    buy: int,
    get: int,
    times: int | None,
) -> Takes:
    """Buy from the first set of lines, get from the second: the cheapest there.

    Where a piece is in both, it is bought only when no other can be, the dearest first,
    and given only when no other can be, the cheapest first.
    """
    only_first = [run for run in runs if run.line not in second]
    both = [run for run in runs if run.line in first and run.line in second]
    only_second = [run for run in runs if run.line not in first]
    most = (count(only_first) + count(both)) // buy
    most = most if times is None else min(most, times)

    def given(rounds: int) -> int:
        needed = max(0, rounds * buy - count(only_first))
        return min(rounds * get, count(only_second) + count(both) - needed)

    # More rounds give more until what can be given runs out, and less from there on.
    enough = -(-(count(only_second) + count(both)) // get)
    turning = count(runs) // (buy + get)
    tried = (most, enough, turning, turning + 1)
    rounds = max((min(r, most) for r in tried), key=lambda r: (given(r), -r))
    bought = _taken([*only_first, *both], rounds * buy)
    free = _taken([*reversed(only_second), *reversed(both)], given(rounds))
    return {i: Take(free.get(i, 0), bought.get(i, 0)) for i in {*bought, *free}}


def cheapest(runs: Sequence[Run], get: int) -> Takes:
    """Give the cheapest pieces, with nothing to buy for them."""
    return {i: Take(given) for i, given in _taken(reversed(runs), get).items()}


def _taken(runs: Iterable[Run], wanted: int) -> dict[int, int]:
    taken = {}
    for run in runs:
        if wanted <= 0:
            break
        taken[run.part] = min(run.pieces, wanted)
        wanted -= taken[run.part]
    return taken
