"""What staff see before anything happens: how many, whom, why each, by which channel."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, NamedTuple

from django.db.models import QuerySet
from django.utils.translation import gettext as _

from activities.models import PurchaseSummary
from campaigns.audience import (
    audience,
    count_by_channel,
    reached,
    stream,
)
from campaigns.enrolling import newcomers
from campaigns.journey import Journey
from campaigns.models import Campaign, Step
from core.batch import CHUNK
from core.phones import display_phone
from core.tabular import safe_cell
from members.models import Identifier, Member
from members.segments import explain_members
from messaging.models import Channel

# Where so many match, the first of them are soon met one by one; to find fewer, everybody
# is looked at once more.
MANY = 10_000


class PreviewedMember(NamedTuple):
    """One of those whom a run would take in, with the facts that decided."""

    member: Member
    why: str
    channel: str | None


@dataclass(frozen=True, slots=True)
class Preview:
    """Whom a run would find now; ``by_channel`` counts None for those whom none reaches."""

    count: int
    by_channel: dict[str | None, int]
    members: list[PreviewedMember]


def preview_campaign(*, campaign: Campaign, at: datetime, sample: int = 20) -> Preview:
    """Say whom a run would take in at a moment, and why; nothing is written."""
    found = _whom(campaign, at=at)
    by_channel = count_by_channel(found)
    count = sum(by_channel.values())
    first = _whom(campaign, at=at, few=True) if count >= MANY else found
    members = list(first.order_by("pk")[:sample])
    why = _reasons(campaign, members, at=at)
    return Preview(
        count=count,
        by_channel=by_channel,
        members=[PreviewedMember(m, why[m.pk], _channel(m)) for m in members],
    )


def export_audience(*, campaign: Campaign, at: datetime) -> Iterator[list[str]]:
    """Yield the list of a campaign, header first, in cells that no spreadsheet runs."""
    yield [
        str(title)
        for title in (
            _("Member code"),
            _("Name"),
            _("Phone"),
            _("Province"),
            _("Last order"),
            _("Orders"),
            _("Channel"),
            _("Why"),
        )
    ]
    for chunk in stream(_whom(campaign, at=at).order_by("pk"), CHUNK):
        why = _reasons(campaign, chunk, at=at)
        phones = _phones(chunk)
        summaries = PurchaseSummary.objects.in_bulk([member.pk for member in chunk])
        for member in chunk:
            cells = _cells(member, phones, summaries.get(member.pk), why[member.pk])
            yield [safe_cell(cell) for cell in cells]


def _whom(campaign: Campaign, *, at: datetime, few: bool = False) -> QuerySet[Member]:
    matching = audience(campaign, at=at, few=few)
    journey = Journey(campaign, campaign.version)
    if journey.first is not None:
        matching = newcomers(campaign, matching, at=at)
    return reached(matching, first_message(journey))


def first_message(journey: Journey) -> Step | None:
    """Return the first message on the way; members are reached by its channels."""
    messages = (step for step in journey.steps if step.kind == Step.Kind.MESSAGE)
    return next(messages, None)


def _reasons(
    campaign: Campaign, members: Sequence[Member], *, at: datetime
) -> dict[int, str]:
    """Say why each is there: the facts behind the conditions, then the channel."""
    facts = explain_members(
        campaign.conditions,
        member_ids=[member.pk for member in members],
        at=at,
        parameters=campaign.parameters,
    )
    return {
        member.pk: "; ".join(
            part for part in (facts[member.pk], _reach_text(_channel(member))) if part
        )
        for member in members
    }


def _reach_text(channel: str | None) -> str:
    texts = {
        Channel.ZALO_UID.value: _("reached on the Official Account"),
        Channel.ZALO_PHONE.value: _("reached by phone"),
        Channel.SMS.value: _("reached by SMS"),
        Channel.EMAIL.value: _("reached by e-mail"),
        Channel.INBOX.value: _("reached in their inbox"),
        None: _("no channel reaches them"),
    }
    return texts.get(channel, str(channel))


def _channel(member: Any) -> str | None:
    return member.channel


def _phones(members: Sequence[Member]) -> dict[int, str]:
    phones = Identifier.objects.filter(
        member__in=members, kind=Identifier.Kind.PHONE
    ).order_by("-is_valid", "pk")
    found: dict[int, str] = {}
    for member_id, value in phones.values_list("member_id", "value"):
        found.setdefault(member_id, display_phone(value))
    return found


def _cells(
    member: Member, phones: dict[int, str], summary: PurchaseSummary | None, why: str
) -> list[str]:
    channel = _channel(member)
    last = summary.last_order_on if summary else None
    return [
        member.code,
        member.name,
        phones.get(member.pk, ""),
        member.province,
        f"{last:%d/%m/%Y}" if last else "",
        "0" if summary is None else str(summary.num_orders),
        "" if channel is None else str(Channel(channel).label),
        why,
    ]
