"""The giving step: a benefit for each member, once on each way through."""

from __future__ import annotations

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from campaigns.models import Step
from campaigns.trips import StepKind, Traveller, Trip
from rewards.giving import Giving, give_benefits
from rewards.models import GivenBenefit

CAMPAIGN = GivenBenefit.Source.CAMPAIGN.value
REFUSED = "benefit_refused"


def _arrive(trip: Trip, step: Step, travellers: list[Traveller]) -> None:
    """Give to everyone; who is refused (a budget, a limit) goes on without."""
    assert step.benefit is not None, "the database asks for it"
    givings = [
        Giving(
            benefit=step.benefit,
            member_id=one.member_id,
            key=f"campaign:{one.enrolment_id}:{step.key}",
            source=CAMPAIGN,
            source_id=trip.campaign.pk,
            note=trip.campaign.name,
        )
        for one in travellers
    ]
    outcomes = give_benefits(givings, at=trip.at)
    trip.counts.given += sum(outcome.is_new for outcome in outcomes)
    if refused := sum(outcome.refusal is not None for outcome in outcomes):
        trip.counts.skipped_reasons[REFUSED] += refused
    trip.go_on(step, travellers)


def _describe(step: Step) -> str:
    return _("Give “%(benefit)s”") % {"benefit": step.benefit}


GIVE = StepKind(
    Step.Kind.GIVE.value,
    gettext_lazy("Give a benefit"),
    gettext_lazy("Points, a voucher, spins: once for each way through."),
    "redeem",
    _arrive,
    _describe,
)
