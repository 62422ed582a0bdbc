"""Ladders as staff keep them: drafts, publishing, and what is in force."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal
from itertools import pairwise
from typing import Any

from django.db import transaction
from django.db.models import F
from django.utils.translation import gettext as _

from tiers.definition import (
    Definition,
    Step,
    definition_of,
    definition_of_version,
    draft_definition,
)
from tiers.errors import LadderIncomplete
from tiers.models import Ladder, LadderVersion, Perk, Tier


def ladders_in_force(*, only: int | None = None) -> list[Definition]:
    """Read the published ladders that are active, oldest first. One query."""
    versions = LadderVersion.objects.filter(
        ladder__is_active=True, number=F("ladder__version")
    )
    if only is not None:
        versions = versions.filter(ladder=only)
    found = versions.select_related("ladder").order_by("ladder_id")
    return [definition_of_version(version) for version in found]


def main_ladder() -> Definition | None:
    """Return the ladder that members mean by "my tier": the oldest in force. One query."""
    return next(iter(ladders_in_force()), None)


@transaction.atomic
def publish_ladder(ladder: Ladder, *, at: datetime, by: str = "") -> LadderVersion:
    """Make the draft of a ladder the version that members are judged by.

    Members stand by it from their next purchase or the review that follows, whichever
    comes first. Publishing what is published already changes nothing. Raises
    LadderIncomplete for a draft on which nobody could be placed.
    """
    stored = Ladder.objects.select_for_update(of=("self",)).get(pk=ladder.pk)
    definition = draft_definition(stored)
    check_definition(definition)
    data = definition_of(stored)
    latest = stored.versions.order_by("-number").first()
    if latest is not None and latest.definition == data:
        return latest
    version = LadderVersion.objects.create(
        ladder=stored,
        number=stored.version + 1,
        definition=data,
        published_at=at,
        published_by=by,
    )
    _keep_ranks(definition.steps)
    Ladder.objects.filter(pk=stored.pk).update(version=version.number)
    ladder.version = version.number
    return version


def _keep_ranks(steps: Sequence[Step]) -> None:
    tiers = Tier.objects.in_bulk([step.tier_id for step in steps])
    for step in steps:
        tiers[step.tier_id].rank = step.rank
    Tier.objects.bulk_update(tiers.values(), ["rank"])


def check_definition(definition: Definition) -> None:
    """Refuse a ladder whose tiers cannot be told apart, with a sentence."""
    if len(definition.steps) < 2:
        raise LadderIncomplete(_("A ladder needs at least two tiers."))
    lowest, *higher = definition.steps
    if any(getattr(lowest.threshold, name) for name in lowest.threshold.asked):
        raise LadderIncomplete(
            _("One tier must ask for nothing: it is where everybody begins.")
        )
    if definition.asks_points and definition.wallet_id is None:
        raise LadderIncomplete(
            _("Choose the wallet in which qualifying points are earned.")
        )
    for step in higher:
        _check_step(step, higher[0])
    for below, above in pairwise(higher):
        _check_order(below, above)


def _check_step(step: Step, first: Step) -> None:
    if not any(getattr(step.threshold, name) for name in step.threshold.asked):
        raise LadderIncomplete(
            _("Only one tier may ask for nothing; “%(tier)s” needs a threshold.")
            % {"tier": step.name}
        )
    if step.threshold.asked != first.threshold.asked:
        raise LadderIncomplete(
            _("“%(tier)s” must ask for the same things as “%(other)s”.")
            % {"tier": step.name, "other": first.name}
        )


def _check_order(below: Step, above: Step) -> None:
    """A higher tier asks for at least as much of everything, and for more of something."""
    pairs = [
        (getattr(below.threshold, name), getattr(above.threshold, name))
        for name in above.threshold.asked
    ]
    if any(high < low for low, high in pairs) or all(high == low for low, high in pairs):
        raise LadderIncomplete(
            _("“%(above)s” must ask for more than “%(below)s”, and for less of nothing.")
            % {"above": above.name, "below": below.name}
        )


@transaction.atomic
def discard_draft(ladder: Ladder) -> Ladder:
    """Put a ladder back to what is published; raises LadderIncomplete when nothing is."""
    latest = ladder.versions.order_by("-number").first()
    if latest is None:
        raise LadderIncomplete(_("This ladder was never published."))
    data: dict[str, Any] = latest.definition
    for name, value in data.items():
        if name != "tiers":
            setattr(ladder, name, value)
    ladder.save()
    listed = {row["id"]: row for row in data["tiers"]}
    for tier in ladder.tiers.all():
        if row := listed.get(tier.pk):
            _restore_tier(tier, row)
        elif tier.is_active:
            tier.is_active = False
            tier.save(update_fields=["is_active"])
    return ladder


def _restore_tier(tier: Tier, row: dict[str, Any]) -> None:
    tier.is_active = True
    tier.spend = None if row["spend"] is None else Decimal(row["spend"])
    for name in ("code", "name", "color", "points", "orders"):
        setattr(tier, name, row[name])
    tier.save()
    tier.perks.all().delete()
    Perk.objects.bulk_create(Perk(tier=tier, **perk) for perk in row["perks"])


def live_version(ladder: Ladder) -> LadderVersion | None:
    """Return the newest published version."""
    return ladder.versions.order_by("-number").first()


def has_unpublished_changes(ladder: Ladder) -> bool:
    """Tell whether the draft differs from what is published."""
    latest = live_version(ladder)
    return latest is None or latest.definition != definition_of(ladder)
