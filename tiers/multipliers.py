"""Points multipliers of a tier are ordinary earn rules, for the group of its members."""

from __future__ import annotations

from decimal import Decimal

from django.db import transaction
from django.utils.translation import gettext as _

from core.errors import NotFound
from members.models import Segment
from points.models import EarnRule
from points.queries import points_wallet
from tiers.definition import Definition
from tiers.errors import LadderIncomplete
from tiers.models import Tier
from tiers.segment_fields import tier_value

DOUBLE = Decimal(2)


def segment_code(ladder_code: str, tier_code: str) -> str:
    return f"tier-{ladder_code}-{tier_code}"[:60]


@transaction.atomic
def draft_multiplier(tier: Tier, *, factor: Decimal = DOUBLE) -> EarnRule:
    """Make an unpublished earn rule that multiplies the points of a tier's members.

    A second wish answers the rule that is there. Raises LadderIncomplete while the tier
    is not published, NotFound before there is a wallet.
    """
    if not tier.ladder.version:
        raise LadderIncomplete(_("Publish the ladder first: nobody is in this tier yet."))
    wallet = points_wallet()
    if wallet is None:
        raise NotFound(_("There is no wallet yet in which points could be earned."))
    segment = _segment(tier)
    rules = EarnRule.objects.filter(segment=segment, method=EarnRule.Method.MULTIPLIER)
    if rule := rules.order_by("pk").first():
        return rule
    return EarnRule.objects.create(
        code=f"x-{segment.code}"[:40],
        name=_("More points for %(tier)s") % {"tier": tier.name},
        wallet=wallet,
        method=EarnRule.Method.MULTIPLIER,
        factor=factor,
        segment=segment,
    )


def _segment(tier: Tier) -> Segment:
    """Return the group of a tier's members, made where it is missing."""
    value = tier_value(tier.ladder.code, tier.code)
    condition = {"field": "tier", "is": "is", "value": value}
    return Segment.objects.get_or_create(
        code=segment_code(tier.ladder.code, tier.code),
        defaults={
            "name": _("Tier %(tier)s") % {"tier": tier.name},
            "conditions": {"all": [condition]},
        },
    )[0]


def multipliers_of(ladder: Definition) -> dict[int, Decimal]:
    """Return the factor of each tier that has a multiplier, by tier. One query."""
    codes = {segment_code(ladder.code, step.code): step.tier_id for step in ladder.steps}
    rules = EarnRule.objects.filter(
        segment__code__in=codes, method=EarnRule.Method.MULTIPLIER, is_active=True
    )
    found = rules.order_by("-pk").values_list("segment__code", "factor")
    return {codes[code]: factor for code, factor in found}
