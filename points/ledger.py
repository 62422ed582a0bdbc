"""The one function that writes the ledger.

``post`` takes a batch of postings and, in one transaction:

1. inserts their transfers, sorted by key; a key that exists is a repeat and does nothing,
   and the database counts what a reversal takes back, never more than was moved,
2. locks the members' accounts concerned in ascending id,
3. draws on lots (first-expiring first spent), forms lots or notes what is held,
4. changes each balance by one guarded statement whose row count is checked.

Keys before accounts and both in ascending order is the lock order of the ledger; a verb
that writes a key of its own may lock the accounts first (docs/locking.md). The row lock of
an account also guards its lots. SQLite has no row locks; there the transaction itself is
the only writer.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import date
from typing import Any, NamedTuple

from django.db import DEFAULT_DB_ALIAS, IntegrityError, transaction
from django.utils.translation import gettext as _

from core.batch import (
    Column,
    execute,
    fetch_all,
    insert_new,
    insert_rows,
    is_postgresql,
    rows_source,
)
from points.errors import (
    AlreadyReversed,
    AmountOutOfRange,
    KeyReused,
    NotEnoughPoints,
)
from points.expiry import INACTIVITY, ExpiryPolicy, last_day_of_undated
from points.holdings import Changes, Days, Drawn, Held, OpenLot, give, heaps_of, take
from points.links import current_accounts
from points.models import MAX_AMOUNT, Account, Transfer
from points.postings import HoldTerms, Posted, Posting

__all__ = [
    "Held",
    "HoldTerms",
    "Locked",
    "Posted",
    "Posting",
    "as_date",
    "lock_accounts",
    "post",
    "transfer_of",
]

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
    Column("funder_id", "bigint"),
    Column("reason", "text"),
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
HOLD_COLUMNS = (
    Column("transfer_id", "bigint"),
    Column("account_id", "bigint"),
    Column("amount", "bigint"),
    Column("remaining", "bigint"),
    Column("matures_on", "date"),
    Column("days_after_delivery", "int"),
    Column("expires_on", "date"),
)
CHANGE_COLUMNS = (
    Column("id", "bigint"),
    Column("delta", "bigint"),
    Column("moves", "int"),
    Column("owes", "boolean"),
    Column("active_on", "date"),
)
# What is read of an account ``a`` in a wallet ``w`` under lock.
HELD = (
    "a.id, a.balance, a.may_go_negative, a.active_on, w.expiry_policy, w.expiry_months, "
    "w.expiry_day, w.expiry_since"
)
# The bound that a trigger asks for with each reversal.
COUNT_OF_REVERSALS = "points_takenback_never_more_than_moved"
# What keeps a member's points alive in a wallet that counts inactivity.
ACTIVE_KINDS = frozenset(
    (
        Transfer.Kind.EARN.value,
        Transfer.Kind.SPEND.value,
        Transfer.Kind.RESERVE.value,
        Transfer.Kind.OPENING.value,
    )
)


class Locked(NamedTuple):
    """Members' accounts that a verb has locked already, and programme accounts it uses."""

    held: Mapping[int, Held]
    programme: Collection[int]


def post(postings: Sequence[Posting], *, locked: Locked | None = None) -> dict[str, Posted]:
    """Write movements once each and return what became of every key.

    ``locked`` are the accounts concerned, when the caller's own transaction has them.
    Raises KeyReused when a key stands for another movement, NotEnoughPoints when a
    member's account would fall below zero without leave, AlreadyReversed when more would
    be taken back than was moved, AmountOutOfRange.
    """
    by_key: dict[str, Posting] = {}
    for posting in postings:
        if not 1 <= posting.amount <= MAX_AMOUNT:
            raise AmountOutOfRange(f"{posting.amount} is no amount of points.")
        if (first := by_key.setdefault(posting.key, posting)) != posting:
            raise KeyReused(first.key)
    if not by_key:
        return {}
    # No savepoint of its own: every verb has one, and undoes the whole of it.
    with transaction.atomic(savepoint=False):
        ordered = [by_key[key] for key in sorted(by_key)]
        posted = _insert_transfers(ordered)
        fresh = [(posted[p.key].transfer_id, p) for p in ordered if posted[p.key].is_new]
        if fresh:
            _move(fresh, locked)
        return posted


def transfer_of(posting: Posting, posted: Posted) -> Transfer:
    """Return the transfer of a posting; what was just written is not read back.

    Of a new one, ``created_at`` is the database's and is read when somebody asks for it.
    """
    if not posted.is_new:
        return Transfer.objects.get(pk=posted.transfer_id)
    names = [column.name for column in TRANSFER_COLUMNS]
    known = {"id": posted.transfer_id, **dict(zip(names, posting, strict=False))}
    fields = [f.attname for f in Transfer._meta.concrete_fields if f.attname in known]
    return Transfer.from_db(DEFAULT_DB_ALIAS, fields, [known[name] for name in fields])


def _insert_transfers(ordered: Sequence[Posting]) -> dict[str, Posted]:
    """Insert the transfers whose keys are new; check the others against what stands."""
    rows = [p[: len(TRANSFER_COLUMNS)] for p in ordered]
    try:
        new = insert_new(
            "points_transfer", TRANSFER_COLUMNS, rows, conflict="key", returning="key, id"
        )
    except IntegrityError as error:
        if COUNT_OF_REVERSALS in str(error):
            raise AlreadyReversed(_("This movement was taken back before.")) from error
        raise
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
        if content != wanted and _as_of_now(content) != wanted:
            raise KeyReused(posting.key)
        result[posting.key] = Posted(transfer_id, is_new=False)
    return result


def _as_of_now(content: Sequence[Any]) -> list[Any]:
    """Say what stands in the words of today, where a member was merged since."""
    kind, source, target, *rest = content
    now = current_accounts({source, target})
    return [kind, now[source], now[target], *rest]


def _move(fresh: Sequence[tuple[int, Posting]], locked: Locked | None) -> None:
    """Change lots and balances for transfers that were just written."""
    accounts = {a for _id, p in fresh for a in (p.from_account, p.to_account)}
    if locked:
        assert accounts <= {*locked.held, *locked.programme}, "the caller locked them all"
    held = locked.held if locked else lock_accounts(accounts)
    reversals = [posting for _id, posting in fresh if posting.reverses_id]
    days = Days()
    _read_lots([held[p.from_account] for _id, p in fresh if p.from_account in held])
    given_back = _draws_to_give_back(reversals)
    changes = Changes()
    for transfer_id, posting in fresh:
        drawn: list[tuple[OpenLot, int]] = []
        if account := held.get(posting.from_account):
            drawn = take(account, transfer_id, posting, changes, days)
        if account := held.get(posting.to_account):
            returns = given_back.pop_last(posting)
            heaps = heaps_of(posting, drawn, returns)
            give(account, transfer_id, heaps, returns, changes)
    _write_lots(changes)
    _write_holds(fresh)
    _note_activity(fresh, held, days)
    _write_balances([account for account in held.values() if account.moves])


def lock_accounts(account_ids: Collection[int]) -> dict[int, Held]:
    """Lock the members' accounts among these, ascending by id, and read their balances."""
    source, parameters = rows_source([Column("id", "bigint")], [[i] for i in account_ids])
    lock = "ORDER BY a.id FOR UPDATE OF a" if is_postgresql() else "ORDER BY a.id"
    rows = fetch_all(
        f"SELECT {HELD} FROM points_account a JOIN {source} ON r.id = a.id "
        "JOIN points_wallet w ON w.id = a.wallet_id "
        f"WHERE a.kind = '{Account.Kind.MEMBER}' {lock}",
        parameters,
        prepare=True,
    )
    return {row[0]: held_of(row) for row in rows}


def held_of(row: Sequence[Any]) -> Held:
    """Read an account from a row that begins with the columns HELD."""
    policy = ExpiryPolicy(row[4], row[5] or 0, as_date(row[6]), as_date(row[7]))
    return Held(row[0], row[1], bool(row[2]), policy, as_date(row[3]))


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
        prepare=True,
    )
    for account_id, lot_id, remaining, expires_on, transfer_id in rows:
        account = by_id[account_id]
        day = as_date(expires_on)
        account.lots.append(OpenLot(lot_id, remaining, day, transfer_id))
    for account in by_id.values():
        if undated := last_day_of_undated(account.policy, account.active_on):
            account.lots.sort(key=lambda lot: (lot.expires_on or undated, lot.id))
            for lot in account.lots:
                lot.usable_through = lot.expires_on or undated


def as_date(value: date | str | None) -> date | None:
    """Read a date of a hand-written query; SQLite hands out text."""
    return date.fromisoformat(value) if isinstance(value, str) else value


def _draws_to_give_back(reversals: Sequence[Posting]) -> Drawn:
    """Read what each reversed transfer had drawn, less what earlier reversals put back."""
    if not reversals:
        return Drawn([])
    ids = sorted({posting.reverses_id or 0 for posting in reversals})
    source, parameters = rows_source([Column("id", "bigint")], [[i] for i in ids])
    rows = fetch_all(
        "SELECT d.original_id, d.lot_id, SUM(d.amount), MIN(d.id) AS first FROM ("
        "SELECT r.id AS original_id, d.lot_id, d.amount, d.id FROM points_lotdraw d "
        f"JOIN {source} ON r.id = d.transfer_id "
        # Not what went into a debt: that is a draw on the lot which the transfer formed.
        "JOIN points_lot l ON l.id = d.lot_id AND l.transfer_id <> d.transfer_id UNION ALL "
        "SELECT r.id, d.lot_id, d.amount, d.id FROM points_lotdraw d "
        "JOIN points_transfer t ON t.id = d.transfer_id AND t.reverses_id IS NOT NULL "
        f"JOIN {source} ON r.id = t.reverses_id WHERE d.amount < 0"
        ") AS d GROUP BY d.original_id, d.lot_id "
        "HAVING SUM(d.amount) > 0 ORDER BY first",
        [*parameters, *parameters],
    )
    return Drawn((row[0], row[1], int(row[2])) for row in rows)


def _write_lots(changes: Changes) -> None:
    insert_rows("points_lot", LOT_COLUMNS, changes.lots)
    _write_draws(changes.draws)
    insert_rows("points_lotdraw", DRAW_COLUMNS, _repayment_draws(changes.repayments))


def _repayment_draws(
    repayments: Mapping[tuple[int, date | None], int],
) -> list[tuple[int, int, int]]:
    """Say on the new lots themselves how much of them went into repaying a debt."""
    if not repayments:
        return []
    ids = sorted({transfer_id for transfer_id, _day in repayments})
    source, parameters = rows_source([Column("id", "bigint")], [[i] for i in ids])
    rows = fetch_all(
        "SELECT l.transfer_id, l.id, l.expires_on FROM points_lot l "
        f"JOIN {source} ON r.id = l.transfer_id",
        parameters,
    )
    return [
        (transfer_id, lot_id, repaid)
        for transfer_id, lot_id, day in rows
        if (repaid := repayments.get((transfer_id, as_date(day))))
    ]


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
        prepare=True,
    )
    # The account's lock was held since the lots were read, so nobody else changed them.
    assert changed == len(totals), "lots changed outside the lock of their account"
    insert_rows("points_lotdraw", DRAW_COLUMNS, draws)


def _write_holds(fresh: Sequence[tuple[int, Posting]]) -> None:
    """Note for whom the programme holds what went to its held account."""
    rows = [
        (
            transfer_id,
            posting.hold.account_id,
            posting.amount,
            posting.amount,
            posting.hold.matures_on,
            posting.hold.days_after_delivery,
            posting.expires_on,
        )
        for transfer_id, posting in fresh
        if posting.hold
    ]
    insert_rows("points_hold", HOLD_COLUMNS, rows)


def _note_activity(
    fresh: Sequence[tuple[int, Posting]], held: Mapping[int, Held], days: Days
) -> None:
    """Move the day of the last activity on, where a wallet counts from it."""
    for _transfer_id, posting in fresh:
        if posting.kind not in ACTIVE_KINDS:
            continue
        account = held.get(posting.from_account) or held.get(posting.to_account)
        if account and account.policy.kind == INACTIVITY:
            day = days.of(posting.happened_at)
            account.active_on = max(account.active_on or day, day)


def _write_balances(accounts: Sequence[Held]) -> None:
    """Change balances by one guarded statement; a refused row rolls everything back."""
    ordered = sorted(accounts, key=lambda account: account.id)
    rows = [(a.id, a.delta, a.moves, a.owes, a.active_on) for a in ordered]
    source, parameters = rows_source(CHANGE_COLUMNS, rows)
    changed = execute(
        "UPDATE points_account SET balance = points_account.balance + r.delta, "
        "version = points_account.version + r.moves, "
        f"active_on = COALESCE(r.active_on, points_account.active_on) FROM {source} "
        "WHERE points_account.id = r.id AND (points_account.balance + r.delta >= 0 "
        "OR r.delta >= 0 OR (r.owes AND points_account.may_go_negative))",
        parameters,
        prepare=True,
    )
    if changed != len(rows):
        short = min(accounts, key=lambda a: a.balance)
        raise NotEnoughPoints(wanted=-short.delta, balance=short.balance - short.delta)
