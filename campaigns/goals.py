"""Reaching the goal: the way ends at once, and what was promised for it is given."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple

from campaigns.models import Campaign, Enrolment
from rewards.giving import Giving, give_benefits
from rewards.models import GivenBenefit

CAMPAIGN = GivenBenefit.Source.CAMPAIGN.value


class Reached(NamedTuple):
    """A way that ended with its goal just now."""

    enrolment_id: int
    member_id: int
    campaign_id: int
    is_holdout: bool


def reach_goals(enrolments: Sequence[Enrolment], *, at: datetime) -> None:
    """Close locked enrolments as returned, and give what their campaigns promise."""
    Enrolment.objects.filter(pk__in=[one.pk for one in enrolments]).update(
        state=Enrolment.State.RETURNED, closed_at=at, due_at=None, waiting_for=""
    )
    give_for_goals(
        [
            Reached(one.pk, one.member_id, one.campaign_id, one.is_holdout)
            for one in enrolments
        ],
        at=at,
    )


def give_for_goals(reached: Sequence[Reached], *, at: datetime) -> None:
    """Keep the campaigns' promise to who reached the goal, once for each way.

    Nobody promised anything to those who are left alone.
    """
    told = [one for one in reached if not one.is_holdout]
    if not told:
        return
    promising = (
        Campaign.objects.filter(
            pk__in={one.campaign_id for one in told}, goal_benefit__isnull=False
        )
        .select_related("goal_benefit__wallet")
        .in_bulk()
    )
    givings = [
        Giving(
            benefit=campaign.goal_benefit,
            member_id=one.member_id,
            key=f"campaign-goal:{one.enrolment_id}",
            source=CAMPAIGN,
            source_id=campaign.pk,
            note=campaign.name,
        )
        for one in told
        if (campaign := promising.get(one.campaign_id)) and campaign.goal_benefit
    ]
    if givings:
        give_benefits(givings, at=at)
