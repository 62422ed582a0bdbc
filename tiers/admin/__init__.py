"""Tiers in the console."""

from tiers.admin.ladder import LadderAdmin
from tiers.admin.records import MemberTierAdmin, TierChangeAdmin
from tiers.admin.tier import TierAdmin

__all__ = ["LadderAdmin", "MemberTierAdmin", "TierAdmin", "TierChangeAdmin"]
