"""Console pages for stores, products, orders, refunds and activities."""

from activities.admin import orders, refunds, things

__all__ = ["orders", "refunds", "things"]
