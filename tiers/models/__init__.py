"""Ladders, who stands on them, and what tiers give."""

from tiers.models.gifts import TierDays, TierGift, TierReward
from tiers.models.ladders import Ladder, LadderVersion, Perk, Tier
from tiers.models.standings import MemberTier, TierChange

__all__ = [
    "Ladder",
    "LadderVersion",
    "MemberTier",
    "Perk",
    "Tier",
    "TierChange",
    "TierDays",
    "TierGift",
    "TierReward",
]
