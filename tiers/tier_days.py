"""Days in a tier as a benefit: given through a day, protected from falling meanwhile."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta

from django.db import transaction
from django.utils.translation import gettext as _

from core.clock import local_date
from core.errors import DomainError
from members.models import Member
from rewards.errors import BenefitUnavailable
from rewards.giving import Gift, Kind, register_kind
from rewards.models import Benefit, GivenBenefit
from tiers.models import MemberTier, TierDays
from tiers.services import end_given_tier, give_tier


def register_tier_days() -> None:
    """Let rewards hand over days in a tier."""
    register_kind(Kind(Benefit.Kind.TIER_DAYS.value, _give, _take_back))


def _give(
    benefit: Benefit, gifts: Sequence[Gift], at: datetime
) -> Mapping[int, DomainError]:
    terms = (
        TierDays.objects.select_related("tier", "benefit").filter(benefit=benefit).first()
    )
    if terms is None:
        error = BenefitUnavailable(
            _("%(name)s does not say yet which tier it gives.") % {"name": benefit}
        )
        return {gift.given.pk: error for gift in gifts}
    refused: dict[int, DomainError] = {}
    for gift in gifts:
        try:
            # A refusal leaves no half of it behind.
            with transaction.atomic():
                _give_one(terms, gift.given, at)
        except DomainError as refusal:
            refused[gift.given.pk] = refusal
    return refused


def _give_one(terms: TierDays, given: GivenBenefit, at: datetime) -> None:
    """Give the days, on top of those that are left of the same tier."""
    row = _standing(given, terms)
    begins = local_date(at)
    if row is not None and row.manual_tier_id == terms.tier_id:
        if row.manual_until is None:
            raise BenefitUnavailable(_("This member has the tier for good."))
        begins = max(begins, row.manual_until)
    give_tier(
        member=Member.objects.get(pk=given.member_id),
        tier=terms.tier,
        until=begins + timedelta(days=terms.days),
        reason=terms.benefit.name,
        by=given.actor or "benefit",
        at=at,
    )


def _take_back(given: GivenBenefit, at: datetime, actor: str) -> None:
    """Take the days away that are still to come; what was enjoyed was enjoyed."""
    terms = TierDays.objects.select_related("tier__ladder", "benefit").get(
        benefit=given.benefit_id
    )
    row = _standing(given, terms)
    if row is None or row.manual_tier_id != terms.tier_id or row.manual_until is None:
        return
    until = row.manual_until - timedelta(days=terms.days)
    member = Member.objects.get(pk=given.member_id)
    if until <= local_date(at):
        end_given_tier(
            member=member,
            ladder=terms.tier.ladder,
            reason=terms.benefit.name,
            by=actor,
            at=at,
        )
        return
    give_tier(
        member=member,
        tier=terms.tier,
        until=until,
        reason=terms.benefit.name,
        by=actor or "benefit",
        at=at,
    )


def _standing(given: GivenBenefit, terms: TierDays) -> MemberTier | None:
    return MemberTier.objects.filter(
        member=given.member_id, ladder=terms.tier.ladder_id
    ).first()
