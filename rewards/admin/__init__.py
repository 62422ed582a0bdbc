"""Rewards in the console."""

from rewards.admin.batches import VoucherBatchAdmin
from rewards.admin.benefit import BenefitAdmin
from rewards.admin.booking import BookingAdmin
from rewards.admin.category import RewardCategoryAdmin
from rewards.admin.fulfilment import FulfilmentAdmin
from rewards.admin.given import GivenBenefitAdmin
from rewards.admin.handout import HandoutAdmin
from rewards.admin.redemption import RedemptionAdmin
from rewards.admin.reward import RewardAdmin
from rewards.admin.slot import SlotAdmin
from rewards.admin.voucher_type import VoucherTypeAdmin
from rewards.admin.vouchers import VoucherAdmin

__all__ = [
    "BenefitAdmin",
    "BookingAdmin",
    "FulfilmentAdmin",
    "GivenBenefitAdmin",
    "HandoutAdmin",
    "RedemptionAdmin",
    "RewardAdmin",
    "RewardCategoryAdmin",
    "SlotAdmin",
    "VoucherAdmin",
    "VoucherBatchAdmin",
    "VoucherTypeAdmin",
]
