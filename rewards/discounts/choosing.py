"""Which of the vouchers that were asked for count together.

Vouchers are asked by priority, then by code. Some combinations are not allowed: an
exclusive voucher counts alone, of a group counts one, and an order has at most so many.
Of all that are allowed, the one that takes most off counts; of equal ones that which uses
up the fewest vouchers, then that whose vouchers come first. Trying them all, rather than
walking down the list once, is what makes it true that one more voucher never makes an
order dearer, and that the order in which they are told does not matter.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

from rewards.discounts.kinds import Taken, most, take
from rewards.discounts.owed import Owed
from rewards.discounts.prepared import Prepared
from rewards.discounts.terms import Terms


class Choice(NamedTuple):
    """How much a combination takes off, and the places of its vouchers."""

    amount: int = 0
    places: tuple[int, ...] = ()

    def is_better_than(self, other: Choice) -> bool:
        mine = -self.amount, len(self.places), self.places
        return mine < (-other.amount, len(other.places), other.places)


def choose(vouchers: Sequence[Prepared], owed: Owed, most_vouchers: int | None) -> Choice:
    """Return the best combination of vouchers, which stand in the order of asking."""
    search = _Search(vouchers, _ceilings(vouchers, owed), most_vouchers)
    search.go_on(Choice(), owed)
    return search.best


def _ceilings(vouchers: Sequence[Prepared], owed: Owed) -> list[int]:
    """Return for each place what it and all later vouchers cannot surpass together."""
    ceilings = [0]
    for voucher in reversed(vouchers):
        ceilings.append(ceilings[-1] + most(voucher, owed))
    return ceilings[::-1]


@dataclass(slots=True)
class _Search:
    """Every allowed combination, but for those that can no longer win."""

    vouchers: Sequence[Prepared]
    ceilings: Sequence[int]
    most_vouchers: int | None
    best: Choice = Choice()

    def go_on(self, choice: Choice, owed: Owed) -> None:
        """Add each later voucher to a combination, and go on from there."""
        if choice.is_better_than(self.best):
            self.best = choice
        for place in range(
            choice.places[-1] + 1 if choice.places else 0, len(self.vouchers)
        ):
            if choice.amount + self.ceilings[place] < self.best.amount:
                return
            if not self.allows(choice.places, place):
                continue
            outcome = take(self.vouchers[place], owed)
            if isinstance(outcome, Taken):
                more = Choice(choice.amount + outcome.amount, (*choice.places, place))
                self.go_on(more, outcome.owed)

    def allows(self, places: tuple[int, ...], place: int) -> bool:
        beside = [self.vouchers[p].terms for p in places]
        return may_join(self.vouchers[place].terms, beside, self.most_vouchers)


def may_join(terms: Terms, beside: Sequence[Terms], most_vouchers: int | None) -> bool:
    """Tell whether a voucher may count beside these."""
    if most_vouchers is not None and len(beside) >= most_vouchers:
        return False
    if beside and (terms.exclusive or any(other.exclusive for other in beside)):
        return False
    return not terms.group or all(other.group != terms.group for other in beside)
