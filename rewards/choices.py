"""What members say about rewards that redeem themselves: yes, or no, or nothing."""

from __future__ import annotations

from datetime import datetime

from core.batch import execute, sql_value
from rewards.models import Reward, RewardChoice

# The key of a redemption that came by itself begins with it, and no other key does.
BY_ITSELF = "itself:"
CHOOSE = """
INSERT INTO rewards_rewardchoice (reward_id, member_id, wants, changed_at)
VALUES (%s, %s, %s, %s)
ON CONFLICT (reward_id, member_id)
DO UPDATE SET wants = excluded.wants, changed_at = excluded.changed_at
"""


def choose(*, member_id: int, reward_id: int, wants: bool, at: datetime) -> None:
    """Note whether a member wants a reward by itself; the last word counts."""
    execute(CHOOSE, [reward_id, member_id, wants, sql_value(at)])


def wants_itself(member_id: int, reward: Reward) -> bool:
    """Tell whether a reward redeems itself for a member. One query."""
    said = RewardChoice.objects.filter(member=member_id, reward=reward)
    wants = said.values_list("wants", flat=True).first()
    return not reward.redeems_asked if wants is None else bool(wants)
