"""What a message may say about the member's silence."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from django.utils.translation import gettext_lazy as _

from activities.models import PurchaseSummary
from core.clock import local_date

NAMES = {
    "days_since_last_order": _("days since the last order"),
    "last_order_on": _("day of the last order"),
}
SAMPLES = {"days_since_last_order": "46", "last_order_on": "15/11/2026"}


def recency_fields(member_ids: Sequence[int], at: datetime) -> dict[int, dict[str, str]]:
    """Return how long ago each member bought; empty texts for who never did."""
    today = local_date(at)
    summaries = PurchaseSummary.objects.filter(member__in=member_ids)
    last = dict(summaries.values_list("member_id", "last_order_on"))
    return {
        pk: {
            "days_since_last_order": str((today - day).days) if day else "",
            "last_order_on": f"{day:%d/%m/%Y}" if day else "",
        }
        for pk in member_ids
        for day in [last.get(pk)]
    }
