"""Codes in bulk: made in the background, uploaded from a list, shared, withdrawn."""

from rewards.batches.asking import Wish, ask_batch
from rewards.batches.running import (
    claim_batch,
    continue_batch,
    has_work,
    run_batch,
    run_claimed,
    stop_batch,
    work_on_batches,
)
from rewards.batches.sharing import share_code
from rewards.batches.uploading import discard_upload, take_in, upload_codes
from rewards.batches.withdrawing import cancel_voucher, withdraw_rest

__all__ = [
    "Wish",
    "ask_batch",
    "cancel_voucher",
    "claim_batch",
    "continue_batch",
    "discard_upload",
    "has_work",
    "run_batch",
    "run_claimed",
    "share_code",
    "stop_batch",
    "take_in",
    "upload_codes",
    "withdraw_rest",
    "work_on_batches",
]
