"""What staff read before a campaign starts: cost, law, who is left alone, who approves."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from decimal import Decimal
from typing import Any

from django.db.models import QuerySet
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from campaigns.audience import audience, reached
from campaigns.enrolling import is_held_out, newcomers
from campaigns.journey import Journey
from campaigns.models import Campaign, CampaignPolicy, Step
from campaigns.preview import Preview, first_message
from core.admin_tools import number, when
from core.models import Programme
from core.money import format_money
from messaging.caps import had_enough
from messaging.gate import next_opening_of_offers
from messaging.models import Channel, MessageTemplate, SendingPolicy
from messaging.reach import reach_and_cost


def launch_lines(campaign: Campaign, preview: Preview, *, at: datetime) -> list[str]:
    """Return what starting a campaign costs and what binds it, line by line."""
    journey = Journey(campaign, campaign.version)
    return [
        *_costs(campaign, journey, preview, at=at),
        *_law(journey),
        *_timing(campaign, journey, at=at),
        *_group(campaign, preview),
    ]


def _costs(
    campaign: Campaign, journey: Journey, preview: Preview, *, at: datetime
) -> Iterator[str]:
    """Say what the first message costs, and what is given at most.

    Who is left alone to compare costs nothing.
    """
    currency = Programme.current().currency
    message = first_message(journey)
    if message is not None and message.template is not None and preview.num_reached:
        found = newcomers(campaign, audience(campaign, at=at), at=at)
        share = Decimal(sum(preview.gets_by_channel.values())) / preview.num_reached
        if cost := round(reach_and_cost(found, message.template).cost * share):
            yield _("The first message costs about %(cost)s.") % {
                "cost": format_money(Decimal(cost), "VND")
            }
    given = [
        step.benefit
        for step in journey.steps
        if step.kind == Step.Kind.GIVE and step.benefit is not None
    ]
    if value := sum((benefit.value for benefit in given), Decimal(0)):
        count = preview.count - sum(preview.held_out.values())
        yield _("What its steps give costs at most %(cost)s for those who match now.") % {
            "cost": format_money(value * count, currency)
        }
    if campaign.goal_benefit is not None:
        yield _("Whoever reaches the goal gets: %(benefit)s.") % {
            "benefit": campaign.goal_benefit
        }


def _law(journey: Journey) -> Iterator[str]:
    """Say what the sending policy holds it to; every message is asked again."""
    offers = [
        step
        for step in journey.steps
        if step.template is not None
        and step.template.purpose == MessageTemplate.Purpose.MARKETING
    ]
    if not offers:
        return
    policy = SendingPolicy.current()
    yield _(
        "Offers leave from %(begin)s to %(end)s, at most %(day)s in 24 hours and %(week)s "
        "in 7 days for each member, and only to who has agreed."
    ) % {
        "begin": f"{policy.marketing_from:%H:%M}",
        "end": f"{policy.marketing_until:%H:%M}",
        "day": policy.max_marketing_per_day,
        "week": policy.max_marketing_per_week,
    }


def _timing(campaign: Campaign, journey: Journey, *, at: datetime) -> Iterator[str]:
    """Say what keeps the first offers back that would leave now."""
    first = journey.first
    if first is None or first.kind != Step.Kind.MESSAGE or not campaign.begins_at_once:
        return
    template = first.template
    if template is None or template.purpose != MessageTemplate.Purpose.MARKETING:
        return
    if opening := next_opening_of_offers(at):
        yield _("It is outside those hours now: the first messages leave at %(at)s.") % {
            "at": when(opening)
        }
    who = newcomers(campaign, audience(campaign, at=at), at=at)
    found: QuerySet[Any] = reached(who, first)
    disturbed = found.filter(channel__isnull=False).exclude(channel=Channel.INBOX)
    policy, ids = CampaignPolicy.current(), had_enough(disturbed, at=at).values_list("pk")
    tired = sum(not is_held_out(campaign, pk, policy) for (pk,) in ids.iterator())
    if tired:
        yield ngettext(
            "%(count)s member has had enough offers lately and will not get the first one.",
            "%(count)s members have had enough offers lately and will not get the first "
            "one.",
            tired,
        ) % {"count": number(tired)}


def _group(campaign: Campaign, preview: Preview) -> Iterator[str]:
    policy, count = CampaignPolicy.current(), preview.count
    is_compared = campaign.holdout_percent or policy.holdout_percent
    if not is_compared and campaign.goal != Campaign.Goal.NONE:
        yield _("There is no hold-out group: nobody will know what it brought.")
    if policy.approve_above is not None and count > policy.approve_above:
        yield _(
            "It reaches more than %(bound)s members: a second person has to approve it."
        ) % {"bound": number(policy.approve_above)}
