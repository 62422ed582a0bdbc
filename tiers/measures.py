"""What counts, added up from the facts: purchases less refunds, points earned less taken
back. Never from a balance, so spending points lowers no tier.

Each question is a row (member, slot, span); a slot is a number that the caller chose. One
statement answers any number of questions.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any, NamedTuple

from core.batch import Column, fetch_all, is_postgresql, rows_source
from core.clock import programme_zone, start_of_day
from members.merged import merged_ids
from tiers.windows import A_DAY, Span

CENT = Decimal("0.01")
Key = tuple[int, int]


class OrderQuestion(NamedTuple):
    """Purchases of a member in a span; what is needed, to ask since when they suffice."""

    member_id: int
    slot: int
    span: Span
    spend: Decimal | None = None
    orders: int | None = None


class PointsQuestion(NamedTuple):
    """Points that a member earned in a wallet in a span."""

    member_id: int
    slot: int
    span: Span
    wallet_id: int
    points: int | None = None


class Purchases(NamedTuple):
    spend: Decimal
    orders: int
    first_on: date


class PointsEarned(NamedTuple):
    points: int
    first_at: datetime


# A sale counts on its own day, less what went back of it since, whenever that was.
ORDER_FACTS = (
    "SELECT r.id, r.slot, r.spend, r.orders, o.placed_on AS moment, "
    "o.total - o.refunded AS money, "
    "CASE WHEN o.total > 0 AND o.refunded >= o.total THEN 0 ELSE 1 END AS purchase "
    "FROM {source} JOIN activities_order o ON o.member_id = r.id "
    "AND o.status = 'completed' "
    "AND o.placed_on >= r.first_day AND o.placed_on <= r.last_day"
)
ORDER_COLUMNS = (
    Column("id", "bigint"),
    Column("slot", "bigint"),
    Column("first_day", "date"),
    Column("last_day", "date"),
    Column("spend", "numeric"),
    Column("orders", "bigint"),
)

# In a wallet of qualifying points, what staff or an old system gave counts too; in others
# it is a gift and not a merit. Held points count from their purchase on.
_COUNTED = (
    "t.happened_at >= r.first_day AND t.happened_at < r.last_day AND (t.kind = 'earn' OR "
    "(w.kind = 'qualifying' AND t.kind IN ('opening', 'adjust')))"
)
_LESS = "LEFT JOIN points_takenback b ON b.transfer_id = t.id"
_ACCOUNT = (
    "FROM {source} JOIN points_account a ON a.member_id = r.holder "
    "AND a.wallet_id = r.wallet JOIN points_wallet w ON w.id = a.wallet_id "
)
_HEAD = "SELECT r.id, r.slot, r.points AS need, t.happened_at AS moment, "
_NET = "t.amount - COALESCE(b.amount, 0) AS points "
POINTS_FACTS = (
    f"{_HEAD}{_NET}{_ACCOUNT}"
    f"JOIN points_transfer t ON t.to_account_id = a.id AND {_COUNTED} {_LESS} "
    f"UNION ALL {_HEAD}{_NET}{_ACCOUNT}"
    "JOIN points_hold h ON h.account_id = a.id "
    f"JOIN points_transfer t ON t.id = h.transfer_id AND {_COUNTED} {_LESS} "
    f"UNION ALL {_HEAD}COALESCE(b.amount, 0) - t.amount AS points {_ACCOUNT}"
    "JOIN points_transfer t ON t.from_account_id = a.id AND w.kind = 'qualifying' "
    "AND t.kind = 'adjust' AND t.happened_at >= r.first_day AND t.happened_at < r.last_day "
    f"{_LESS}"
)
POINTS_COLUMNS = (
    Column("id", "bigint"),
    Column("holder", "bigint"),
    Column("slot", "bigint"),
    Column("wallet", "bigint"),
    Column("first_day", "timestamptz"),
    Column("last_day", "timestamptz"),
    Column("points", "bigint"),
)


def measure_orders(questions: Sequence[OrderQuestion]) -> dict[Key, Purchases]:
    """Add up purchases; who bought nothing in the span is left out. One statement."""
    if not questions:
        return {}
    source, parameters = _order_source(questions)
    rows = fetch_all(
        "SELECT id, slot, SUM(money), SUM(purchase), MIN(moment) FROM "
        f"({ORDER_FACTS.format(source=source)}) AS facts GROUP BY id, slot",
        parameters,
    )
    return {
        (row[0], row[1]): Purchases(_money(row[2]), int(row[3]), _date(row[4]))
        for row in rows
    }


def measure_points(questions: Sequence[PointsQuestion]) -> dict[Key, PointsEarned]:
    """Add up points; who earned nothing in the span is left out. Two statements."""
    if not questions:
        return {}
    source, parameters = _points_source(questions)
    rows = fetch_all(
        "SELECT id, slot, SUM(points), MIN(moment) FROM "
        f"({POINTS_FACTS.format(source=source)}) AS facts GROUP BY id, slot",
        [*parameters] * 3,
    )
    return {(row[0], row[1]): PointsEarned(int(row[2]), _moment(row[3])) for row in rows}


def orders_suffice_since(
    questions: Sequence[OrderQuestion],
) -> dict[Key, tuple[date | None, date | None]]:
    """Return the latest day from which on purchases still come to what is needed.

    One day for the money and one for the number of orders. As long as that day lies in
    the window, nothing more has to be bought. One statement.
    """
    if not questions:
        return {}
    source, parameters = _order_source(questions)
    running = "OVER (PARTITION BY id, slot ORDER BY moment DESC)"
    spend_need = "spend" if is_postgresql() else "CAST(spend AS NUMERIC)"
    rows = fetch_all(
        "SELECT id, slot, "
        f"MAX(CASE WHEN ROUND(since_money, 2) >= {spend_need} THEN moment END), "
        "MAX(CASE WHEN since_orders >= orders THEN moment END) FROM ("
        "SELECT id, slot, spend, orders, moment, "
        f"SUM(SUM(money)) {running} AS since_money, "
        f"SUM(SUM(purchase)) {running} AS since_orders FROM "
        f"({ORDER_FACTS.format(source=source)}) AS facts "
        "GROUP BY id, slot, spend, orders, moment) AS days GROUP BY id, slot",
        parameters,
    )
    return {(row[0], row[1]): (_day(row[2]), _day(row[3])) for row in rows}


def points_suffice_since(questions: Sequence[PointsQuestion]) -> dict[Key, datetime | None]:
    """Return the latest moment from which on points still come to what is needed."""
    if not questions:
        return {}
    source, parameters = _points_source(questions)
    running = "OVER (PARTITION BY id, slot ORDER BY moment DESC)"
    rows = fetch_all(
        "SELECT id, slot, MAX(CASE WHEN since >= need THEN moment END) FROM ("
        f"SELECT id, slot, need, moment, SUM(SUM(points)) {running} AS since FROM "
        f"({POINTS_FACTS.format(source=source)}) AS facts "
        "GROUP BY id, slot, need, moment) AS moments GROUP BY id, slot",
        [*parameters] * 3,
    )
    return {(row[0], row[1]): row[2] and _moment(row[2]) for row in rows}


def _order_source(questions: Sequence[OrderQuestion]) -> tuple[str, list[Any]]:
    rows = [
        (q.member_id, q.slot, q.span.first, q.span.last, q.spend, q.orders)
        for q in questions
    ]
    return rows_source(ORDER_COLUMNS, rows)


def _points_source(questions: Sequence[PointsQuestion]) -> tuple[str, list[Any]]:
    zone = programme_zone()
    days = {day for q in questions for day in _edges(q.span)}
    starts = {day: start_of_day(day, zone) for day in days}
    # What somebody earned who was merged into a member since counts for that member.
    merged = merged_ids({q.member_id for q in questions})
    rows = []
    for q in questions:
        first, after = _edges(q.span)
        asked = (q.slot, q.wallet_id, starts[first], starts[after], q.points)
        holders = (q.member_id, *merged.get(q.member_id, ()))
        rows += [(q.member_id, holder, *asked) for holder in holders]
    return rows_source(POINTS_COLUMNS, rows)


def _edges(span: Span) -> tuple[date, date]:
    return span.first, span.last + A_DAY


def _money(value: Any) -> Decimal:
    """Read a sum; SQLite adds up floats, so the cents are made whole again."""
    return Decimal(str(value)).quantize(CENT)


def _date(value: Any) -> date:
    return date.fromisoformat(value) if isinstance(value, str) else value


def _day(value: Any) -> date | None:
    return None if value is None else _date(value)


def _moment(value: Any) -> datetime:
    if isinstance(value, datetime):
        return value
    return datetime.fromisoformat(value).replace(tzinfo=UTC)
