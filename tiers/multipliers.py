"""Points multipliers of a tier are ordinary earn rules, for the group of its members."""

from __future__ import annotations

from decimal import Decimal

from django.db import transaction
from django.utils.translation import gettext as _

from core.errors import NotFound
from members.models import Segment
from points.models import EarnRule, Wallet
from points.presets import free_code
from points.queries import active_wallets, points_wallet
from tiers.definition import Definition
from tiers.errors import LadderIncomplete
from tiers.models import Tier
from tiers.segment_fields import tier_value

DOUBLE = Decimal(2)
MULTIPLIED = (Wallet.Kind.POINTS, Wallet.Kind.CASHBACK)


def wallets_to_multiply() -> list[Wallet]:
    """Return the wallets in use of which members of a tier may get more."""
    return list(active_wallets().filter(kind__in=MULTIPLIED))


def segment_code(ladder_code: str, tier_code: str) -> str:
    return f"tier-{ladder_code}-{tier_code}"[:60]


@transaction.atomic
def draft_multiplier(
    tier: Tier, *, factor: Decimal = DOUBLE, wallet: Wallet | None = None
) -> EarnRule:
    """Make an unpublished earn rule that multiplies what a tier's members get.

    In "my points" unless a wallet is named. A second wish answers the rule that is there.
    Raises LadderIncomplete while the tier is not published, NotFound before there is a
    wallet.
    """
    if not tier.ladder.version:
        raise LadderIncomplete(_("Publish the ladder first: nobody is in this tier yet."))
    wallet = wallet or points_wallet()
    if wallet is None:
        raise NotFound(_("There is no wallet yet in which points could be earned."))
    segment = _segment(tier)
    rules = EarnRule.objects.filter(
        segment=segment, method=EarnRule.Method.MULTIPLIER, wallet=wallet
    )
    if rule := rules.order_by("pk").first():
        return rule
    name = (
        _("More cashback for %(tier)s")
        if wallet.holds_money
        else _("More points for %(tier)s")
    )
    return EarnRule.objects.create(
        code=free_code(f"x-{segment.code}"[:40]),
        name=name % {"tier": tier.name},
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
    """Return the factor of "my points" by tier, where there is one. Two queries."""
    codes = {segment_code(ladder.code, step.code): step.tier_id for step in ladder.steps}
    rules = EarnRule.objects.filter(
        segment__code__in=codes,
        method=EarnRule.Method.MULTIPLIER,
        is_active=True,
        wallet=points_wallet(),
    )
    found = rules.order_by("-pk").values_list("segment__code", "factor")
    return {codes[code]: factor for code, factor in found}
