"""T2: random histories of every verb, held against a small model written another way.

Some are made up by hypothesis, which shortens what fails; longer ones follow from seeds,
and the battery plays many more of these. Each control breaks one rule of the model and has
to be found out.
"""

from __future__ import annotations

from datetime import date, datetime, timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.points.ledger_model import REFUSED, Hand, Heap, Model, Move, Rules
from tests.points.ledger_play import VERBS, play, play_seed

SEED, LENGTH = 20260302, 25


def steps() -> st.SearchStrategy[tuple[Any, ...]]:
    """Return the strategy of one step, each verb as often as it should be."""
    choices = [
        st.tuples(st.just(verb), *map(st.sampled_from, facts))
        for weight, verb, facts in VERBS
        for _ in range(weight)
    ]
    return st.one_of(choices)


@settings(
    max_examples=100,
    deadline=None,
    print_blob=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(st.lists(steps(), min_size=12, max_size=30))
def test_the_ledger_equals_the_model(db: None, history: list[tuple[Any, ...]]) -> None:
    play(history)


def test_long_histories_equal_the_model(db: None) -> None:
    for seed in range(SEED, SEED + 100):
        play_seed(seed, LENGTH)


class LastExpiringFirst(Model):
    def _in_order(self, hand: Hand, heaps: list[Heap]) -> list[Heap]:
        return super()._in_order(hand, heaps)[::-1]


class NothingEnds(Model):
    def _is_over(self, hand: Hand, heap: Heap, day: date) -> bool:
        return False


class LastDayIsOver(Model):
    def _is_over(self, hand: Hand, heap: Heap, day: date) -> bool:
        return super()._is_over(hand, heap, day + timedelta(days=1))


class FirstDrawnComesBackFirst(Model):
    def _give_back(self, move: Move, amount: int) -> None:
        move.taken.reverse()
        super()._give_back(move, amount)
        move.taken.reverse()


class TakenFromAnyHeap(Model):
    def _take_away(self, hand: Hand, key: str, amount: int) -> None:
        super()._take_away(hand, "", amount)


class DebtIsForgotten(Model):
    def _take_in(self, hand: Hand, heap: Heap) -> bool:
        hand.points.append(heap)
        return True


class HeldPointsAreThere(Model):
    def hold(self, hand: Hand, move: Move) -> str:
        answer = super().hold(hand, move)
        self._mature([move])
        return answer


class TakenBackTwice(Model):
    def take_back(self, move: Move, amount: int, *, clamp: bool) -> int | str:
        move.left = move.amount
        return super().take_back(move, amount, clamp=clamp)


class GiftsAreFree(Model):
    def gift(self, giver: Hand, taker: Hand, amount: int, key: str, day: date) -> str:
        answer = super().gift(giver, taker, amount, key, day)
        if answer != REFUSED and amount >= 10:
            fee = self.moves.pop()
            giver.points += fee.taken
        return answer


class TillsHoldForEver(Model):
    def release_stale(self, at: datetime) -> int:
        return 0


class SwitchEndsAtOnce(Model):
    def switch(self, rules: Rules, policy: str, day: date) -> None:
        super().switch(rules, policy, day - timedelta(days=31))


class IdleOrNot(Model):
    def _note_activity(self, hand: Hand, day: date) -> None:
        hand.active_on = None


@pytest.mark.parametrize(
    "broken",
    [
        LastExpiringFirst,
        NothingEnds,
        LastDayIsOver,
        TakenFromAnyHeap,
        DebtIsForgotten,
        HeldPointsAreThere,
        TakenBackTwice,
        GiftsAreFree,
    ],
)
def test_control_one_broken_rule_is_found_out(db: None, broken: type[Model]) -> None:
    def play_all() -> None:
        for seed in range(SEED, SEED + 60):
            play_seed(seed, LENGTH, broken)

    with pytest.raises(AssertionError):
        play_all()


GRANT = ("grant", 0, 0, 50, None)


@pytest.mark.parametrize(
    ("broken", "history"),
    [
        (
            FirstDrawnComesBackFirst,
            [
                ("grant", 0, 0, 10, 1),
                ("grant", 0, 0, 10, 5),
                ("spend", 0, 0, 20, 0),
                ("back", 2, 5, False),
            ],
        ),
        (TillsHoldForEver, [GRANT, ("reserve", 0, 0, 9), ("minutes", 16), ("stale",)]),
        (SwitchEndsAtOnce, [GRANT, ("switch", 0, "rolling"), ("night", 3)]),
        (
            IdleOrNot,
            [
                ("switch", 0, "inactivity"),
                GRANT,
                ("night", 14),
                ("spend", 0, 0, 1, 0),
                ("night", 18),
            ],
        ),
    ],
)
def test_control_a_rarely_met_rule_is_found_out(
    db: None, broken: type[Model], history: list[tuple[Any, ...]]
) -> None:
    play(history)
    with pytest.raises(AssertionError):
        play(history, broken)
