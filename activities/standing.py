"""Which purchases stand: completed, and not gone back whole."""

from __future__ import annotations

from django.db.models import DecimalField, ExpressionWrapper, F, Q

COMPLETED = "completed"


def standing(prefix: str = "") -> Q:
    """Return a condition on orders, or on what points at them by ``prefix``."""
    gone_back = Q(
        **{f"{prefix}total__gt": 0, f"{prefix}refunded__gte": F(f"{prefix}total")}
    )
    return Q(**{f"{prefix}status": COMPLETED}) & ~gone_back


def kept_amount() -> ExpressionWrapper:
    """Return what an order is worth after refunds."""
    return ExpressionWrapper(
        F("total") - F("refunded"),
        output_field=DecimalField(max_digits=18, decimal_places=2),
    )
