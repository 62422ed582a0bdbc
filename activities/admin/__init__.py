"""Console pages for stores, products, orders, refunds, activities and RFM groups."""

from activities.admin import orders, refunds, rfm, things

__all__ = ["orders", "refunds", "rfm", "things"]
