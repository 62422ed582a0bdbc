"""What staff see before anything happens: how many, whom, why each, by which channel."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
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
from campaigns.enrolling import is_held_out, newcomers
from campaigns.journey import Journey
from campaigns.models import Campaign, CampaignPolicy, Step
from core.batch import CHUNK
from core.phones import display_phone
from core.tabular import safe_cell
from members.models import Identifier, Member
from members.segments import explain_members
from messaging.models import Channel

# More than these are not looked at one by one before a page is shown.
EXACT_UP_TO = 20_000
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
    """Whom a run would find now; ``by_channel`` counts None for those whom none reaches.

    ``held_out`` are those among them who are left alone to compare, counted likewise.
    """

    count: int
    by_channel: dict[str | None, int]
    held_out: dict[str | None, int]
    # Whether who is left alone was counted or, of very many, told by its share.
    is_estimate: bool
    members: list[PreviewedMember]

    @property
    def num_reached(self) -> int:
        """How many a channel reaches, those who are left alone among them."""
        return self.count - self.by_channel.get(None, 0)

    @property
    def gets_by_channel(self) -> dict[str, int]:
        """Who gets a message, by channel: whom it reaches, less who is left alone."""
        return {
            channel: number - self.held_out.get(channel, 0)
            for channel, number in self.by_channel.items()
            if channel is not None
        }


def preview_campaign(*, campaign: Campaign, at: datetime, sample: int = 20) -> Preview:
    """Say whom a run would take in at a moment, and why; nothing is written."""
    found = _whom(campaign, at=at)
    by_channel = count_by_channel(found)
    held_out, is_estimate = _held_out(campaign, found, by_channel)
    count = sum(by_channel.values())
    first = _whom(campaign, at=at, few=True) if count >= MANY else found
    members = list(first.order_by("pk")[:sample])
    why = _reasons(campaign, members, at=at)
    return Preview(
        count=count,
        by_channel=by_channel,
        held_out=held_out,
        is_estimate=is_estimate,
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


def num_found(campaign: Campaign, *, at: datetime) -> int:
    """Count whom a run would find at a moment, by whichever channel."""
    return _matching(campaign, Journey(campaign, campaign.version), at=at).count()


def _whom(campaign: Campaign, *, at: datetime, few: bool = False) -> QuerySet[Member]:
    journey = Journey(campaign, campaign.version)
    matching = _matching(campaign, journey, at=at, few=few)
    return reached(matching, first_message(journey))


def _matching(
    campaign: Campaign, journey: Journey, *, at: datetime, few: bool = False
) -> QuerySet[Member]:
    matching = audience(campaign, at=at, few=few)
    return matching if journey.first is None else newcomers(campaign, matching, at=at)


def _held_out(
    campaign: Campaign, found: QuerySet[Any], by_channel: Mapping[str | None, int]
) -> tuple[dict[str | None, int], bool]:
    """Count who is left alone to compare, by channel; tells whether that is an estimate.

    Chance is a hash that the database does not know, so each member is looked at. Of many,
    the share says the same within a few in a thousand, and costs nothing.
    """
    policy = CampaignPolicy.current()
    if not has_holdout(campaign, policy):
        return {}, False
    if sum(by_channel.values()) > EXACT_UP_TO:
        spared = (100 - campaign.holdout_percent) * (100 - policy.holdout_percent)
        share = 1 - spared / 10_000
        return {channel: round(n * share) for channel, n in by_channel.items()}, True
    held_out: Counter[str | None] = Counter()
    for pk, channel in found.order_by().values_list("pk", "channel").iterator():
        held_out[channel] += is_held_out(campaign, pk, policy)
    return dict(held_out), False


def has_holdout(campaign: Campaign, policy: CampaignPolicy) -> bool:
    """Tell whether somebody may be left alone; who only gets a tag never is."""
    if not campaign.holdout_percent and not policy.holdout_percent:
        return False
    return Journey(campaign, campaign.version).first is not None


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
