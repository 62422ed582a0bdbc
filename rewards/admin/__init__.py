"""Rewards in the console."""

from rewards.admin.benefit import BenefitAdmin
from rewards.admin.booking import BookingAdmin
from rewards.admin.category import RewardCategoryAdmin
from rewards.admin.fulfilment import FulfilmentAdmin
from rewards.admin.given import GivenBenefitAdmin
from rewards.admin.redemption import RedemptionAdmin
from rewards.admin.reward import RewardAdmin
from rewards.admin.slot import SlotAdmin
from rewards.admin.voucher_type import VoucherTypeAdmin

__all__ = [
    "BenefitAdmin",
    "BookingAdmin",
    "FulfilmentAdmin",
    "GivenBenefitAdmin",
    "RedemptionAdmin",
    "RewardAdmin",
    "RewardCategoryAdmin",
    "SlotAdmin",
    "VoucherTypeAdmin",
]
