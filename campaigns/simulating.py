"""A journey in simulated time: what would happen when, if nobody did anything.

The real verbs do it, with some of those who would enter, in a transaction that is rolled
back: nothing is sent, given or kept. Time jumps from one rest's end to the next.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from copy import copy
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any
from uuid import uuid4

from django.db import transaction
from django.db.models import Min, QuerySet
from django.db.models.base import ModelState

from campaigns.advancing import advance
from campaigns.audience import audience, reached
from campaigns.board import read_board, save_board
from campaigns.counts import Counts
from campaigns.enrolling import Candidate, enrol, newcomers
from campaigns.journey import Journey
from campaigns.models import Campaign, Enrolment, Step
from core.money import spread_whole
from messaging.models import Message
from messaging.texts import preview_message

# So many stand for all: locks on what they are given last no longer than a second or two.
SAMPLE = 100
SHOWN_MEMBERS = 3
MOST_MOMENTS = 100
LONGEST = timedelta(days=730)


@dataclass(frozen=True, slots=True)
class SimulatedMoment:
    """What happens at one moment, counted among the sample."""

    at: datetime
    counts: dict[str, Any]


@dataclass(frozen=True, slots=True)
class SimulatedMessage:
    """A message as one member would read it."""

    at: datetime
    channel: str
    text: dict[str, Any]


@dataclass(slots=True)
class Simulation:
    """A way through: ``total`` would enter, ``sample`` of them were sent along."""

    total: int
    sample: int = 0
    moments: list[SimulatedMoment] = field(default_factory=list)
    messages: dict[str, list[SimulatedMessage]] = field(default_factory=dict)

    def scaled(self, count: int) -> int:
        """Return what a count among the sample means for all."""
        return round(count * self.total / self.sample) if self.sample else 0

    def scaled_parts(self, counts: Mapping[str, int]) -> dict[str, int]:
        """Scale parts of a count so that they still add up to it."""
        if not counts:
            return {}
        whole = self.scaled(sum(counts.values()))
        return dict(zip(counts, spread_whole(whole, [*counts.values()]), strict=True))


def simulate(
    campaign: Campaign, *, version: int, at: datetime, sample: int = SAMPLE
) -> Simulation:
    """Send some of those who would enter through a version, and take everything back."""
    journey = Journey(campaign, version)
    total, candidates = _candidates(campaign, journey, at=at, sample=sample)
    simulation = Simulation(total, len(candidates))
    if not candidates:
        return simulation
    with transaction.atomic():
        shadow = _shadow(campaign, journey)
        counts = Counts()
        wishes = [(one, "simulated") for one in candidates]
        enrol(Journey(shadow, shadow.version), wishes, at=at, counts=counts)
        _note(simulation, at, counts)
        _let_time_pass(shadow, simulation, at=at)
        ours = [one.member_id for one in candidates[:SHOWN_MEMBERS]]
        simulation.messages = _messages(shadow, ours)
        transaction.set_rollback(True)
    return simulation


def _shadow(campaign: Campaign, journey: Journey) -> Campaign:
    """Copy a campaign with these steps, running: nobody is on their way through it yet."""
    tree = read_board(campaign, version=journey.version)
    shadow = copy(campaign)
    shadow.pk, shadow.code, shadow._state = None, f"simulated-{uuid4().hex}", ModelState()
    shadow.state, shadow.version = Campaign.State.DRAFT, 1
    shadow.save(force_insert=True)
    save_board(campaign=shadow, tree=tree)
    Campaign.objects.filter(pk=shadow.pk).update(state=Campaign.State.RUNNING)
    return Campaign.objects.get(pk=shadow.pk)


def _candidates(
    campaign: Campaign, journey: Journey, *, at: datetime, sample: int
) -> tuple[int, Sequence[Candidate]]:
    """Choose some of those who would enter now; returns how many those are in all."""
    if journey.first is None:
        return 0, []
    found: Any = newcomers(campaign, audience(campaign, at=at), at=at)
    if journey.first.kind != Step.Kind.MESSAGE:
        ids = found.order_by("?").values_list("pk", flat=True)[:sample]
        return found.count(), [Candidate(pk) for pk in ids]
    by_channel: QuerySet[Any] = reached(found, journey.first)
    by_channel = by_channel.filter(channel__isnull=False)
    rows = by_channel.order_by("?").values_list("pk", "channel")[:sample]
    return by_channel.count(), [Candidate(*row) for row in rows]


def _let_time_pass(campaign: Campaign, simulation: Simulation, *, at: datetime) -> None:
    resting = Enrolment.objects.filter(
        campaign=campaign, state=Enrolment.State.ACTIVE, step__isnull=False
    )
    for _moment in range(MOST_MOMENTS):
        now = resting.aggregate(next=Min("due_at"))["next"]
        if now is None or now > at + LONGEST:
            return
        counts = Counts()
        advance(campaign, at=now, counts=counts)
        _note(simulation, now, counts)


def _note(simulation: Simulation, at: datetime, counts: Counts) -> None:
    told = {name: value for name, value in counts.as_json().items() if value}
    simulation.moments.append(SimulatedMoment(at, told))


def _messages(
    campaign: Campaign, member_ids: Sequence[int]
) -> dict[str, list[SimulatedMessage]]:
    """Return what some members would read, each in the order in which it comes."""
    rows = (
        Message.objects.filter(
            source_type="campaign",
            source_id=campaign.pk,
            member__in=member_ids,
            context__episode="simulated",
        )
        .select_related("member", "template")
        .order_by("member", "due_at", "pk")
    )
    found: dict[str, list[SimulatedMessage]] = {}
    for message in rows:
        text = preview_message(
            message.template, message.member, message.due_at, context=message.context
        )
        one = SimulatedMessage(message.due_at, message.channel, text)
        found.setdefault(str(message.member), []).append(one)
    return found
