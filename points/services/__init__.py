"""The verbs of the ledger, one page each."""

from points.earning.basket import ORDER
from points.services.accounts import (
    default_wallet,
    expiry_day,
    member_accounts,
    programme_account,
)
from points.services.earning import earn_points, points_of_orders
from points.services.expiring import Expired, expire_points
from points.services.gifting import GiftQuote, gift_fee, gift_points, quote_gift
from points.services.granting import RETURN, Grant, adjust_points, grant_points
from points.services.holding import Matured, deliver_orders, mature_points
from points.services.merging import (
    GoingBack,
    merge_points,
    plan_unmerge,
    unmerge_points,
)
from points.services.occasions import Celebrated, celebrate
from points.services.paying import PaymentQuote, quote_payment
from points.services.refunding import RefundedPoints, refund_points
from points.services.reserving import (
    capture_points,
    release_points,
    release_stale,
    reserve_points,
)
from points.services.reversing import TakeBack, Taken, reverse_transfer, take_back
from points.services.spending import spend_points

__all__ = [
    "ORDER",
    "RETURN",
    "Celebrated",
    "Expired",
    "GoingBack",
    "GiftQuote",
    "Grant",
    "Matured",
    "PaymentQuote",
    "RefundedPoints",
    "TakeBack",
    "Taken",
    "adjust_points",
    "capture_points",
    "celebrate",
    "default_wallet",
    "deliver_orders",
    "earn_points",
    "expire_points",
    "expiry_day",
    "gift_fee",
    "gift_points",
    "grant_points",
    "mature_points",
    "member_accounts",
    "merge_points",
    "plan_unmerge",
    "points_of_orders",
    "programme_account",
    "quote_gift",
    "quote_payment",
    "refund_points",
    "release_points",
    "release_stale",
    "reserve_points",
    "reverse_transfer",
    "spend_points",
    "take_back",
    "unmerge_points",
]
