"""Ways through campaigns of two members who are one: nobody goes the same way twice."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from django.db import transaction
from django.db.models import Exists, OuterRef

from campaigns.models import Enrolment


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
    left = own.filter(state=Enrolment.State.ACTIVE)
    stayed = list(left.order_by("pk").values_list("pk", flat=True))
    left.update(state=Enrolment.State.LEFT, closed_at=at)
    return {"enrolments": moved, "enrolments_closed": sorted(closed + stayed)}


@transaction.atomic
def move_enrolments_back(*, kept_id: int, merged_id: int, moved: Mapping[str, Any]) -> None:
    """Undo ``move_enrolments``; ways that ended with the merge stay ended."""
    Enrolment.objects.filter(pk__in=moved["enrolments"], member=kept_id).update(
        member=merged_id
    )
