"""The verbs of rewards, one page each."""

from rewards.services.addressing import choose_handover
from rewards.services.cancelling import cancel_redemption, lapse_unpaid
from rewards.services.redeeming import confirm_payment, redeem_reward

__all__ = [
    "cancel_redemption",
    "choose_handover",
    "confirm_payment",
    "lapse_unpaid",
    "redeem_reward",
]
