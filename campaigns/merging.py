"""Ways through campaigns of two members who are one: nobody goes the same way twice."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from django.db import transaction
from django.db.models import Exists, OuterRef

from campaigns.models import Enrolment, Happening
from core.batch import execute


@transaction.atomic
def move_enrolments(*, kept_id: int, merged_id: int, at: datetime) -> dict[str, list[int]]:
    """Let a merged member's enrolments be the kept one's; returns their numbers.

    Where the kept member is on the same way already, the other's ends: one person is called
    back, and thanked for coming back, once.
    """
    kept = Enrolment.objects.filter(member=kept_id, campaign=OuterRef("campaign"))
    own = Enrolment.objects.filter(member=merged_id)
    active = own.filter(state=Enrolment.State.ACTIVE)
    doubled = active.filter(Exists(kept.filter(state=Enrolment.State.ACTIVE)))
    closed = list(doubled.order_by("pk").values_list("pk", flat=True))
    Enrolment.objects.filter(pk__in=closed).update(state=Enrolment.State.LEFT, closed_at=at)
    free = own.exclude(Exists(kept.filter(episode=OuterRef("episode"))))
    moved = list(free.order_by("pk").values_list("pk", flat=True))
    Enrolment.objects.filter(pk__in=moved).update(member=kept_id)
    Happening.objects.filter(member=merged_id).update(member=kept_id)
    _add_passes(kept_id=kept_id, merged_id=merged_id)
    left = own.filter(state=Enrolment.State.ACTIVE)
    stayed = list(left.order_by("pk").values_list("pk", flat=True))
    left.update(state=Enrolment.State.LEFT, closed_at=at)
    return {"enrolments": moved, "enrolments_closed": sorted(closed + stayed)}


def _add_passes(*, kept_id: int, merged_id: int) -> None:
    """Count for the kept member how often both came through a counter.

    It stays so when the merge is undone: rather too few times let through than too many.
    """
    execute(
        "INSERT INTO campaigns_counterpass AS c (campaign_id, member_id, key, period, "
        "times) SELECT campaign_id, %s, key, period, times FROM campaigns_counterpass "
        "WHERE member_id = %s ON CONFLICT (campaign_id, member_id, key, period) "
        "DO UPDATE SET times = c.times + excluded.times",
        [kept_id, merged_id],
    )


@transaction.atomic
def move_enrolments_back(*, kept_id: int, merged_id: int, moved: Mapping[str, Any]) -> None:
    """Undo ``move_enrolments``; ways that ended with the merge stay ended."""
    Enrolment.objects.filter(pk__in=moved["enrolments"], member=kept_id).update(
        member=merged_id
    )
