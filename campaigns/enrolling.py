"""Taking in: who matches enters once an episode and goes on until the first rest."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from django.db import transaction
from django.db.models import QuerySet

from campaigns.audience import (
    audience,
    count_by_channel,
    no_longer_matching,
    not_yet_enrolled,
    reached,
    stream,
    with_episode,
)
from campaigns.chance import is_among
from campaigns.counts import Counts
from campaigns.journey import Journey
from campaigns.locks import lock_running
from campaigns.models import Campaign, CampaignPolicy, Enrolment, Step
from campaigns.steps import KINDS
from campaigns.steps.messages import NO_CHANNEL
from campaigns.trips import Rest, Traveller, Trip, watched_until
from core.batch import CHUNK, Column, insert_new
from core.clock import local_date
from core.retry import retry_on_conflict
from members.models import Member

NEVER = "never"

COLUMNS = (
    Column("campaign_id", "bigint"),
    Column("member_id", "bigint"),
    Column("episode", "text"),
    Column("state", "text"),
    Column("version", "int"),
    Column("is_holdout", "boolean"),
    Column("entered_at", "timestamptz"),
    Column("moved_at", "timestamptz"),
    Column("due_at", "timestamptz"),
    Column("waiting_for", "text"),
)


@dataclass(frozen=True, slots=True)
class Candidate:
    """A member whom a campaign is about to take in."""

    member_id: int
    channel: str | None = None
    last_order_on: date | None = None


def episode_of(campaign: Campaign, candidate: Candidate, *, at: datetime) -> str:
    """Return why now: what must be new before the member is taken in again."""
    kind = Campaign.Episode(campaign.episode)
    if kind is Campaign.Episode.LAPSE:
        day = candidate.last_order_on
        return f"{kind.value}:{NEVER if day is None else day.isoformat()}"
    return period_episode(campaign, at=at)


def period_episode(campaign: Campaign, *, at: datetime) -> str:
    """Return the episode that everybody who enters now has in common."""
    kind, today = Campaign.Episode(campaign.episode), local_date(at)
    texts = {
        Campaign.Episode.ENTRY: today.isoformat(),
        Campaign.Episode.SLOT: today.isoformat(),
        Campaign.Episode.MONTH: f"{today:%Y-%m}",
        Campaign.Episode.YEAR: f"{today:%Y}",
    }
    return f"{kind.value}:{texts[kind]}" if kind in texts else kind.value


def take_in(
    campaign: Campaign,
    journey: Journey,
    *,
    at: datetime,
    counts: Counts,
    dry_run: bool = False,
) -> None:
    """Take in everyone who matches and let them go their first steps.

    A campaign that begins with a message takes in only whom a channel reaches; the others
    are counted and looked at again by every run.
    """
    found = newcomers(campaign, audience(campaign, at=at), at=at)
    if journey.first is None:
        return
    if journey.first.kind == Step.Kind.MESSAGE:
        found = reached(found, journey.first)
        by_channel = count_by_channel(found)
        if without := by_channel.pop(None, 0):
            counts.skipped_reasons[NO_CHANNEL] += without
        expected = sum(by_channel.values())
        rows = with_episode(found).filter(channel__isnull=False)
        fields: tuple[str, ...] = ("pk", "channel", "last_order_on")
    else:
        by_channel, expected = {}, found.count()
        rows, fields = with_episode(found), ("pk", "last_order_on")
    if dry_run:
        counts.by_channel.update({str(name): n for name, n in by_channel.items()})
        counts.messages += sum(by_channel.values())
        counts.entered += expected
    elif expected:
        counts.expect(expected)
        _take_in_all(campaign, journey, rows.values(*fields), at=at, counts=counts)


def newcomers(
    campaign: Campaign, matching: QuerySet[Member], *, at: datetime
) -> QuerySet[Member]:
    """Return those of the audience whom this episode has not taken in yet."""
    episode = ""
    if campaign.episode != Campaign.Episode.LAPSE:
        episode = period_episode(campaign, at=at)
    return not_yet_enrolled(campaign, matching, episode=episode, at=at)


def close_leavers(
    campaign: Campaign, *, at: datetime, counts: Counts, dry_run: bool = False
) -> None:
    """Let those go whom the conditions do not meet any more.

    Where members enter each time the conditions begin to hold, it is noted for everyone
    who entered: from then on they can enter anew.
    """
    own, matching = Enrolment.objects.filter(campaign=campaign), audience(campaign, at=at)
    if campaign.episode == Campaign.Episode.ENTRY and not dry_run:
        known = own.filter(ceased_at__isnull=True)
        no_longer_matching(known, matching).update(ceased_at=at)
    if not campaign.leaves:
        return
    leaving = no_longer_matching(own.filter(state=Enrolment.State.ACTIVE), matching)
    if dry_run:
        counts.left += leaving.count()
        return
    counts.left += leaving.update(
        state=Enrolment.State.LEFT, closed_at=at, due_at=None, waiting_for=""
    )


def _take_in_all(
    campaign: Campaign, journey: Journey, rows: Any, *, at: datetime, counts: Counts
) -> None:
    for chunk in stream(rows, CHUNK):
        found = [
            Candidate(row["pk"], row.get("channel"), row["last_order_on"]) for row in chunk
        ]
        # A kill between two chunks loses nothing: the next run finds the rest.
        _take_in_chunk(campaign, journey, found, at=at, counts=counts)


@retry_on_conflict
def _take_in_chunk(
    campaign: Campaign,
    journey: Journey,
    candidates: Sequence[Candidate],
    *,
    at: datetime,
    counts: Counts,
) -> None:
    own = Counts()
    with transaction.atomic():
        lock_running(campaign)
        wishes = [(one, episode_of(campaign, one, at=at)) for one in candidates]
        enrol(journey, wishes, at=at, counts=own)
    counts.add(own)


def enrol(
    journey: Journey,
    wishes: Sequence[tuple[Candidate, str]],
    *,
    at: datetime,
    counts: Counts,
) -> None:
    """Enrol members by their episodes; who is new goes on, in the same transaction.

    Those of the hold-out group are enrolled and left alone. The campaign is locked.
    """
    campaign = journey.campaign
    by_key = {(one.member_id, episode): one for one, episode in wishes}
    policy = CampaignPolicy.current()
    held_out = {
        one.member_id
        for one, _episode in wishes
        if is_held_out(campaign, one.member_id, policy)
    }
    # Most ways are over after their first steps: such a row need not be written twice.
    stand = Rest(Enrolment.State.ACTIVE.value, None, watched_until(campaign, at))
    rows = [
        (
            campaign.pk,
            member_id,
            episode,
            Enrolment.State.ACTIVE.value,
            journey.version,
            member_id in held_out,
            at,
            at,
            stand.due_at,
            "",
        )
        for member_id, episode in sorted(by_key)
    ]
    new = insert_new(
        Enrolment._meta.db_table,
        COLUMNS,
        rows,
        conflict="campaign_id, member_id, episode",
        returning="id, member_id, episode",
    )
    counts.entered += len(new)
    counts.held_out += sum(member_id in held_out for _id, member_id, _episode in new)
    trip = Trip(journey, at, counts, stand)
    trip.enter(
        Traveller(pk, member_id, episode, at, by_key[member_id, episode].channel)
        for pk, member_id, episode in new
        if member_id not in held_out
    )
    trip.walk(KINDS)


def is_held_out(campaign: Campaign, member_id: int, policy: CampaignPolicy) -> bool:
    """Tell whether a member is left alone by this campaign, or by all of them."""
    own = is_among(f"holdout:{campaign.pk}", member_id, percent=campaign.holdout_percent)
    return own or is_among("holdout", member_id, percent=policy.holdout_percent)
