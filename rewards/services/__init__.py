"""The verbs of rewards, one page each."""

from rewards.services.addressing import choose_handover
from rewards.services.by_itself import redeem_after, redeem_due
from rewards.services.cancelling import cancel_redemption, lapse_unpaid
from rewards.services.forgetting import forget_handovers
from rewards.services.redeeming import confirm_payment, redeem_reward
from rewards.using.checking import check_vouchers
from rewards.using.claiming import hold_vouchers, use_vouchers
from rewards.using.ending import (
    release_stale_holds,
    release_vouchers,
    roll_back_orders,
    roll_back_vouchers,
    use_held_vouchers,
)
from rewards.using.settling import settle_vouchers, settled_before

__all__ = [
    "cancel_redemption",
    "check_vouchers",
    "choose_handover",
    "confirm_payment",
    "forget_handovers",
    "hold_vouchers",
    "lapse_unpaid",
    "redeem_after",
    "redeem_due",
    "redeem_reward",
    "release_stale_holds",
    "release_vouchers",
    "roll_back_orders",
    "roll_back_vouchers",
    "settle_vouchers",
    "settled_before",
    "use_held_vouchers",
    "use_vouchers",
]
