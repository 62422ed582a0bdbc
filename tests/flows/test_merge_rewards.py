"""Merging members with vouchers, redemptions and limits; and undoing it."""

from __future__ import annotations

from datetime import datetime

import pytest

from flows.merge import merge_members, unmerge_members
from members.models import Member
from points.queries import balances
from rewards.errors import RewardUnavailable
from rewards.models import Redemption, Reward, Tally, Voucher
from rewards.services import cancel_redemption, redeem_reward
from tests import factories
from tests.points.helpers import assert_proved, give
from tests.rewards.helpers import limit, make_reward

pytestmark = pytest.mark.django_db


@pytest.fixture
def reward(mai: Member, binh: Member, now: datetime) -> Reward:
    """A reward that each member may have twice; both have had it once."""
    factories.make_wallet()
    reward = make_reward(stock=10)
    limit(reward, 2)
    for member in (mai, binh):
        give(member, 250, f"opening:{member.code}", now)
        redeem(member, reward, now, member.code)
    return reward


def redeem(member: Member, reward: Reward, at: datetime, key: str) -> Redemption:
    return redeem_reward(member=member, reward=reward, key=key, at=at)


def counted(member: Member) -> int:
    row = Tally.objects.filter(member=member).first()
    return row.times if row else 0


def owners() -> list[str]:
    return sorted(Voucher.objects.values_list("member__code", flat=True))


def test_everything_moves_and_limits_count_both(
    reward: Reward, mai: Member, binh: Member, now: datetime
) -> None:
    merge = merge_members(kept=mai, merged=binh, note="same", by="s", at=now)

    assert owners() == ["MAI", "MAI"]
    assert Redemption.objects.filter(member=mai).count() == 2
    assert (counted(mai), counted(binh)) == (2, 0)
    with pytest.raises(RewardUnavailable) as refusal:
        redeem(mai, reward, now, "third")
    assert refusal.value.extra == {"reason": "limit_reached"}

    unmerge_members(merge=merge, note="no", by="s", at=now)
    assert owners() == ["BINH", "MAI"]
    assert (counted(mai), counted(binh)) == (1, 1)
    assert redeem(binh, reward, now, "fourth").member == binh
    assert_proved()


def test_what_a_merged_member_took_is_cancelled_for_who_was_kept(
    reward: Reward, mai: Member, binh: Member, now: datetime
) -> None:
    taken = Redemption.objects.get(member=binh)
    merge_members(kept=mai, merged=binh, note="same", by="s", at=now)
    assert balances([mai.pk])[mai.pk] == 300

    cancel_redemption(redemption=taken, at=now, actor="s")

    assert balances([mai.pk])[mai.pk] == 400
    assert counted(mai) == 1
    reward.refresh_from_db()
    assert reward.taken == 1
    assert_proved()


def test_a_repeat_of_the_merged_members_key_answers_the_first(
    reward: Reward, mai: Member, binh: Member, now: datetime
) -> None:
    merge_members(kept=mai, merged=binh, note="same", by="s", at=now)
    again = redeem(Member.objects.get(pk=binh.pk), reward, now, "BINH")
    assert again.member == mai
    assert Redemption.objects.count() == 2
