"""Rewards in the console."""

from rewards.admin.batches import VoucherBatchAdmin
from rewards.admin.vouchers import VoucherAdmin

__all__ = ["VoucherAdmin", "VoucherBatchAdmin"]
