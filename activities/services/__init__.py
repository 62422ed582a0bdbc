"""Saving facts: each once, for ever, whoever tells it and however often."""

from activities.services.actions import ActivityFact, SavedActivity, save_activities
from activities.services.moving import move_facts, move_facts_back
from activities.services.orders import (
    KNOWN,
    MAX_TOTAL,
    NEW,
    REFUSED,
    OrderFact,
    OrderLineFact,
    SavedOrder,
    name_lines,
    save_orders,
)
from activities.services.refunds import (
    RefundFact,
    RefundLineFact,
    SavedRefund,
    match_late_sales,
    save_refunds,
)

__all__ = [
    "KNOWN",
    "MAX_TOTAL",
    "NEW",
    "REFUSED",
    "ActivityFact",
    "OrderFact",
    "OrderLineFact",
    "RefundFact",
    "RefundLineFact",
    "SavedActivity",
    "SavedOrder",
    "SavedRefund",
    "match_late_sales",
    "move_facts",
    "move_facts_back",
    "name_lines",
    "save_activities",
    "save_orders",
    "save_refunds",
]
