"""Value that members collect: wallets and accounts, earn rules, the ledger."""

from points.models.back_tests import (
    BackTest,
    BackTestMember,
    BackTestOrder,
    BackTestUse,
)
from points.models.days import DayTotal
from points.models.ledger import (
    Hold,
    Lot,
    LotDraw,
    Reservation,
    TakenBack,
    Transfer,
)
from points.models.rules import (
    EarnBand,
    EarnCap,
    EarnRule,
    EarnRuleVersion,
    EarnUse,
)
from points.models.seals import LedgerSeal
from points.models.wallets import MAX_AMOUNT, MAX_BALANCE, Account, Funder, Wallet

__all__ = [
    "MAX_AMOUNT",
    "MAX_BALANCE",
    "Account",
    "BackTest",
    "BackTestMember",
    "BackTestOrder",
    "BackTestUse",
    "DayTotal",
    "EarnBand",
    "EarnCap",
    "EarnRule",
    "EarnRuleVersion",
    "EarnUse",
    "Funder",
    "Hold",
    "LedgerSeal",
    "Lot",
    "LotDraw",
    "Reservation",
    "TakenBack",
    "Transfer",
    "Wallet",
]
