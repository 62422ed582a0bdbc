"""The facts: what was sold where, what came back, and what else members did."""

from activities.models.actions import Activity, ActivityType
from activities.models.orders import Order, OrderLine, PurchaseSummary
from activities.models.refunds import Refund, RefundAllocation, RefundLine
from activities.models.rfm import RfmCount, RfmRun, RfmScore, RfmSettings
from activities.models.stores import Product, Store

__all__ = [
    "Activity",
    "ActivityType",
    "Order",
    "OrderLine",
    "Product",
    "PurchaseSummary",
    "Refund",
    "RefundAllocation",
    "RefundLine",
    "RfmCount",
    "RfmRun",
    "RfmScore",
    "RfmSettings",
    "Store",
]
