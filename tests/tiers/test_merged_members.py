"""Two members who are one: what both bought, and earned, counts for one tier."""

from datetime import datetime, timedelta
from decimal import Decimal

from flows.merge import merge_members, unmerge_members
from members.models import Member, MemberMerge
from tests.factories import make_earn_rule, make_wallet
from tests.tiers.helpers import buy, events, make_ladder, tier
from tiers.models import TierChange


def merge(kept: Member, merged: Member, at: datetime) -> MemberMerge:
    return merge_members(kept=kept, merged=merged, note="One person", by="lan", at=at)


def test_together_they_reach_what_neither_did(
    mai: Member, binh: Member, now: datetime
) -> None:
    make_wallet()
    make_ladder()
    buy(mai, "A", now, 600_000)
    buy(binh, "B", now, 400_000)
    assert (tier(mai), tier(binh)) == ("member", "member")

    merged = merge(mai, binh, now + timedelta(days=1))

    assert tier(mai) == "silver"
    assert events(mai)[-1] == ("up", "member", "silver")
    last = TierChange.objects.filter(member=mai).latest("pk")
    assert (last.cause, last.spend) == ("merge", Decimal(1_000_000))
    unmerge_members(merge=merged, note="Sisters", by="lan", at=now + timedelta(days=2))
    assert (tier(mai), tier(binh)) == ("member", "member")


def test_points_that_the_other_earned_count(
    mai: Member, binh: Member, now: datetime
) -> None:
    status = make_wallet(code="status", kind="qualifying")
    make_earn_rule(wallet=status, amount=Decimal(1000))
    steps = (("member", None), ("silver", 1000))
    make_ladder(steps=steps, asks="points", wallet=status)
    buy(mai, "A", now, 600_000)
    buy(binh, "B", now, 399_000)

    merge(mai, binh, now + timedelta(days=1))
    assert tier(mai) == "member"
    buy(mai, "C", now + timedelta(days=2), 1000)

    assert tier(mai) == "silver"
