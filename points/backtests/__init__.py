"""Back-tests: draft rules over the orders of past months, before anything is published."""

from points.backtests.asking import ask_back_test
from points.backtests.running import (
    cancel_back_test,
    claim_back_test,
    continue_back_test,
    has_work,
    run_back_test,
    run_claimed,
    work_on_back_tests,
)

__all__ = [
    "ask_back_test",
    "cancel_back_test",
    "claim_back_test",
    "continue_back_test",
    "has_work",
    "run_back_test",
    "run_claimed",
    "work_on_back_tests",
]
