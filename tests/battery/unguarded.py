"""The ledger without what protects it: for negative controls only.

Balances and lots are read, decided upon in Python and written back; nothing is locked and
no statement looks whether it still may. The constraints have to be dropped as well, or the
database itself would refuse the worst of it.
"""

from __future__ import annotations

import time
from collections.abc import Collection, Sequence

import psycopg

from tests.battery.running import Database

PAUSE = 0.01
CONSTRAINTS = {
    "points_account": "points_account_balance_not_negative",
    "points_lot": "points_lot_remaining_in_bounds",
}


def drop_constraints(database: Database) -> None:
    """Take the last line of defence out of a scratch database on PostgreSQL."""
    with psycopg.connect(database.url) as server:
        for table, name in CONSTRAINTS.items():
            server.execute(f"ALTER TABLE {table} DROP CONSTRAINT {name}")


def take_guards_away() -> None:
    """Replace the ledger's locks and guarded statements in this process."""
    from core.batch import Column, execute, fetch_all, insert_rows, rows_source
    from points import ledger, services

    def read_accounts(account_ids: Collection[int]) -> dict[int, ledger.Held]:
        ids = [[pk] for pk in account_ids]
        source, parameters = rows_source([Column("id", "bigint")], ids)
        rows = fetch_all(
            "SELECT a.id, a.balance, a.may_go_negative FROM points_account a "
            f"JOIN {source} ON r.id = a.id WHERE a.kind = 'member'",
            parameters,
        )
        # What a slow machine does by itself: others read before this one writes.
        time.sleep(PAUSE)
        return {row[0]: ledger.Held(row[0], row[1], bool(row[2])) for row in rows}

    def write_balances(accounts: Sequence[ledger.Held]) -> None:
        for account in accounts:
            execute(
                "UPDATE points_account SET balance = %s, version = version + %s "
                "WHERE id = %s",
                [account.balance, account.moves, account.id],
            )

    def write_draws(draws: Sequence[tuple[int, int, int]]) -> None:
        for _transfer_id, lot_id, amount in draws:
            execute(
                "UPDATE points_lot SET remaining = remaining - %s WHERE id = %s",
                [amount, lot_id],
            )
        insert_rows("points_lotdraw", ledger.DRAW_COLUMNS, draws)

    ledger.lock_accounts = services.lock_accounts = read_accounts
    ledger._write_balances = write_balances
    ledger._write_draws = write_draws
