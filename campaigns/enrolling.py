"""The message step: who matches is taken in once an episode, together with the message."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

from django.db import transaction

from campaigns.audience import (
    audience,
    count_by_channel,
    no_longer_matching,
    not_yet_enrolled,
    reached,
    stream,
    with_episode,
)
from campaigns.counts import Counts
from campaigns.locks import lock_running
from campaigns.models import Campaign, Enrolment, Step
from core.batch import CHUNK, Column, insert_new
from core.clock import local_date
from messaging.services import MessagePlan, queue_messages

# Marketing that could not go out for three days (quiet hours, no connection) is stale.
EXPIRES_AFTER = timedelta(days=3)
NO_CHANNEL = "no_channel"
SOURCE_TYPE = "campaign"
NEVER = "never"

COLUMNS = (
    Column("campaign_id", "bigint"),
    Column("member_id", "bigint"),
    Column("episode", "text"),
    Column("state", "text"),
    Column("entered_at", "timestamptz"),
)


@dataclass(frozen=True, slots=True)
class Candidate:
    """A member whom a run is about to take in."""

    member_id: int
    channel: str
    last_order_on: date | None

    def episode(self, campaign: Campaign) -> str:
        """Return why now: what must be new before the member is taken in again."""
        if campaign.episode == Campaign.Episode.ONCE:
            return Campaign.Episode.ONCE.value
        day = NEVER if self.last_order_on is None else self.last_order_on.isoformat()
        return f"{Campaign.Episode.LAPSE.value}:{day}"


def message_audience(
    campaign: Campaign, step: Step, *, at: datetime, counts: Counts, dry_run: bool
) -> None:
    """Enrol those who match and queue their messages; close who no longer matches.

    Whoever no channel reaches is counted and not enrolled, so every run looks again.
    """
    matching = audience(campaign, at=at)
    if not campaign.is_one_off:
        counts.left += _close(campaign, no_longer_matching(campaign, matching), at, dry_run)
    candidates = reached(not_yet_enrolled(campaign, matching), step)
    by_channel = count_by_channel(candidates)
    if without := by_channel.pop(None, 0):
        counts.skipped_reasons[NO_CHANNEL] += without
    if dry_run:
        counts.by_channel.update({str(name): n for name, n in by_channel.items()})
        counts.entered += sum(by_channel.values())
        counts.messages += sum(by_channel.values())
    elif by_channel:
        _enrol_all(campaign, step, candidates, at=at, counts=counts)


def _close(campaign: Campaign, leaving: Any, at: datetime, dry_run: bool) -> int:
    if dry_run:
        return int(leaving.count())
    return int(leaving.update(state=Enrolment.State.LEFT, closed_at=at))


def _enrol_all(
    campaign: Campaign, step: Step, candidates: Any, *, at: datetime, counts: Counts
) -> None:
    rows = (
        with_episode(candidates)
        .filter(channel__isnull=False)
        .values_list("pk", "channel", "last_order_on")
    )
    context = message_context(step, at=at)
    for chunk in stream(rows, CHUNK):
        found = [Candidate(*row) for row in chunk]
        # A kill between two chunks loses nothing: the next run finds the rest.
        with transaction.atomic():
            lock_running(campaign)
            _enrol(campaign, step, found, at=at, context=context, counts=counts)


def _enrol(
    campaign: Campaign,
    step: Step,
    candidates: Sequence[Candidate],
    *,
    at: datetime,
    context: dict[str, str],
    counts: Counts,
) -> None:
    """Enrol a chunk; only who is new gets a message, in the same transaction."""
    ordered = sorted(candidates, key=lambda candidate: candidate.member_id)
    state = Enrolment.State.ACTIVE.value
    new = insert_new(
        Enrolment._meta.db_table,
        COLUMNS,
        [(campaign.pk, c.member_id, c.episode(campaign), state, at) for c in ordered],
        conflict="campaign_id, member_id, episode",
        returning="member_id",
    )
    new_ids = {member_id for (member_id,) in new}
    entering = [candidate for candidate in ordered if candidate.member_id in new_ids]
    plans = [_plan(campaign, step, one, at=at, context=context) for one in entering]
    counts.messages += queue_messages(plans)
    counts.entered += len(entering)
    counts.by_channel.update(Counter(candidate.channel for candidate in entering))


def _plan(
    campaign: Campaign,
    step: Step,
    candidate: Candidate,
    *,
    at: datetime,
    context: dict[str, str],
) -> MessagePlan:
    episode = candidate.episode(campaign)
    return MessagePlan(
        key=f"campaign:{campaign.pk}:{candidate.member_id}:{episode}:{step.position}",
        member_id=candidate.member_id,
        template_id=step.template_id or 0,
        channel=candidate.channel,
        due_at=at,
        expires_at=at + EXPIRES_AFTER,
        context={**context, "episode": episode},
        source_type=SOURCE_TYPE,
        source_id=campaign.pk,
    )


def message_context(step: Step, *, at: datetime) -> dict[str, str]:
    """Return what only the campaign knows and its message says."""
    last_day = local_date(at) + timedelta(days=step.valid_days)
    return {
        "offer": step.offer,
        "news": step.news,
        "valid_until": f"{last_day:%d/%m/%Y}",
    }
