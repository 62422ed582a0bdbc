"""What campaigns use and others keep: segments, benefits, texts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from django.db.models import Exists, F, Model, OuterRef, Q, QuerySet

from campaigns.models import Campaign, CampaignPolicy, Enrolment, Step
from campaigns.reaching import ACTING, num_met
from core import edits
from core.approvals import fingerprint
from members.happenings import entered, left
from members.models import Segment
from members.segments.nested import reached_from, segments_around, segments_in
from messaging.models import MessageTemplate
from rewards.models import Benefit


@dataclass(slots=True)
class Uses:
    """What one campaign uses; segments by their codes, happenings by theirs."""

    segments: set[str] = field(default_factory=set)
    benefits: set[int] = field(default_factory=set)
    templates: set[int] = field(default_factory=set)
    happenings: set[str] = field(default_factory=set)


def uses_of(campaigns: Sequence[Campaign]) -> dict[int, Uses]:
    """Return what campaigns use, by their numbers. One query.

    That is what the version in force uses, and those on which members are under way.
    """
    found = {
        campaign.pk: Uses(
            segments={*segments_in(campaign.conditions)},
            benefits=_known(campaign.goal_benefit_id),
            happenings={campaign.event, campaign.goal_event},
        )
        for campaign in campaigns
    }
    stood_on = Enrolment.objects.filter(
        step__campaign=OuterRef("campaign"), step__version=OuterRef("version")
    )
    steps = Step.objects.filter(campaign__in=found).filter(
        Q(version=F("campaign__version")) | Exists(stood_on)
    )
    for step in steps.only("campaign_id", "template_id", "benefit_id", "settings"):
        uses = found[step.campaign_id]
        uses.templates |= _known(step.template_id)
        uses.benefits |= _known(step.benefit_id)
        uses.segments |= {*segments_in(step.settings.get("conditions"))}
        uses.happenings.add(str(step.settings.get("event", "")))
    return found


def _known(number: int | None) -> set[int]:
    return set() if number is None else {number}


def what_is_used(campaign: Campaign) -> str:
    """Return a fingerprint of everything that a campaign uses and others keep."""
    uses = uses_of([campaign])[campaign.pk]
    segments = dict(Segment.objects.values_list("code", "conditions"))
    asked = reached_from(uses.segments, segments)
    found = {
        "segments": {code: segments.get(code) for code in sorted(asked)},
        "benefits": _kept(Benefit.objects.filter(pk__in=uses.benefits)),
        "templates": _kept(MessageTemplate.objects.filter(pk__in=uses.templates)),
    }
    return fingerprint("uses", found)


def _kept(rows: QuerySet[Any]) -> dict[str, Any]:
    return {str(one.pk): edits.what_decides(one) for one in rows.order_by("pk")}


def campaigns_using(edited: Model) -> list[Campaign]:
    """Return the campaigns that use something, in whichever state. Three queries."""
    if not isinstance(edited, (Segment, Benefit, MessageTemplate)):
        return []
    campaigns = list(Campaign.objects.order_by("pk"))
    found = uses_of(campaigns)
    around = segments_around(edited.code) if isinstance(edited, Segment) else set()
    return [one for one in campaigns if _uses(found[one.pk], edited, around)]


def _uses(uses: Uses, edited: Model, around: set[str]) -> bool:
    if isinstance(edited, Segment):
        told = {entered(edited.pk), left(edited.pk)}
        return bool(uses.segments & around or uses.happenings & told)
    if isinstance(edited, Benefit):
        return edited.pk in uses.benefits
    return edited.pk in uses.templates


def _acting(edited: Model) -> list[Campaign]:
    return [one for one in campaigns_using(edited) if one.state in ACTING]


def _lock(edited: Model) -> None:
    """Lock who uses it, also drafts: what is counted for their start is what starts."""
    numbers = [one.pk for one in campaigns_using(edited)]
    rows = Campaign.objects.filter(pk__in=numbers).order_by("pk")
    list(rows.select_for_update(no_key=True).values_list("pk"))


def register() -> None:
    """Tell those who keep them what campaigns act with."""
    edits.register_acting(
        edits.Acting(
            find=_acting,
            lock=_lock,
            reach=num_met,
            bound=lambda: CampaignPolicy.current().approve_above,
        )
    )
