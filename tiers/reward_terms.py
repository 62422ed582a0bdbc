"""What rewards cost and when they open for the members of a tier and of higher ones."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta

from django.utils.translation import gettext as _

from rewards.models import Reward
from rewards.terms import Terms, register_terms
from tiers.models import MemberTier, TierReward


def register_tier_terms() -> None:
    """Let rewards ask what a member's tier changes."""
    register_terms("tiers", tier_terms)


def tier_terms(
    member_id: int, rewards: Sequence[Reward], at: datetime
) -> Mapping[int, Terms]:
    """Return the terms that a member's tiers bring, by reward. Two queries."""
    asked = {reward.pk: reward for reward in rewards}
    found: dict[int, list[TierReward]] = defaultdict(list)
    rows = TierReward.objects.filter(reward__in=asked).select_related("tier")
    for row in rows.order_by("tier__rank", "pk"):
        found[row.reward_id].append(row)
    if not found:
        return {}
    standings = MemberTier.objects.filter(member=member_id)
    ranks = dict(standings.values_list("ladder_id", "tier__rank"))
    return {pk: _terms(asked[pk], rows, ranks) for pk, rows in found.items()}


def _terms(reward: Reward, rows: Sequence[TierReward], ranks: Mapping[int, int]) -> Terms:
    mine = [row for row in rows if ranks.get(row.tier.ladder_id, 0) >= row.tier.rank]
    cheaper = [row for row in mine if row.price_points is not None]
    best = min(cheaper, key=lambda row: row.price_points or 0, default=None)
    hours = max((row.early_hours or 0 for row in mine), default=0)
    opens_at = None
    if hours and reward.active_from is not None:
        opens_at = reward.active_from - timedelta(hours=hours)
    required = [row for row in rows if row.is_required]
    locked = ""
    if required and not any(row in mine for row in required):
        locked = _("From the tier %(tier)s on.") % {"tier": required[0].tier.name}
    because = ""
    if best is not None and (best.price_points or 0) < reward.price_points:
        because = _("Price for %(tier)s") % {"tier": best.tier.name}
    elif opens_at is not None:
        early = max(mine, key=lambda row: row.early_hours or 0)
        because = _("Early access for %(tier)s") % {"tier": early.tier.name}
    return Terms(best.price_points if best else None, opens_at, locked, because)
