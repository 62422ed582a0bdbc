"""The ledger without what protects it: for negative controls only.

Balances and lots are read, decided upon in Python and written back; nothing is locked and
no statement looks whether it still may. The constraints have to be dropped as well, or the
database itself would refuse the worst of it.
"""

from __future__ import annotations

import time
from collections.abc import Collection, Mapping, Sequence
from importlib import import_module
from typing import Any

import psycopg

from tests.battery.running import Database

PAUSE = 0.01
CONSTRAINTS = {
    "points_account": "points_account_balance_not_negative",
    "points_lot": "points_lot_remaining_in_bounds",
    "points_hold": "points_hold_remaining_in_bounds",
    "points_takenback": "points_takenback_never_more_than_moved",
    "rewards_reward": "rewards_reward_never_more_than_stock",
    "rewards_voucher": "rewards_voucher_never_used_too_often",
}
# Everything that takes the accounts' lock by name.
LOCKING = (
    "points.ledger",
    "points.services.accounts",
    "points.services.expiring",
    "points.services.gifting",
    "points.services.holding",
    "points.services.merging",
    "points.services.reserving",
    "points.services.reversing",
)


def drop_constraints(database: Database) -> None:
    """Take the last line of defence out of a scratch database on PostgreSQL."""
    with psycopg.connect(database.url) as server:
        for table, name in CONSTRAINTS.items():
            server.execute(f"ALTER TABLE {table} DROP CONSTRAINT {name}")


def take_away(guards: str) -> None:
    """Take away what GUARDS_OFF names: nothing, one thing, or everything."""
    # "count" is a bound of the database alone: drop_constraints takes it away.
    if guards == "limit":
        stop_looking_at_the_day()
    elif guards == "scarce":
        stop_looking_at_what_is_left()
    elif guards == "locks":
        take_locks_away()
    elif guards and guards != "count":
        take_guards_away()


def take_guards_away() -> None:
    """Replace the ledger's locks and guarded statements in this process."""
    take_locks_away()
    take_conditions_away()


def take_locks_away() -> None:
    """Read accounts without locking them, and slowly."""
    from points import ledger
    from points.services import accounts as sides

    read, read_sides = ledger.lock_accounts, sides._lock_sides

    def read_sides_slowly(*which: Any) -> sides.Sides:
        found = read_sides(*which)
        time.sleep(PAUSE)
        return found

    def read_accounts(account_ids: Collection[int]) -> dict[int, ledger.Held]:
        accounts = read(account_ids)
        # What a slow machine does by itself: others read before this one writes.
        time.sleep(PAUSE)
        return accounts

    # Without "for update" in their questions.
    ledger.is_postgresql = sides.is_postgresql = lambda: False
    sides._lock_sides = read_sides_slowly
    for name in LOCKING:
        import_module(name).lock_accounts = read_accounts


def take_conditions_away() -> None:
    """Let every statement write what was worked out before, whatever is there now."""
    from core.batch import execute, insert_rows
    from points import ledger
    from points.services import holding, reversing

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

    def lower_holds(amounts: Mapping[int, int]) -> None:
        for pk, amount in amounts.items():
            execute(
                "UPDATE points_hold SET remaining = remaining - %s WHERE transfer_id = %s",
                [amount, pk],
            )

    ledger._write_balances = write_balances
    ledger._write_draws = write_draws
    holding.lower_holds = reversing.lower_holds = lower_holds


def stop_looking_at_the_day() -> None:
    """Let members give and receive as much in a day as they like."""
    from points.services import gifting

    gifting._check_daily_limit = lambda *terms: None


def stop_looking_at_what_is_left() -> None:
    """Let stock, codes and limits be counted only, as read-then-write would do it.

    What an earlier statement saw is believed: that there was something left.
    """
    from django.db.models import F

    from rewards.models import Reward, Voucher
    from rewards.services import redeeming
    from rewards.using import counting

    def take_stock(reward: Reward, member: Any, at: Any) -> None:
        time.sleep(PAUSE)
        Reward.objects.filter(pk=reward.pk).update(taken=F("taken") + 1)

    def take_use(voucher: Voucher) -> bool:
        time.sleep(PAUSE)
        return bool(Voucher.objects.filter(pk=voucher.pk).update(uses=F("uses") + 1))

    redeeming._take_stock = take_stock
    counting.take_use = take_use
    counting.take = lambda limits, *, day: None
