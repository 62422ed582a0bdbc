"""Console pages for the ledger, wallets and earn rules."""

from points.admin import ledger, rules

__all__ = ["ledger", "rules"]
