"""What members' purchases come to, added up anew where a refund changed it."""

from __future__ import annotations

from collections.abc import Collection

from core.batch import Column, execute, rows_source


def recompute_summaries(member_ids: Collection[int]) -> None:
    """Add up orders and refunds of these members again, by one statement.

    A purchase that went back whole is no purchase any more: it neither counts nor keeps a
    member recent. Spend is what was bought less all that was given back, so it can dip
    below zero.
    """
    source, parameters = rows_source(
        [Column("id", "bigint")], [[pk] for pk in sorted(member_ids)]
    )
    stands = "NOT (o.total > 0 AND o.refunded >= o.total)"
    execute(
        "INSERT INTO activities_purchasesummary "
        "(member_id, first_order_on, last_order_on, last_order_at, num_orders, spend) "
        "SELECT m.id, p.first_on, p.last_on, p.last_at, COALESCE(p.orders, 0), "
        "COALESCE(p.bought, 0) - COALESCE(b.back, 0) "
        f"FROM (SELECT id FROM {source}) AS m LEFT JOIN ("
        "SELECT o.member_id, "
        f"MIN(CASE WHEN {stands} THEN o.placed_on END) AS first_on, "
        f"MAX(CASE WHEN {stands} THEN o.placed_on END) AS last_on, "
        f"MAX(CASE WHEN {stands} THEN o.placed_at END) AS last_at, "
        f"SUM(CASE WHEN {stands} THEN 1 ELSE 0 END) AS orders, SUM(o.total) AS bought "
        f"FROM activities_order o JOIN {source} ON r.id = o.member_id "
        "WHERE o.status = 'completed' GROUP BY o.member_id"
        ") p ON p.member_id = m.id LEFT JOIN ("
        "SELECT f.member_id, SUM(f.total) AS back FROM activities_refund f "
        f"JOIN {source} ON r.id = f.member_id GROUP BY f.member_id"
        ") b ON b.member_id = m.id WHERE true "
        "ON CONFLICT (member_id) DO UPDATE SET first_order_on = excluded.first_order_on, "
        "last_order_on = excluded.last_order_on, last_order_at = excluded.last_order_at, "
        "num_orders = excluded.num_orders, spend = excluded.spend",
        [*parameters, *parameters, *parameters],
    )
