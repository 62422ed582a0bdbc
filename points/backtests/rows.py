"""The rows of a back-test under way: orders to look at, limits, sums of members."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Sequence
from datetime import datetime

from activities.models import Order
from core.batch import Column, execute, fetch_all, rows_source, sql_value
from points.earning.backtest import Sums
from points.earning.basket import ORDER
from points.earning.caps import Use, UseKey, as_date
from points.models import BackTest, BackTestOrder, Transfer

# When an order was placed, and its number: its place in business time.
Listed = tuple[datetime, int]

USE_COLUMNS = (
    Column("rule_id", "bigint"),
    Column("member_number", "bigint"),
    Column("period", "text"),
    Column("starts_on", "date"),
)
COUNT_COLUMNS = (Column("points", "bigint"), Column("times", "int"))
MEMBER_COLUMNS = (
    Column("wallet_id", "bigint"),
    Column("member_id", "bigint"),
    Column("points_before", "bigint"),
    Column("points_after", "bigint"),
    Column("points_given", "bigint"),
)
GIVEN = """
SELECT t.source_id, a.wallet_id, e.code, SUM(t.amount - COALESCE(k.amount, 0))
FROM {source} CROSS JOIN points_transfer t
JOIN points_account a ON a.id = t.from_account_id
JOIN points_earnrule e ON e.id = t.rule_id
LEFT JOIN points_takenback k ON k.transfer_id = t.id
WHERE t.source_id = r.id AND t.source_type = %s AND t.kind = %s
GROUP BY t.source_id, a.wallet_id, e.code
"""


def list_orders(test: BackTest, upto: int) -> int:
    """Put the orders of the period with numbers up to ``upto`` on the list. One query."""
    return execute(
        "INSERT INTO points_backtestorder (back_test_id, placed_at, order_id) "
        "SELECT %s, placed_at, id FROM activities_order "
        "WHERE id > %s AND id <= %s AND placed_on >= %s AND placed_on <= %s "
        "AND status = %s ORDER BY placed_at, id",
        [
            test.pk,
            test.listed_id,
            upto,
            test.first_day,
            test.last_day,
            Order.Status.COMPLETED.value,
        ],
    )


def next_orders(test: BackTest, size: int) -> list[Listed]:
    """Return the orders that come next in business time. One query."""
    left = BackTestOrder.objects.filter(back_test=test)
    if test.reached_at is not None:
        left = left.filter(placed_at__gte=test.reached_at)
        # Others may have been placed in the very moment of the last one.
        left = left.exclude(placed_at=test.reached_at, order__lte=test.reached_id)
    ordered = left.order_by("placed_at", "order_id")
    return list(ordered.values_list("placed_at", "order_id")[:size])


def given_for(order_ids: Sequence[int]) -> dict[int, list[tuple[int, str, int]]]:
    """Return what rules gave for orders and refunds left: wallet, code, points."""
    source, parameters = rows_source([Column("id", "bigint")], [[i] for i in order_ids])
    rows = fetch_all(
        GIVEN.format(source=source), [*parameters, ORDER, Transfer.Kind.EARN.value]
    )
    found: dict[int, list[tuple[int, str, int]]] = defaultdict(list)
    for order_id, wallet_id, code, points in rows:
        if points:
            found[order_id].append((wallet_id, code, int(points)))
    return found


def load_uses(test: BackTest, side: str, keys: Collection[UseKey]) -> dict[UseKey, Use]:
    """Return the counts of one side's limits so far, those at zero too. One query."""
    uses = {key: Use(id=0, points=0, times=0) for key in keys}
    if not keys:
        return uses
    source, parameters = rows_source(USE_COLUMNS, sorted(keys))
    rows = fetch_all(
        "SELECT u.rule_id, u.member_number, u.period, u.starts_on, u.points, u.times "
        f"FROM {source} CROSS JOIN points_backtestuse u WHERE u.back_test_id = %s "
        "AND u.side = %s AND u.rule_id = r.rule_id "
        "AND u.member_number = r.member_number AND u.period = r.period "
        "AND u.starts_on = r.starts_on",
        [*parameters, test.pk, side],
    )
    for rule_id, member, period, day, points, times in rows:
        uses[rule_id, member, period, as_date(day)] = Use(0, points, times)
    return uses


def save_uses(test: BackTest, side: str, uses: dict[UseKey, Use]) -> None:
    """Add what a chunk has claimed."""
    rows = [
        (*key, use.more_points, use.more_times)
        for key, use in sorted(uses.items())
        if use.more_points or use.more_times
    ]
    if not rows:
        return
    source, parameters = rows_source((*USE_COLUMNS, *COUNT_COLUMNS), rows)
    names = "rule_id, member_number, period, starts_on, points, times"
    execute(
        f"INSERT INTO points_backtestuse (back_test_id, side, {names}) "
        f"SELECT %s, %s, {names} FROM {source} WHERE true "
        "ON CONFLICT (back_test_id, side, rule_id, member_number, period, starts_on) "
        "DO UPDATE SET points = points_backtestuse.points + excluded.points, "
        "times = points_backtestuse.times + excluded.times",
        [test.pk, side, *parameters],
    )


def save_members(test: BackTest, sums: Sums) -> None:
    """Add what a chunk came to for members."""
    rows = [(*key, *numbers) for key, numbers in sorted(sums.items())]
    if not rows:
        return
    source, parameters = rows_source(MEMBER_COLUMNS, rows)
    names = ", ".join(column.name for column in MEMBER_COLUMNS)
    added = ", ".join(
        f"{column.name} = points_backtestmember.{column.name} + excluded.{column.name}"
        for column in MEMBER_COLUMNS[2:]
    )
    execute(
        f"INSERT INTO points_backtestmember (back_test_id, {names}) "
        f"SELECT %s, {names} FROM {source} WHERE true "
        f"ON CONFLICT (back_test_id, wallet_id, member_id) DO UPDATE SET {added}",
        [test.pk, *parameters],
    )


def strike_off(test: BackTest, last: Listed) -> None:
    """Take the orders up to this one off the list."""
    placed_at, order_id = last
    execute(
        "DELETE FROM points_backtestorder WHERE back_test_id = %s "
        "AND (placed_at < %s OR (placed_at = %s AND order_id <= %s))",
        [test.pk, sql_value(placed_at), sql_value(placed_at), order_id],
    )


def forget_work(test: BackTest) -> None:
    """Delete what only a test under way needs."""
    execute("DELETE FROM points_backtestorder WHERE back_test_id = %s", [test.pk])
    execute("DELETE FROM points_backtestuse WHERE back_test_id = %s", [test.pk])


def forget_members(test: BackTest) -> None:
    """Delete the sums of members."""
    execute("DELETE FROM points_backtestmember WHERE back_test_id = %s", [test.pk])


def forget_old_members(kept: int) -> None:
    """Keep the sums of members for the newest tests that are done; results stay."""
    done = BackTest.objects.filter(state=BackTest.State.DONE).order_by("-pk")
    old = done.values_list("pk", flat=True)[kept : kept + 1].first()
    if old is not None:
        execute(
            "DELETE FROM points_backtestmember WHERE back_test_id IN "
            "(SELECT id FROM points_backtest WHERE id <= %s AND state = %s)",
            [old, BackTest.State.DONE.value],
        )
