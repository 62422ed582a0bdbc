"""The message step: a row in the outbox for each member whom a channel reaches."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from campaigns.audience import channels_of
from campaigns.models import Step
from campaigns.trips import StepKind, Traveller, Trip, ids_of
from core.clock import local_date
from members.models import Member
from messaging.services import MessagePlan, queue_messages

# Marketing that could not go out for three days (quiet hours, no connection) is stale.
EXPIRES_AFTER = timedelta(days=3)
NO_CHANNEL = "no_channel"
SOURCE_TYPE = "campaign"


def _arrive(trip: Trip, step: Step, travellers: list[Traveller]) -> None:
    """Queue a message for everyone whom a channel reaches; the others go on without."""
    channels = _channels(step, travellers)
    context = message_context(step, at=trip.at)
    plans = [
        _plan(trip, step, one, channel, context)
        for one in travellers
        if (channel := channels.get(one.member_id))
    ]
    trip.counts.messages += queue_messages(plans)
    trip.counts.by_channel.update(Counter(plan.channel for plan in plans))
    if without := len(travellers) - len(plans):
        trip.counts.skipped_reasons[NO_CHANNEL] += without
    trip.go_on(step, travellers)


def _channels(step: Step, travellers: Sequence[Traveller]) -> Mapping[int, str | None]:
    known: dict[int, str | None] = {
        one.member_id: one.channel for one in travellers if one.channel
    }
    if unknown := [one for one in travellers if not one.channel]:
        members = Member.objects.filter(pk__in=ids_of(unknown))
        return channels_of(members, step) | known
    return known


def _plan(
    trip: Trip, step: Step, one: Traveller, channel: str, context: Mapping[str, str]
) -> MessagePlan:
    # The next thing to be said takes its own channel.
    one.channel = None
    return MessagePlan(
        key=message_key(trip.campaign.pk, one.member_id, one.episode, step.key),
        member_id=one.member_id,
        template_id=step.template_id or 0,
        channel=channel,
        due_at=trip.at,
        expires_at=trip.at + EXPIRES_AFTER,
        context={**context, "episode": one.episode},
        source_type=SOURCE_TYPE,
        source_id=trip.campaign.pk,
    )


def message_key(campaign_id: int, member_id: int, episode: str, step_key: str) -> str:
    """Return what makes a campaign's message be planned only once."""
    return f"campaign:{campaign_id}:{member_id}:{episode}:{step_key}"


def message_context(step: Step, *, at: datetime) -> dict[str, str]:
    """Return what only the campaign knows and its message says."""
    last_day = local_date(at) + timedelta(days=step.valid_days)
    return {
        "offer": step.offer,
        "news": step.news,
        "valid_until": f"{last_day:%d/%m/%Y}",
    }


def _describe(step: Step) -> str:
    return _("Send “%(template)s”") % {"template": step.template}


MESSAGE = StepKind(
    Step.Kind.MESSAGE.value,
    gettext_lazy("Send a message"),
    gettext_lazy("On the best channel that reaches each member."),
    "chat",
    _arrive,
    _describe,
)
