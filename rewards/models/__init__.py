"""What members get: benefits, the catalogue that sells them, vouchers, gifts, bookings."""

from rewards.models.batches import UploadedCode, VoucherBatch
from rewards.models.benefits import Benefit, GivenBenefit
from rewards.models.catalogue import (
    LowNotice,
    Reward,
    RewardCategory,
    RewardChoice,
    RewardLimit,
    Tally,
)
from rewards.models.experiences import Booking, Slot
from rewards.models.gifts import Fulfilment, FulfilmentEvent
from rewards.models.handouts import Handout, HandoutMember
from rewards.models.redemptions import Redemption
from rewards.models.vouchers import (
    Voucher,
    VoucherLimit,
    VoucherType,
    VoucherUse,
)

__all__ = [
    "Benefit",
    "Booking",
    "Fulfilment",
    "FulfilmentEvent",
    "GivenBenefit",
    "Handout",
    "HandoutMember",
    "LowNotice",
    "Redemption",
    "Reward",
    "RewardCategory",
    "RewardChoice",
    "RewardLimit",
    "Slot",
    "Tally",
    "UploadedCode",
    "Voucher",
    "VoucherBatch",
    "VoucherLimit",
    "VoucherType",
    "VoucherUse",
]
