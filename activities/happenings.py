"""Orders, refunds and activities as things that others wait for."""

from __future__ import annotations

from collections.abc import Iterator

from django.utils.translation import gettext_lazy as _

from activities.models import ActivityType
from core.happenings import HappeningKind

GROUP = _("Purchases")
ORDER, REFUND = "order", "refund"


def purchase_happenings() -> Iterator[HappeningKind]:
    yield HappeningKind(ORDER, _("buys something"), GROUP)
    yield HappeningKind(REFUND, _("gives something back"), GROUP)
    for code, name in ActivityType.objects.order_by("name").values_list("code", "name"):
        yield HappeningKind(activity_kind(code), name, _("Activities"))


def activity_kind(code: str) -> str:
    """Return the kind of happening of one type of activity."""
    return f"activity:{code}"
