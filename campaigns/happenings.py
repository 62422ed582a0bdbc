"""What happens to members and what campaigns make of it, within seconds.

``note`` writes what some campaign waits for, in the transaction of the fact itself;
``work_off`` deletes it in the transaction that drew the consequences. So nothing is lost
and nothing counts twice, whatever worker dies.
"""

from __future__ import annotations

import logging
from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta

from django.db import transaction
from django.db.models import F, FilteredRelation, Q, QuerySet

from campaigns.advancing import resume
from campaigns.audience import audience, channels_of
from campaigns.counts import Counts
from campaigns.enrolling import Candidate, enrol, episode_of, newcomers
from campaigns.errors import NotRunning
from campaigns.goals import reach_goals
from campaigns.journey import Journey
from campaigns.locks import lock_going_on, lock_running
from campaigns.models import Campaign, Enrolment, Happening, Step
from core.batch import Column, insert_rows
from core.happenings import Happened
from core.retry import retry_on_conflict

logger = logging.getLogger(__name__)

State = Campaign.State
GOING_ON = (State.RUNNING, State.DRAINING)
CHUNK = 500
# A history told long after it happened moves nobody.
LATEST = timedelta(days=3)
MAX_ATTEMPTS = 5

COLUMNS = (
    Column("kind", "text"),
    Column("member_id", "bigint"),
    Column("reference", "text"),
    Column("happened_at", "timestamptz"),
    Column("attempts", "smallint"),
)


def note(happened: Sequence[Happened]) -> None:
    """Keep those of these that a campaign begins with, waits for or aims at.

    A query, and another to write.
    """
    wanted = _listened_to()
    rows = [
        (one.kind, one.member_id, one.reference, one.at, 0)
        for one in happened
        if one.kind in wanted
    ]
    insert_rows(Happening._meta.db_table, COLUMNS, rows)


def _listened_to() -> set[str]:
    """Return what matters to any campaign now. Few campaigns run: they are read whole."""
    awaited = FilteredRelation("steps", condition=Q(steps__kind=Step.Kind.WAIT_FOR))
    rows = (
        Campaign.objects.filter(state__in=GOING_ON)
        .annotate(awaited=awaited)
        .order_by()
        .values_list("trigger", "event", "goal", "goal_event", "awaited__settings")
    )
    wanted: set[str] = set()
    for trigger, event, goal, goal_event, settings in rows:
        if trigger == Campaign.Trigger.EVENT:
            wanted.add(event)
        if goal == Campaign.Goal.EVENT:
            wanted.add(goal_event)
        if settings:
            wanted.add(settings["event"])
    return wanted


def work_off(*, at: datetime) -> int:
    """Draw the consequences of everything that was noted; return how much it was.

    What fails is tried alone, so that it holds up nothing else, and given up after a few
    attempts: the row stays and tells of it.
    """
    total = 0
    while True:
        try:
            done = _work_off(at=at)
        except Exception:
            logger.exception("Happenings failed together; each is tried alone")
            return total + _each_alone(at=at)
        total += done
        if not done:
            return total


def _each_alone(*, at: datetime) -> int:
    done = 0
    waiting = Happening.objects.filter(attempts__lt=MAX_ATTEMPTS)
    for pk in waiting.order_by("pk").values_list("pk", flat=True)[:CHUNK]:
        try:
            done += _work_off(at=at, only=pk)
        except Exception as error:
            logger.exception("Happening %s failed", pk)
            Happening.objects.filter(pk=pk).update(
                attempts=F("attempts") + 1, error=type(error).__name__[:60]
            )
    return done


def unheard() -> QuerySet[Happening]:
    """Return what failed too often and is not tried any more by itself."""
    return Happening.objects.filter(attempts__gte=MAX_ATTEMPTS)


def try_again(happenings: QuerySet[Happening], *, at: datetime) -> int:
    """Let these be taken in with the next look; return how many.

    What happened too long ago stays as it is: it would move nobody.
    """
    fresh = happenings.filter(
        attempts__gte=MAX_ATTEMPTS, happened_at__gte=at - LATEST
    ).order_by()
    return fresh.update(attempts=0, error="")


@retry_on_conflict
@transaction.atomic
def _work_off(*, at: datetime, only: int | None = None) -> int:
    waiting = Happening.objects.filter(attempts__lt=MAX_ATTEMPTS).order_by("pk")
    if only is not None:
        waiting = waiting.filter(pk=only)
    taken = list(waiting.select_for_update(of=("self",), skip_locked=True)[:CHUNK])
    fresh = [one for one in taken if one.happened_at >= at - LATEST]
    by_kind: dict[str, dict[int, Happening]] = defaultdict(dict)
    for one in fresh:
        by_kind[one.kind][one.member_id] = one
    for campaign in _concerned(set(by_kind)):
        _tell(campaign, by_kind, at=at)
    Happening.objects.filter(pk__in=[one.pk for one in taken]).delete()
    return len(taken)


def _concerned(kinds: set[str]) -> list[Campaign]:
    if not kinds:
        return []
    return list(Campaign.objects.filter(state__in=GOING_ON).order_by("pk"))


def _tell(
    campaign: Campaign, by_kind: Mapping[str, Mapping[int, Happening]], *, at: datetime
) -> None:
    """Let one campaign end what reached its goal, wake who waits, take in who begins."""
    counts = Counts()
    journeys: dict[int, Journey] = {}
    try:
        lock_going_on(campaign)
        if campaign.goal == Campaign.Goal.EVENT and campaign.goal_event in by_kind:
            _end(campaign, by_kind[campaign.goal_event], at=at)
        _wake(campaign, by_kind, journeys, at=at, counts=counts)
        if campaign.starts_by_event and campaign.event in by_kind:
            lock_running(campaign)
            _begin(campaign, list(by_kind[campaign.event].values()), at=at, counts=counts)
    except NotRunning:
        # Paused or ended a moment ago: what happens meanwhile moves nobody.
        return


def _end(campaign: Campaign, happened: Mapping[int, Happening], *, at: datetime) -> None:
    active = Enrolment.objects.filter(
        campaign=campaign, state=Enrolment.State.ACTIVE, member__in=happened
    )
    reached_it = [
        enrolment
        for enrolment in active.order_by("pk").select_for_update(of=("self",), no_key=True)
        if happened[enrolment.member_id].happened_at > enrolment.entered_at
    ]
    reach_goals(reached_it, at=at)


def _wake(
    campaign: Campaign,
    by_kind: Mapping[str, Mapping[int, Happening]],
    journeys: dict[int, Journey],
    *,
    at: datetime,
    counts: Counts,
) -> None:
    members = {member_id for happened in by_kind.values() for member_id in happened}
    waiting = Enrolment.objects.filter(
        campaign=campaign,
        state=Enrolment.State.ACTIVE,
        member__in=members,
        waiting_for__in=sorted(by_kind),
    )
    woken = [
        enrolment
        for enrolment in waiting.order_by("pk").select_for_update(of=("self",), no_key=True)
        if (one := by_kind[enrolment.waiting_for].get(enrolment.member_id))
        and enrolment.moved_at is not None
        and one.happened_at >= enrolment.moved_at
    ]
    if woken:
        resume(campaign, woken, journeys, at=at, counts=counts, has_happened=True)


def _begin(
    campaign: Campaign, happened: Sequence[Happening], *, at: datetime, counts: Counts
) -> None:
    """Take in those who meet the conditions at this moment."""
    journey = Journey(campaign, campaign.version)
    if journey.first is None:
        return
    asked = {one.member_id for one in happened}
    matching = audience(campaign, at=at, few=True).filter(pk__in=asked)
    found = newcomers(campaign, matching, at=at)
    channels: dict[int, str | None]
    if journey.first.kind == Step.Kind.MESSAGE:
        found_by = channels_of(found, journey.first)
        channels = {pk: channel for pk, channel in found_by.items() if channel}
    else:
        channels = dict.fromkeys(found.values_list("pk", flat=True))
    wishes = []
    for one in happened:
        if one.member_id in channels:
            candidate = Candidate(one.member_id, channels[one.member_id])
            wishes.append((candidate, _episode(campaign, one, candidate, at=at)))
    enrol(journey, wishes, at=at, counts=counts)


def _episode(
    campaign: Campaign, one: Happening, candidate: Candidate, *, at: datetime
) -> str:
    if campaign.episode == Campaign.Episode.EVENT:
        return f"event:{one.kind}:{one.reference}"[:120]
    return episode_of(campaign, candidate, at=at)
