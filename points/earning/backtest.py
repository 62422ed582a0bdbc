"""Two sets of rules asked about the same orders, side by side. Reads and writes nothing.

Sums only ever add up, so orders may come in any number of chunks, as long as they come in
the order of business time: limits and budgets are counted along the way.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from points.earning.basket import Basket
from points.earning.caps import Room, UseKey, use_keys
from points.earning.context import Context
from points.earning.definition import Definition, Method, Scope
from points.earning.engine import Rule, evaluate

# The columns of every sum: by the rules in force, with the drafts, in the ledger.
BEFORE, AFTER, GIVEN = 0, 1, 2

Sums = dict[tuple[Any, ...], list[int]]
# Points that the ledger holds for an order: by wallet and code of the rule.
Given = Mapping[int, Collection[tuple[int, str, int]]]


class Side(NamedTuple):
    """One set of rules, ready to be asked, and what its limits have left."""

    rules: Sequence[Rule]
    room: Room


def is_limited(definition: Definition) -> bool:
    return bool(definition.caps) or definition.budget is not None


def looks_at_products(definition: Definition) -> bool:
    """Tell whether a rule needs to know the lines of an order."""
    return (
        definition.chooses_products
        or definition.leaves_products_out
        or definition.method == Method.PER_UNIT
        or definition.scope == Scope.LINES
    )


def keys_of_limits(rules: Iterable[Rule], baskets: Iterable[Basket]) -> set[UseKey]:
    """Name the counts that these baskets can touch."""
    limited = [rule.definition for rule in rules if is_limited(rule.definition)]
    days = {(basket.member_id, basket.day) for basket in baskets} if limited else ()
    return {
        key
        for definition in limited
        for member_id, day in days
        for key in use_keys(definition, member_id, day)
    }


def _sums() -> Sums:
    return defaultdict(lambda: [0, 0, 0])


@dataclass(slots=True)
class Tally:
    """What orders come to on both sides and in the ledger; tallies can be added."""

    # By wallet and month ("2026-03").
    points: Sums = field(default_factory=_sums)
    # By wallet: orders that earn something.
    earning: Sums = field(default_factory=_sums)
    # By wallet and code of the rule.
    rules: Sums = field(default_factory=_sums)
    times: Sums = field(default_factory=_sums)
    # By wallet and member; kept in rows, there may be millions.
    members: Sums = field(default_factory=_sums)

    def add(self, other: Tally) -> None:
        for name in self.__slots__:
            mine, more = getattr(self, name), getattr(other, name)
            for key, numbers in more.items():
                mine[key] = [a + b for a, b in zip(mine[key], numbers, strict=True)]

    def as_json(self) -> dict[str, Any]:
        """Return the sums without those of members."""
        return {
            name: [[list(key), numbers] for key, numbers in getattr(self, name).items()]
            for name in ("points", "earning", "rules", "times")
        }

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> Tally:
        tally = cls()
        for name, rows in data.items():
            getattr(tally, name).update({tuple(key): list(n) for key, n in rows})
        return tally


def compare(
    baskets: Sequence[Basket],
    sides: Sequence[Side],
    context: Context,
    *,
    wallets: Collection[int],
    given: Given,
) -> Tally:
    """Ask both sides about baskets that come in the order of time; add up what they give.

    ``wallets`` are those in which a member is counted even when nothing is earned.
    """
    tally = Tally()
    for basket in baskets:
        for wallet_id in wallets:
            tally.members.setdefault((wallet_id, basket.member_id), [0, 0, 0])
        for column, side in enumerate(sides):
            _note(tally, column, basket, _awards(side, basket, context))
        of_ledger = [one for one in given.get(basket.id, ()) if one[0] in wallets]
        _note(tally, GIVEN, basket, of_ledger)
    return tally


def _awards(side: Side, basket: Basket, context: Context) -> list[tuple[int, str, int]]:
    awards = []
    for definition, points in evaluate(basket, side.rules, context).awards:
        if is_limited(definition):
            points = side.room.claim(
                definition, member_id=basket.member_id, day=basket.day, points=points
            )
        if points:
            awards.append((definition.wallet_id, definition.code, points))
    return awards


def _note(
    tally: Tally, column: int, basket: Basket, awards: Sequence[tuple[int, str, int]]
) -> None:
    month = basket.day.isoformat()[:7]
    for wallet_id, code, points in awards:
        tally.points[wallet_id, month][column] += points
        tally.members[wallet_id, basket.member_id][column] += points
        tally.rules[wallet_id, code][column] += points
        tally.times[wallet_id, code][column] += 1
    for wallet_id in {wallet_id for wallet_id, _code, _points in awards}:
        tally.earning[(wallet_id,)][column] += 1
