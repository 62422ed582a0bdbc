"""Facts of a member who turned out to be another: they move, and can move back."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from django.db import models, transaction

from activities.models import Activity, Order, Refund
from activities.services.summaries import recompute_summaries
from core.batch import chunks
from members.merged import merged_ids

FACTS: dict[str, type[models.Model]] = {
    "orders": Order,
    "refunds": Refund,
    "activities": Activity,
}


@transaction.atomic
def move_facts(*, kept_id: int, merged_id: int) -> dict[str, list[int]]:
    """Let every fact of a merged member be the kept one's; returns their numbers.

    Both members are locked, so none can be told meanwhile.
    """
    moved = {}
    for name, model in FACTS.items():
        rows = model._default_manager.filter(member=merged_id).order_by("pk")
        moved[name] = list(rows.values_list("pk", flat=True))
        rows.update(member=kept_id)
    recompute_summaries([kept_id, merged_id])
    return moved


@transaction.atomic
def move_facts_back(*, kept_id: int, merged_id: int, moved: Mapping[str, Any]) -> None:
    """Undo ``move_facts``; what was told since stays with the kept member."""
    for name, model in FACTS.items():
        for some in chunks(moved[name]):
            rows = model._default_manager.filter(pk__in=some, member=kept_id)
            rows.update(member=merged_id)
    recompute_summaries([kept_id, merged_id])


def told_before_merge(
    member_id: int, content_hash: str, hash_for: Callable[[int], str]
) -> bool:
    """Tell whether a fact is the repeat of one that was told of a member merged since.

    ``hash_for`` fingerprints the fact as told of another member.
    """
    others = merged_ids([member_id]).get(member_id, ())
    return any(hash_for(other) == content_hash for other in others)
