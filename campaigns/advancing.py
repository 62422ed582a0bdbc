"""Going on: those whose rest is over take their next steps."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from datetime import datetime

from django.db import transaction

from campaigns.counts import Counts
from campaigns.journey import Journey
from campaigns.locks import lock_going_on
from campaigns.models import Campaign, Enrolment
from campaigns.steps import KINDS
from campaigns.trips import Traveller, Trip
from core.batch import CHUNK
from core.retry import retry_on_conflict

State = Enrolment.State


def advance(campaign: Campaign, *, at: datetime, counts: Counts) -> int:
    """Let everybody whose rest is over go on; return how many did. Safe to repeat."""
    journeys: dict[int, Journey] = {}
    total = 0
    while moved := _advance_chunk(campaign, journeys, at=at, counts=counts):
        total += moved
    counts.advanced += total
    return total


def journey_of(campaign: Campaign, version: int, known: dict[int, Journey]) -> Journey:
    """Return one version of a campaign's journey; each is read once."""
    if version not in known:
        known[version] = Journey(campaign, version)
    return known[version]


@retry_on_conflict
def _advance_chunk(
    campaign: Campaign, journeys: dict[int, Journey], *, at: datetime, counts: Counts
) -> int:
    own = Counts()
    with transaction.atomic():
        lock_going_on(campaign)
        due = Enrolment.objects.filter(
            campaign=campaign, state=State.ACTIVE, due_at__lte=at, step__isnull=False
        )
        # Whom another worker is just moving is left to it.
        taken = list(
            due.order_by("due_at", "pk").select_for_update(
                of=("self",), skip_locked=True, no_key=True
            )[:CHUNK]
        )
        resume(campaign, taken, journeys, at=at, counts=own)
    counts.add(own)
    return len(taken)


def resume(
    campaign: Campaign,
    enrolments: Sequence[Enrolment],
    journeys: dict[int, Journey],
    *,
    at: datetime,
    counts: Counts,
    has_happened: bool = False,
) -> None:
    """Let locked enrolments go on from where they rest, each in its own version."""
    groups: dict[tuple[int, int], list[Enrolment]] = defaultdict(list)
    for enrolment in enrolments:
        groups[enrolment.version, enrolment.step_id or 0].append(enrolment)
    trips: dict[int, Trip] = {}
    for (version, step_id), group in sorted(groups.items()):
        journey = journey_of(campaign, version, journeys)
        trip = trips.setdefault(version, Trip(journey, at, counts))
        step = journey.step(step_id)
        kind = KINDS[step.kind]
        go_on = kind.happened if has_happened else kind.resume
        assert go_on is not None, "only a step at which members rest is rested at"
        go_on(trip, step, [traveller(enrolment) for enrolment in group])
    for trip in trips.values():
        trip.walk(KINDS)


def traveller(enrolment: Enrolment) -> Traveller:
    return Traveller(
        enrolment.pk, enrolment.member_id, enrolment.episode, enrolment.entered_at
    )


def finish_watching(*, at: datetime, campaign: Campaign | None = None) -> int:
    """Close those who did every step and whose days to reach the goal are over."""
    over = Enrolment.objects.filter(state=State.ACTIVE, due_at__lte=at, step__isnull=True)
    if campaign is not None:
        over = over.filter(campaign=campaign)
    return over.update(state=State.DONE, closed_at=at, due_at=None)
