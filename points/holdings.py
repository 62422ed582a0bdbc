"""What a batch of postings does to members' accounts and lots, worked out in memory.

The ledger reads accounts and lots under lock, asks these functions, and writes the outcome.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any
from zoneinfo import ZoneInfo

from core.clock import programme_zone
from points.errors import NotEnoughPoints
from points.expiry import ExpiryPolicy
from points.models import Transfer
from points.postings import Posting


@dataclass(slots=True)
class OpenLot:
    """A lot with something left, as read under its account's lock."""

    id: int
    remaining: int
    expires_on: date | None
    transfer_id: int
    usable_through: date | None = None

    def __post_init__(self) -> None:
        self.usable_through = self.expires_on


@dataclass(slots=True)
class Held:
    """A member's account under lock, and what this batch does to it."""

    id: int
    balance: int
    may_go_negative: bool
    policy: ExpiryPolicy
    active_on: date | None = None
    delta: int = 0
    moves: int = 0
    owes: bool = False
    lots: list[OpenLot] = field(default_factory=list)

    @property
    def usable(self) -> int:
        """What can be taken without going into debt."""
        return max(0, self.balance)


@dataclass(slots=True)
class Changes:
    """Rows that a batch of postings adds beside its transfers."""

    lots: list[tuple[Any, ...]] = field(default_factory=list)
    # What of a new lot went into repaying a debt, by its transfer and last day.
    repayments: dict[tuple[int, date | None], int] = field(default_factory=dict)
    draws: list[tuple[int, int, int]] = field(default_factory=list)


class Days:
    """The programme's calendar, read once for a batch and only when it is asked for."""

    def __init__(self) -> None:
        self._zone: ZoneInfo | None = None

    def of(self, at: datetime) -> date:
        self._zone = self._zone or programme_zone()
        return at.astimezone(self._zone).date()


def take(
    account: Held, transfer_id: int, posting: Posting, changes: Changes, days: Days
) -> list[tuple[OpenLot, int]]:
    """Take an amount out of an account's lots; returns what each lot gave.

    Only taking back and a merge may go on where no lot covers it, and only where the
    wallet allows debt: nobody spends on credit.
    """
    missing = posting.amount
    drawn = []
    for lot in lots_to_draw_on(account, posting, days):
        if taken := min(lot.remaining, missing):
            lot.remaining -= taken
            missing -= taken
            drawn.append((lot, taken))
            changes.draws.append((transfer_id, lot.id, taken))
    owes = posting.reverses_id or posting.kind == Transfer.Kind.MERGE
    if missing and not (account.may_go_negative and owes):
        usable = posting.amount - missing
        raise NotEnoughPoints(wanted=posting.amount, balance=usable)
    account.owes |= missing > 0
    account.balance -= posting.amount
    account.delta -= posting.amount
    account.moves += 1
    return drawn


def lots_to_draw_on(account: Held, posting: Posting, days: Days) -> list[OpenLot]:
    """Choose the lots a posting may draw on, in the order in which it draws.

    An expiry empties its own lot. Taking back what was earned starts with the very lot
    it formed; where a lot is named, with what has its last day. A merge moves everything.
    All else may use what has not expired on its business day.
    """
    if posting.reverses_id is not None:
        any_day = posting.lot_id is None
        return sorted(
            account.lots,
            key=lambda lot: (
                lot.transfer_id != posting.reverses_id,
                not any_day and lot.expires_on != posting.expires_on,
            ),
        )
    if posting.lot_id is not None:
        return [lot for lot in account.lots if lot.id == posting.lot_id]
    if posting.kind == Transfer.Kind.MERGE or not account.lots:
        return account.lots
    day = days.of(posting.happened_at)
    return [
        lot
        for lot in account.lots
        if lot.usable_through is None or lot.usable_through >= day
    ]


def heaps_of(
    posting: Posting,
    drawn: Sequence[tuple[OpenLot, int]],
    returns: Sequence[tuple[int, int]],
) -> dict[date | None, int]:
    """Say which new lots a member receives: amounts by their last usable day."""
    left = posting.amount - sum(amount for _lot_id, amount in returns)
    if not left:
        return {}
    if not drawn or posting.reverses_id is not None:
        return {posting.expires_on: left}
    heaps: dict[date | None, int] = defaultdict(int)
    for lot, amount in drawn:
        heaps[lot.expires_on] += amount
        left -= amount
    if left:
        # Moved on credit, with a merged member's debt.
        heaps[posting.expires_on] += left
    return heaps


def give(
    account: Held,
    transfer_id: int,
    heaps: dict[date | None, int],
    returns: Sequence[tuple[int, int]],
    changes: Changes,
) -> None:
    """Put an amount into an account: back into its own lots, and into new ones.

    Whoever owes repays first, with the new points before the returning ones; only the
    rest can be spent.
    """
    debt = max(0, -account.balance)
    for expires_on, amount in heaps.items():
        repaid = min(amount, debt)
        debt -= repaid
        changes.lots.append((account.id, transfer_id, amount, amount - repaid, expires_on))
        if repaid:
            changes.repayments[transfer_id, expires_on] = repaid
    for lot_id, amount in returns:
        repaid = min(amount, debt)
        debt -= repaid
        if amount > repaid:
            changes.draws.append((transfer_id, lot_id, repaid - amount))
    total = sum(heaps.values()) + sum(amount for _lot_id, amount in returns)
    account.balance += total
    account.delta += total
    account.moves += 1


class Drawn:
    """What reversed transfers had drawn and not got back yet, the last draw on top."""

    def __init__(self, rows: Iterable[tuple[int, int, int]]) -> None:
        self._stacks: dict[int, list[tuple[int, int]]] = defaultdict(list)
        for transfer_id, lot_id, amount in rows:
            self._stacks[transfer_id].append((lot_id, amount))

    def pop_last(self, posting: Posting) -> list[tuple[int, int]]:
        """Return (lot, amount) for as much of a reversal as came out of lots.

        The last lots drawn on get theirs back first, as if less had been spent; they are
        named in the order in which they were drawn on. A lot that the posting names comes
        before all of them.
        """
        stack = self._stacks.get(posting.reverses_id or 0, [])
        stack.sort(key=lambda drawn: drawn[0] == posting.lot_id)
        missing = posting.amount
        returns = []
        while stack and missing:
            lot_id, amount = stack.pop()
            taken = min(amount, missing)
            missing -= taken
            returns.append((lot_id, taken))
            if amount > taken:
                stack.append((lot_id, amount - taken))
        return returns[::-1]
