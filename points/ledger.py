"""The one function that writes the ledger.

``post`` takes a batch of postings and, in one transaction:

1. inserts their transfers, sorted by key; a key that exists is a repeat and does nothing,
2. locks the members' accounts concerned in ascending id,
3. draws on lots (first-expiring first spent) or forms lots,
4. changes each balance by one guarded statement whose row count is checked.

Keys before accounts and both in ascending order is the lock order of the whole ledger
(docs/locking.md). The row lock of an account also guards its lots. SQLite has no row
locks; there the transaction itself is the only writer.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any, NamedTuple

from django.db import transaction

from core.batch import (
    Column,
    execute,
    fetch_all,
    insert_new,
    insert_rows,
    is_postgresql,
    rows_source,
)
from core.clock import local_date
from points.errors import AmountOutOfRange, KeyReused, NotEnoughPoints
from points.models import MAX_AMOUNT, Account

TRANSFER_COLUMNS = (
    Column("key", "text"),
    Column("kind", "text"),
    Column("from_account_id", "bigint"),
    Column("to_account_id", "bigint"),
    Column("amount", "bigint"),
    Column("happened_at", "timestamptz"),
    Column("source_type", "text"),
    Column("source_id", "bigint"),
    Column("rule_id", "bigint"),
    Column("rule_version", "int"),
    Column("reverses_id", "bigint"),
    Column("actor", "text"),
    Column("note", "text"),
)
LOT_COLUMNS = (
    Column("account_id", "bigint"),
    Column("transfer_id", "bigint"),
    Column("amount", "bigint"),
    Column("remaining", "bigint"),
    Column("expires_on", "date"),
)
DRAW_COLUMNS = (
    Column("transfer_id", "bigint"),
    Column("lot_id", "bigint"),
    Column("amount", "bigint"),
)
CHANGE_COLUMNS = (
    Column("id", "bigint"),
    Column("delta", "bigint"),
    Column("moves", "int"),
    Column("owes", "boolean"),
)


class Posting(NamedTuple):
    """One movement to be written.

    ``amount`` is in whole units of the wallet, ``expires_on`` the last usable day of the
    lot that a member's account receives, ``lot_id`` the one lot that an expiry empties.
    """

    key: str
    kind: str
    from_account: int
    to_account: int
    amount: int
    happened_at: datetime
    source_type: str = ""
    source_id: int | None = None
    rule_id: int | None = None
    rule_version: int | None = None
    reverses_id: int | None = None
    actor: str = ""
    note: str = ""
    expires_on: date | None = None
    lot_id: int | None = None


class Posted(NamedTuple):
    """What became of a posting: its transfer, and whether this call wrote it."""

    transfer_id: int
    is_new: bool


@dataclass(slots=True)
class OpenLot:
    """A lot with something left, as read under its account's lock."""

    id: int
    remaining: int
    expires_on: date | None
    transfer_id: int


@dataclass(slots=True)
class Held:
    """A member's account under lock, and what this batch does to it."""

    id: int
    balance: int
    may_go_negative: bool
    delta: int = 0
    moves: int = 0
    owes: bool = False
    lots: list[OpenLot] = field(default_factory=list)


@dataclass(slots=True)
class Changes:
    """Rows that a batch of postings adds beside its transfers."""

    lots: list[tuple[Any, ...]] = field(default_factory=list)
    repayments: list[tuple[int, int]] = field(default_factory=list)
    draws: list[tuple[int, int, int]] = field(default_factory=list)


def post(postings: Sequence[Posting]) -> dict[str, Posted]:
    """Write movements once each and return what became of every key.

    Raises KeyReused when a key stands for another movement, NotEnoughPoints when a
    member's account would fall below zero without leave, AmountOutOfRange.
    """
    by_key: dict[str, Posting] = {}
    for posting in postings:
        if not 1 <= posting.amount <= MAX_AMOUNT:
            raise AmountOutOfRange(f"{posting.amount} is no amount of points.")
        if (first := by_key.setdefault(posting.key, posting)) != posting:
            raise KeyReused(first.key)
    if not by_key:
        return {}
    with transaction.atomic():
        ordered = [by_key[key] for key in sorted(by_key)]
        posted = _insert_transfers(ordered)
        fresh = [(posted[p.key].transfer_id, p) for p in ordered if posted[p.key].is_new]
        if fresh:
            _move(fresh)
        return posted


def _insert_transfers(ordered: Sequence[Posting]) -> dict[str, Posted]:
    """Insert the transfers whose keys are new; check the others against what stands."""
    rows = [p[:13] for p in ordered]
    new = insert_new(
        "points_transfer", TRANSFER_COLUMNS, rows, conflict="key", returning="key, id"
    )
    posted = {key: Posted(transfer_id, is_new=True) for key, transfer_id in new}
    repeats = [p for p in ordered if p.key not in posted]
    if repeats:
        posted |= _read_repeats(repeats)
    return posted


def _read_repeats(repeats: Sequence[Posting]) -> dict[str, Posted]:
    """Find the first transfers of repeated keys; refuse a key with other content."""
    source, parameters = rows_source([Column("key", "text")], [[p.key] for p in repeats])
    stored = {
        row[0]: row
        for row in fetch_all(
            "SELECT t.key, t.id, t.kind, t.from_account_id, t.to_account_id, t.amount, "
            f"t.reverses_id FROM points_transfer t JOIN {source} ON r.key = t.key",
            parameters,
        )
    }
    result = {}
    for posting in repeats:
        _key, transfer_id, *content = stored[posting.key]
        wanted = [
            posting.kind,
            posting.from_account,
            posting.to_account,
            posting.amount,
            posting.reverses_id,
        ]
        if content != wanted:
            raise KeyReused(posting.key)
        result[posting.key] = Posted(transfer_id, is_new=False)
    return result


def _move(fresh: Sequence[tuple[int, Posting]]) -> None:
    """Change lots and balances for transfers that were just written."""
    held = lock_accounts({a for _id, p in fresh for a in (p.from_account, p.to_account)})
    _read_lots([held[p.from_account] for _id, p in fresh if p.from_account in held])
    given_back = _draws_to_give_back([p for _id, p in fresh if p.reverses_id])
    changes = Changes()
    for transfer_id, posting in fresh:
        if account := held.get(posting.from_account):
            _take(account, transfer_id, posting, changes)
        if account := held.get(posting.to_account):
            returns = given_back.get(posting.reverses_id or 0, [])
            _give(account, transfer_id, posting, returns, changes)
    _write_lots(changes)
    _write_balances([account for account in held.values() if account.moves])


def lock_accounts(account_ids: Collection[int]) -> dict[int, Held]:
    """Lock the members' accounts among these, ascending by id, and read their balances."""
    source, parameters = rows_source([Column("id", "bigint")], [[i] for i in account_ids])
    lock = "ORDER BY a.id FOR UPDATE OF a" if is_postgresql() else "ORDER BY a.id"
    rows = fetch_all(
        f"SELECT a.id, a.balance, a.may_go_negative FROM points_account a "
        f"JOIN {source} ON r.id = a.id WHERE a.kind = '{Account.Kind.MEMBER}' {lock}",
        parameters,
    )
    return {row[0]: Held(row[0], row[1], bool(row[2])) for row in rows}


def _read_lots(accounts: Iterable[Held]) -> None:
    """Read the open lots of locked accounts, first-expiring first."""
    by_id = {account.id: account for account in accounts}
    if not by_id:
        return
    source, parameters = rows_source([Column("id", "bigint")], [[i] for i in by_id])
    rows = fetch_all(
        "SELECT l.account_id, l.id, l.remaining, l.expires_on, l.transfer_id "
        f"FROM points_lot l JOIN {source} ON r.id = l.account_id WHERE l.remaining > 0 "
        "ORDER BY l.account_id, l.expires_on IS NULL, l.expires_on, l.id",
        parameters,
    )
    for account_id, lot_id, remaining, expires_on, transfer_id in rows:
        lot = OpenLot(lot_id, remaining, as_date(expires_on), transfer_id)
        by_id[account_id].lots.append(lot)


def as_date(value: date | str | None) -> date | None:
    """Read a date of a hand-written query; SQLite hands out text."""
    return date.fromisoformat(value) if isinstance(value, str) else value


def _take(account: Held, transfer_id: int, posting: Posting, changes: Changes) -> None:
    """Take an amount out of an account's lots.

    Only taking back may go on where no lot covers it, and only where the wallet allows
    debt: nobody spends on credit.
    """
    missing = posting.amount
    for lot in _lots_to_draw_on(account, posting):
        taken = min(lot.remaining, missing)
        if taken:
            lot.remaining -= taken
            missing -= taken
            changes.draws.append((transfer_id, lot.id, taken))
    if missing and not (account.may_go_negative and posting.reverses_id):
        usable = posting.amount - missing
        raise NotEnoughPoints(wanted=posting.amount, balance=usable)
    account.owes |= missing > 0
    account.balance -= posting.amount
    account.delta -= posting.amount
    account.moves += 1


def _lots_to_draw_on(account: Held, posting: Posting) -> list[OpenLot]:
    """Choose the lots a posting may draw on, in the order in which it draws.

    An expiry empties its own lot. Taking back what was earned starts with the very lot
    it formed. Everything else may use what has not expired on its business day.
    """
    if posting.lot_id is not None:
        return [lot for lot in account.lots if lot.id == posting.lot_id]
    if posting.reverses_id is not None:
        return sorted(account.lots, key=lambda lot: lot.transfer_id != posting.reverses_id)
    day = local_date(posting.happened_at)
    return [lot for lot in account.lots if lot.expires_on is None or lot.expires_on >= day]


def _give(
    account: Held,
    transfer_id: int,
    posting: Posting,
    returns: Sequence[tuple[int, int]],
    changes: Changes,
) -> None:
    """Put an amount into an account: back into its own lots, then into a new one.

    Whoever owes repays first, with the new points before the returning ones; only the
    rest can be spent.
    """
    debt = max(0, -account.balance)
    if left := posting.amount - sum(amount for _lot_id, amount in returns):
        repaid = min(left, debt)
        debt -= repaid
        changes.lots.append(
            (account.id, transfer_id, left, left - repaid, posting.expires_on)
        )
        if repaid:
            changes.repayments.append((transfer_id, repaid))
    for lot_id, amount in returns:
        repaid = min(amount, debt)
        debt -= repaid
        if amount > repaid:
            changes.draws.append((transfer_id, lot_id, repaid - amount))
    account.balance += posting.amount
    account.delta += posting.amount
    account.moves += 1


def _draws_to_give_back(reversals: Sequence[Posting]) -> dict[int, list[tuple[int, int]]]:
    """Read what each reversed transfer had drawn, lot by lot."""
    result: dict[int, list[tuple[int, int]]] = defaultdict(list)
    if not reversals:
        return result
    source, parameters = rows_source(
        [Column("id", "bigint")], [[p.reverses_id] for p in reversals]
    )
    rows = fetch_all(
        "SELECT d.transfer_id, d.lot_id, d.amount FROM points_lotdraw d "
        f"JOIN {source} ON r.id = d.transfer_id WHERE d.amount > 0 ORDER BY d.lot_id",
        parameters,
    )
    for transfer_id, lot_id, amount in rows:
        result[transfer_id].append((lot_id, amount))
    return result


def _write_lots(changes: Changes) -> None:
    insert_rows("points_lot", LOT_COLUMNS, changes.lots)
    _write_draws(changes.draws)
    insert_rows("points_lotdraw", DRAW_COLUMNS, _repayment_draws(changes.repayments))


def _repayment_draws(repayments: Sequence[tuple[int, int]]) -> list[tuple[int, int, int]]:
    """Say on the new lot itself how much of it went into repaying a debt."""
    if not repayments:
        return []
    source, parameters = rows_source(
        [Column("transfer_id", "bigint"), Column("amount", "bigint")], repayments
    )
    rows = fetch_all(
        "SELECT r.transfer_id, l.id, r.amount FROM points_lot l "
        f"JOIN {source} ON r.transfer_id = l.transfer_id",
        parameters,
    )
    return [(row[0], row[1], row[2]) for row in rows]


def _write_draws(draws: Sequence[tuple[int, int, int]]) -> None:
    """Lower (or raise again) what remains in lots, checked by row count, and record it."""
    if not draws:
        return
    totals: dict[int, int] = defaultdict(int)
    for _transfer_id, lot_id, amount in draws:
        totals[lot_id] += amount
    columns = [Column("id", "bigint"), Column("amount", "bigint")]
    source, parameters = rows_source(columns, sorted(totals.items()))
    changed = execute(
        "UPDATE points_lot SET remaining = points_lot.remaining - r.amount "
        f"FROM {source} WHERE points_lot.id = r.id "
        "AND points_lot.remaining - r.amount BETWEEN 0 AND points_lot.amount",
        parameters,
    )
    # The account's lock was held since the lots were read, so nobody else changed them.
    assert changed == len(totals), "lots changed outside the lock of their account"
    insert_rows("points_lotdraw", DRAW_COLUMNS, draws)


def _write_balances(accounts: Sequence[Held]) -> None:
    """Change balances by one guarded statement; a refused row rolls everything back."""
    ordered = sorted(accounts, key=lambda account: account.id)
    rows = [(a.id, a.delta, a.moves, a.owes) for a in ordered]
    source, parameters = rows_source(CHANGE_COLUMNS, rows)
    changed = execute(
        "UPDATE points_account SET balance = points_account.balance + r.delta, "
        f"version = points_account.version + r.moves FROM {source} "
        "WHERE points_account.id = r.id AND (points_account.balance + r.delta >= 0 "
        "OR r.delta >= 0 OR (r.owes AND points_account.may_go_negative))",
        parameters,
    )
    if changed != len(rows):
        short = min(accounts, key=lambda a: a.balance)
        raise NotEnoughPoints(wanted=-short.delta, balance=short.balance - short.delta)
