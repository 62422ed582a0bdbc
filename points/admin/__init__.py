"""Console pages for the ledger, wallets and earn rules."""

from points.admin import ledger, rules, seals, waiting, wallets

__all__ = ["ledger", "rules", "seals", "waiting", "wallets"]
