"""What happens when something happens.

A till, a web shop or a file tells purchases; this page is the whole story of what follows,
in one transaction. Every step takes a list: one order is a list of one, and a file of a
million goes through the same code in chunks.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from django.db import transaction

from activities.services import (
    KNOWN,
    NEW,
    REFUSED,
    OrderFact,
    SavedOrder,
    save_orders,
)
from campaigns.services import notice_orders
from core.retry import retry_on_conflict
from points.services import EarningOrder, earn_points, points_of_orders

__all__ = ["KNOWN", "NEW", "REFUSED", "Recorded", "record"]


@dataclass(frozen=True, slots=True)
class Recorded:
    """The answer to one fact: what became of it and the points that it gave."""

    fact: OrderFact
    outcome: str
    order_id: int | None
    points: int
    code: str = ""
    reason: str = ""


@retry_on_conflict
@transaction.atomic
def record(facts: Sequence[OrderFact], *, at: datetime) -> list[Recorded]:
    """Record facts once each and do everything that follows from them.

    A repeat is ``known`` and answers the points that the first telling gave; a fact that
    cannot be is ``refused`` with a reason, and the others are kept.
    """
    saved = save_orders(facts, at=at)
    purchases = [order for order in saved if order.counts]
    points = earn_points([_earning(order) for order in purchases])
    notice_orders(purchases, at=at)
    return _answers(saved, points)


def _earning(order: SavedOrder) -> EarningOrder:
    assert order.order_id is not None, "a saved order has an id"
    fact = order.fact
    return EarningOrder(
        order.order_id, fact.member_id, fact.total, fact.placed_at, order.placed_on
    )


def _answers(saved: Sequence[SavedOrder], points: dict[int, int]) -> list[Recorded]:
    known = [order.order_id for order in saved if order.outcome == KNOWN and order.order_id]
    if known:
        points = points_of_orders(known) | points
    return [
        Recorded(
            fact=order.fact,
            outcome=order.outcome,
            order_id=order.order_id,
            points=0 if order.outcome == REFUSED else points.get(order.order_id or 0, 0),
            code=order.code,
            reason=order.reason,
        )
        for order in saved
    ]
