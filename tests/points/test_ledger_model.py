"""Random histories of every verb, held against a small model written another way."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta

from django.db import transaction
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from members.models import Member
from points.audit import verify_ledger
from points.errors import AlreadyReversed, NotEnoughPoints
from points.models import Lot, Transfer
from points.queries import balances
from points.services import (
    Grant,
    expire_points,
    grant_points,
    reverse_transfer,
    spend_points,
)
from tests.factories import make_member, make_wallet

START = datetime(2026, 1, 1, 5, 0, tzinfo=UTC)
NUM_MEMBERS = 2

verbs = st.one_of(
    st.tuples(
        st.just("grant"),
        st.integers(0, NUM_MEMBERS - 1),
        st.integers(1, 50),
        # Short lives, so that histories meet last days and the nights after them.
        st.sampled_from([None, 0, 1, 2, 5]),
    ),
    st.tuples(st.just("spend"), st.integers(0, NUM_MEMBERS - 1), st.integers(1, 60)),
    st.tuples(st.just("reverse"), st.integers(0, 30)),
    st.tuples(st.just("night"), st.integers(1, 3)),
)


@dataclass
class ModelLot:
    """A heap of points: when it ends and what is left."""

    born: int
    ends: date | None
    left: int


@dataclass
class ModelMove:
    """What can be taken back: whose, how much, and out of which heaps it came."""

    member: int
    amount: int
    made: ModelLot | None = None
    drawn: list[tuple[ModelLot, int]] = field(default_factory=list)
    undone: bool = False


class Model:
    """The ledger as one would do it on paper."""

    def __init__(self) -> None:
        self.heaps: list[list[ModelLot]] = [[] for _ in range(NUM_MEMBERS)]
        self.moves: list[ModelMove] = []
        self.births = 0

    def balance(self, member: int) -> int:
        return sum(heap.left for heap in self.heaps[member])

    def grant(self, member: int, amount: int, ends: date | None) -> None:
        self.births += 1
        heap = ModelLot(self.births, ends, amount)
        self.heaps[member].append(heap)
        self.moves.append(ModelMove(member, amount, made=heap))

    def spend(self, member: int, amount: int, today: date) -> bool:
        usable = [h for h in self.heaps[member] if h.left and not self._over(h, today)]
        if sum(h.left for h in usable) < amount:
            return False
        usable.sort(key=lambda h: (h.ends is None, h.ends or date.min, h.born))
        move = ModelMove(member, amount, drawn=self._draw(usable, amount))
        self.moves.append(move)
        return True

    def reverse(self, index: int) -> bool:
        move = self.moves[index]
        if move.undone:
            return False
        if move.made is None:
            for heap, taken in move.drawn:
                heap.left += taken
        else:
            own = move.made
            heaps = sorted(
                (h for h in self.heaps[move.member] if h.left),
                key=lambda h: (h is not own, h.ends is None, h.ends or date.min, h.born),
            )
            if sum(h.left for h in heaps) < move.amount:
                return False
            self._draw(heaps, move.amount)
        move.undone = True
        return True

    def night(self, today: date) -> int:
        over = [h for heaps in self.heaps for h in heaps if h.left and self._over(h, today)]
        lost = sum(h.left for h in over)
        for heap in over:
            heap.left = 0
        return lost

    def _over(self, heap: ModelLot, today: date) -> bool:
        return heap.ends is not None and heap.ends < today

    def _draw(self, heaps: list[ModelLot], amount: int) -> list[tuple[ModelLot, int]]:
        drawn = []
        for heap in heaps:
            taken = min(heap.left, amount)
            if taken:
                heap.left -= taken
                amount -= taken
                drawn.append((heap, taken))
        return drawn


def play(history: list[tuple], people: list[Member]) -> None:
    model, at = Model(), START
    transfers: list[Transfer] = []
    for number, (verb, *facts) in enumerate(history):
        today = (at + timedelta(hours=7)).date()
        if verb == "grant":
            member, amount, days = facts
            ends = None if days is None else today + timedelta(days=days)
            key = f"grant:{number}"
            grant_points(grants=[Grant(people[member].pk, amount, key, ends)], at=at)
            model.grant(member, amount, ends)
            transfers.append(Transfer.objects.get(key=key))
        elif verb == "spend":
            member, amount = facts
            try:
                transfers.append(
                    spend_points(
                        member=people[member], amount=amount, key=f"spend:{number}", at=at
                    )
                )
                did = True
            except NotEnoughPoints:
                did = False
            assert did == model.spend(member, amount, today)
        elif verb == "reverse" and transfers:
            index = facts[0] % len(transfers)
            try:
                reverse_transfer(transfer=transfers[index], key=f"back:{number}", at=at)
                did = True
            except (NotEnoughPoints, AlreadyReversed):
                did = False
            assert did == model.reverse(index)
        elif verb == "night":
            at += timedelta(days=facts[0])
            lost = expire_points(at=at).points
            assert lost == model.night((at + timedelta(hours=7)).date())
    check(model, people)


def check(model: Model, people: list[Member]) -> None:
    found = balances([member.pk for member in people])
    assert list(found.values()) == [model.balance(i) for i in range(NUM_MEMBERS)]
    lots = list(Lot.objects.order_by("pk").values_list("remaining", flat=True))
    heaps = sorted((h for heaps in model.heaps for h in heaps), key=lambda h: h.born)
    assert lots == [heap.left for heap in heaps]
    audit = verify_ledger()
    assert audit.ok, audit.differences


@settings(
    max_examples=80,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(st.lists(verbs, min_size=1, max_size=30))
def test_the_ledger_equals_the_model(db: None, history: list[tuple]) -> None:
    with transaction.atomic():
        make_wallet()
        people = [make_member(code=f"P{i}") for i in range(NUM_MEMBERS)]
        play(history, people)
        transaction.set_rollback(True)
