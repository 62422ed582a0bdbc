"""Console pages for the ledger, wallets and earn rules."""

from points.admin import ledger, rules, waiting, wallets

__all__ = ["ledger", "rules", "waiting", "wallets"]
