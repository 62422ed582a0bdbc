"""The ledger as a child would keep it: every point is a coin that knows its heap.

Written another way on purpose: no sums, no queries, no lots that are lowered. A hand is a
list with one entry for each point; what is spent is taken from the front of the sorted
hand, and what comes back is the end of what was taken.
"""

from __future__ import annotations

import calendar
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta

REFUSED = "refused"
RESERVED_FOR = timedelta(minutes=15)
GIFT_FEE_PERCENT = 10
GIFT_LIMIT = 100


@dataclass(eq=False)
class Heap:
    """Points that came together: the movement that made them, and their last day."""

    born: int
    key: str
    ends: date | None


@dataclass
class Rules:
    """A wallet: when points without a day end, and whether debt is allowed."""

    debt: bool
    policy: str = "never"
    since: date | None = None


@dataclass(eq=False)
class Hand:
    """One member's points in one wallet: a heap for each point, and what is owed."""

    rules: Rules
    points: list[Heap] = field(default_factory=list)
    owed: int = 0
    active_on: date | None = None

    @property
    def balance(self) -> int:
        return len(self.points) - self.owed


@dataclass(eq=False)
class Move:
    """What can be undone: out of whose hand, into whose, and the points themselves."""

    key: str
    amount: int
    giver: Hand | None = None
    taker: Hand | None = None
    taken: list[Heap] = field(default_factory=list)
    # Points that wait: how many, from when, or how long after which delivery.
    waiting: int = 0
    usable_from: date | None = None
    order: int | None = None
    days: int = 0
    ends: date | None = None
    matured_as: str = ""
    # A till's hold.
    until: datetime | None = None
    state: str = ""
    reserved: Move | None = None
    left: int = 0

    def __post_init__(self) -> None:
        self.left = self.amount


class Model:
    """Every verb of the ledger, answering what the ledger should answer."""

    def __init__(self, members: int, wallets: list[Rules]) -> None:
        self.rules = wallets
        self.hands = [[Hand(rules) for _ in range(members)] for rules in wallets]
        self.moves: list[Move] = []
        self.reserves: list[Move] = []
        self.heaps: list[Heap] = []
        self.gifts: list[tuple[date, Hand, Hand, int]] = []

    # What can be asked of it.

    def grant(self, hand: Hand, amount: int, key: str, ends: date | None, day: date) -> str:
        self._receive(hand, key, [ends] * amount)
        self._note_activity(hand, day)
        self.moves.append(Move(key, amount, taker=hand))
        return key

    def spend(self, hand: Hand, amount: int, key: str, day: date) -> str:
        taken = self._draw(hand, amount, day)
        if taken is None:
            return REFUSED
        self._note_activity(hand, day)
        self.moves.append(Move(key, amount, giver=hand, taken=taken))
        return key

    def adjust(self, hand: Hand, amount: int, key: str, day: date) -> str:
        if amount > 0:
            ends = next_month(day) if hand.rules.policy == "rolling" else None
            self._receive(hand, key, [ends] * amount)
            self.moves.append(Move(key, amount, taker=hand))
            return key
        taken = self._draw(hand, -amount, day)
        if taken is None:
            return REFUSED
        self.moves.append(Move(key, -amount, giver=hand, taken=taken))
        return key

    def gift(self, giver: Hand, taker: Hand, amount: int, key: str, day: date) -> str:
        given = sum(n for d, one, _two, n in self.gifts if d == day and one is giver)
        received = sum(n for d, _one, two, n in self.gifts if d == day and two is taker)
        fee = amount * GIFT_FEE_PERCENT // 100
        if max(given, received) + amount > GIFT_LIMIT:
            return REFUSED
        taken = self._draw(giver, amount + fee, day)
        if taken is None:
            return REFUSED
        gift, paid = taken[:amount], taken[amount:]
        self._receive(taker, key, [heap.ends for heap in gift])
        self.moves.append(Move(key, amount, giver=giver, taker=taker, taken=gift))
        if fee:
            self.moves.append(Move(f"{key}:fee", fee, giver=giver, taken=paid))
        self.gifts.append((day, giver, taker, amount))
        return key

    def hold(self, hand: Hand, move: Move) -> str:
        move.taker, move.waiting = hand, move.amount
        self.moves.append(move)
        return move.key

    def deliver(self, order: int, today: date) -> int:
        waiting = [m for m in self.moves if m.order == order and m.waiting]
        waiting = [m for m in waiting if m.usable_from is None]
        for move in waiting:
            move.usable_from = today + timedelta(days=move.days)
        return self._mature([m for m in waiting if m.usable_from <= today])

    def mature(self, today: date) -> int:
        due = [m for m in self.moves if m.waiting and m.usable_from]
        return self._mature([m for m in due if m.usable_from and m.usable_from <= today])

    def reserve(self, hand: Hand, amount: int, key: str, at: datetime, day: date) -> str:
        taken = self._draw(hand, amount, day)
        if taken is None:
            return REFUSED
        self._note_activity(hand, day)
        until = at + RESERVED_FOR
        reserve = Move(key, amount, giver=hand, taken=taken, until=until, state="open")
        self.reserves.append(reserve)
        return key

    def capture(self, reserve: Move, amount: int, key: str, at: datetime) -> str:
        assert reserve.until
        is_late = at > reserve.until
        if reserve.state != "open" or is_late or amount > reserve.amount:
            return REFUSED
        reserve.state = "captured"
        self._give_back(reserve, reserve.amount - amount)
        self.moves.append(Move(key, amount, reserved=reserve))
        return "captured"

    def release(self, reserve: Move) -> str:
        if reserve.state == "captured":
            return REFUSED
        if reserve.state == "open":
            reserve.state = "released"
            self._give_back(reserve, reserve.amount)
        return reserve.state

    def release_stale(self, at: datetime) -> int:
        stale = [r for r in self.reserves if r.state == "open" and r.until and r.until < at]
        for reserve in stale:
            reserve.state = "expired"
            self._give_back(reserve, reserve.amount)
        return len(stale)

    def take_back(self, move: Move, amount: int, *, clamp: bool) -> int | str:
        wanted = min(amount, move.left) if clamp else amount
        if wanted > move.left:
            return REFUSED
        from_waiting = min(wanted, move.waiting)
        from_hand = wanted - from_waiting
        if move.taker and from_hand:
            there = len(move.taker.points)
            if clamp and not move.taker.rules.debt:
                from_hand = min(from_hand, there)
            if from_hand > there and not move.taker.rules.debt:
                return REFUSED
            self._take_away(move.taker, move.matured_as or move.key, from_hand)
        move.waiting -= from_waiting
        move.left -= from_waiting + from_hand
        self._give_back(move.reserved or move, from_waiting + from_hand)
        return from_waiting + from_hand

    def night(self, today: date) -> int:
        lost = 0
        for hand in self.all_hands():
            over = [heap for heap in hand.points if self._is_over(hand, heap, today)]
            lost += len(over)
            for heap in over:
                hand.points.remove(heap)
        return lost

    def switch(self, rules: Rules, policy: str, day: date) -> None:
        if rules.policy != policy:
            rules.policy = policy
            rules.since = None if policy == "never" else day

    # What can be read from it.

    def all_hands(self) -> list[Hand]:
        return [hand for hands in self.hands for hand in hands]

    def points_by_heap(self) -> dict[tuple[str, date | None], int]:
        found = {(heap.key, heap.ends): 0 for heap in self.heaps}
        for hand in self.all_hands():
            for heap in hand.points:
                found[heap.key, heap.ends] += 1
        return found

    # How points pass from hand to hand: the rules that a mutation may break.

    def _draw(self, hand: Hand, amount: int, day: date) -> list[Heap] | None:
        usable = [heap for heap in hand.points if not self._is_over(hand, heap, day)]
        if len(usable) < amount:
            return None
        taken = self._in_order(hand, usable)[:amount]
        for heap in taken:
            hand.points.remove(heap)
        return taken

    def _take_away(self, hand: Hand, key: str, amount: int) -> None:
        ordered = self._in_order(hand, hand.points)
        own_first = sorted(ordered, key=lambda heap: heap.key != key)
        for heap in own_first[:amount]:
            hand.points.remove(heap)
        hand.owed += max(0, amount - len(own_first))

    def _receive(self, hand: Hand, key: str, ends: list[date | None]) -> None:
        heaps: dict[date | None, Heap] = {}
        for day in ends:
            if day not in heaps:
                heaps[day] = Heap(len(self.heaps), key, day)
                self.heaps.append(heaps[day])
        for day, heap in heaps.items():
            for _ in range(ends.count(day)):
                self._take_in(hand, heap)

    def _take_in(self, hand: Hand, heap: Heap) -> bool:
        """Take one point in; who owes pays with it instead."""
        if hand.owed:
            hand.owed -= 1
            return False
        hand.points.append(heap)
        return True

    def _give_back(self, move: Move, amount: int) -> None:
        """Give the last points taken back; those that repay a debt stay taken."""
        if not move.giver or not amount:
            return
        back, move.taken = move.taken[-amount:], move.taken[:-amount]
        move.taken += [heap for heap in back if not self._take_in(move.giver, heap)]

    def _mature(self, due: list[Move]) -> int:
        total = 0
        for move in sorted(due, key=lambda move: move.matured_as):
            assert move.taker
            total += move.waiting
            self._receive(move.taker, move.matured_as, [move.ends] * move.waiting)
            move.waiting = 0
        return total

    def _in_order(self, hand: Hand, heaps: list[Heap]) -> list[Heap]:
        def place(heap: Heap) -> tuple[date, int]:
            return self._end(hand, heap) or date.max, heap.born

        return sorted(heaps, key=place)

    def _is_over(self, hand: Hand, heap: Heap, day: date) -> bool:
        end = self._end(hand, heap)
        return end is not None and end < day

    def _end(self, hand: Hand, heap: Heap) -> date | None:
        since = hand.rules.since
        if heap.ends or since is None:
            return heap.ends
        if hand.rules.policy == "inactivity" and hand.active_on:
            since = max(since, hand.active_on)
        return next_month(since)

    def _note_activity(self, hand: Hand, day: date) -> None:
        if hand.rules.policy == "inactivity":
            hand.active_on = max(hand.active_on or day, day)


def next_month(day: date) -> date:
    """Return the same day a month later, or the last one that month has."""
    year, month = day.year + day.month // 12, day.month % 12 + 1
    return date(year, month, min(day.day, calendar.monthrange(year, month)[1]))
