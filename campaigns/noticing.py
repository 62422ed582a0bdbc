"""What campaigns do at the moment a purchase arrives."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Protocol

from django.db.models import F

from campaigns.goals import Reached, give_for_goals
from campaigns.models import Campaign, Step
from campaigns.tagging import tag_at_once
from core.batch import Column, fetch_all, is_postgresql, rows_source, sql_value


class PlacedOrder(Protocol):
    """What campaigns need to know of an order that was just saved."""

    @property
    def member_id(self) -> int: ...
    @property
    def order_id(self) -> int | None: ...
    @property
    def placed_at(self) -> datetime: ...


def notice_orders(orders: Sequence[PlacedOrder], *, at: datetime) -> None:
    """Put recency tags back at once, and mark who was called back as returned.

    Runs inside the transaction that saved the orders, whatever their number, in a handful
    of statements.
    """
    if not orders:
        return
    member_ids = sorted({order.member_id for order in orders})
    for step in _running_tag_steps():
        tag_at_once(step.campaign, step, member_ids, at=at)
    _mark_returned(orders, at=at)


def _running_tag_steps() -> list[Step]:
    steps = Step.objects.filter(
        kind=Step.Kind.TAG,
        campaign__state=Campaign.State.RUNNING,
        campaign__mode=Campaign.Mode.CONTINUOUS,
        campaign__version=F("version"),
    )
    return list(steps.select_related("campaign").order_by("campaign_id", "position"))


ORDER_COLUMNS = (
    Column("member_id", "bigint"),
    Column("order_id", "bigint"),
    Column("placed_at", "timestamptz"),
)
RETURN_COLUMNS = (Column("enrolment_id", "bigint"), Column("order_id", "bigint"))


def _mark_returned(orders: Sequence[PlacedOrder], *, at: datetime) -> None:
    """Close open enrolments whose goal is a purchase after entering.

    A purchase from before, told late, brings nobody back; nor does one that came when the
    days of the goal were over, and only the clock had not closed the way yet.
    """
    rows = [(order.member_id, order.order_id, order.placed_at) for order in orders]
    source, parameters = rows_source(ORDER_COLUMNS, rows)
    # In a fixed order, so that two batches with the same members cannot deadlock.
    lock = "FOR UPDATE OF e" if is_postgresql() else ""
    found = fetch_all(
        f"SELECT e.id, r.order_id FROM {source} "
        "JOIN campaigns_enrolment e ON e.member_id = r.member_id "
        "JOIN campaigns_campaign c ON c.id = e.campaign_id "
        "WHERE e.state = 'active' AND c.goal = 'order' AND r.placed_at > e.entered_at "
        "AND (e.step_id IS NOT NULL OR e.due_at IS NULL OR r.placed_at <= e.due_at) "
        f"ORDER BY e.id, r.placed_at, r.order_id {lock}",
        parameters,
    )
    first_orders: dict[int, int] = {}
    for enrolment_id, order_id in found:
        first_orders.setdefault(enrolment_id, order_id)
    if first_orders:
        _close_returned(list(first_orders.items()), at=at)


def _close_returned(returns: Sequence[tuple[int, int]], *, at: datetime) -> None:
    source, parameters = rows_source(RETURN_COLUMNS, returns)
    closed = fetch_all(
        "UPDATE campaigns_enrolment SET state = 'returned', closed_at = %s, "
        f"due_at = NULL, waiting_for = '', return_order_id = r.order_id FROM {source} "
        "WHERE campaigns_enrolment.id = r.enrolment_id "
        "AND campaigns_enrolment.state = 'active' "
        "RETURNING id, member_id, campaign_id, is_holdout",
        [sql_value(at), *parameters],
    )
    give_for_goals([Reached(*row) for row in closed], at=at)
