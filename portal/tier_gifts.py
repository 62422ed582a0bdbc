"""What tiers give and which rewards they change, in the words of the tiers' page."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection
from datetime import datetime
from typing import NamedTuple

from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from core.models import Programme
from portal.offers import prices_of
from portal.prices import Prices
from rewards.offers import shown_rewards
from tiers.models import TierGift, TierReward

Occasion = TierGift.Occasion


class PerkLine(NamedTuple):
    """One thing that a tier is worth, and when or how."""

    name: str
    sentence: str


def lines_of(
    tier_ids: Collection[int], *, programme: Programme, at: datetime
) -> dict[int, list[PerkLine]]:
    """Return gifts first, then rewards, by tier. A constant number of queries."""
    found: dict[int, list[PerkLine]] = defaultdict(list)
    if not tier_ids:
        return found
    gifts = TierGift.objects.filter(
        tier__in=tier_ids, is_active=True, benefit__is_active=True
    )
    for gift in gifts.select_related("benefit"):
        found[gift.tier_id].append(PerkLine(gift.benefit.name, _when(gift.occasion)))
    terms = TierReward.objects.filter(tier__in=tier_ids).order_by("reward__position", "pk")
    rewards = shown_rewards(at=at).filter(tier_terms__tier__in=tier_ids).distinct()
    shown = {reward.pk: reward for reward in rewards} if terms else {}
    prices = prices_of(programme) if shown else None
    for row in terms:
        if prices is not None and (reward := shown.get(row.reward_id)):
            row.reward = reward
            found[row.tier_id].append(PerkLine(reward.name, _terms(row, prices)))
    return found


def _when(occasion: str) -> str:
    return {
        Occasion.REACHED: _("when you reach this tier"),
        Occasion.KEPT: _("each time you keep this tier"),
        Occasion.BIRTHDAY: _("on your birthday"),
        Occasion.ANNIVERSARY: _("on each anniversary as a member"),
    }[Occasion(occasion)]


def _terms(row: TierReward, prices: Prices) -> str:
    """Say what is other from this tier on: “400 points instead of 500”."""
    reward, parts = row.reward, []
    if row.is_required:
        parts.append(_("only from this tier on"))
    if row.price_points is not None and row.price_points < reward.price_points:
        unit = prices.unit(reward.wallet)
        told = {
            "price": unit.amount(row.price_points),
            "usual": unit.amount(reward.price_points),
        }
        parts.append(_("%(price)s instead of %(usual)s") % told)
    if row.early_hours:
        text = ngettext(
            "%(count)s hour before everyone else",
            "%(count)s hours before everyone else",
            row.early_hours,
        )
        parts.append(text % {"count": row.early_hours})
    return ", ".join(parts)
