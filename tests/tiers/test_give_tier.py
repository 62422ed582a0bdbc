"""A tier by hand: it protects from falling, ends on its day, and hides nothing earned."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest

from core.clock import local_date
from core.errors import InvalidInput, NotFound
from members.models import Member
from tests.tiers.helpers import bring_back, buy, events, make_ladder, standing_row, tier
from tiers.errors import NoManualTier, TierTooLow
from tiers.models import Ladder, MemberTier, Tier, TierChange
from tiers.services import end_given_tier, give_tier, review_tiers


def gold() -> Tier:
    return Tier.objects.get(code="gold")


def test_it_is_given_through_its_last_day(mai: Member, now: datetime) -> None:
    make_ladder()
    last = local_date(now) + timedelta(days=10)

    give_tier(member=mai, tier=gold(), until=last, reason="Khách VIP", by="lan", at=now)

    assert tier(mai) == "gold"
    change = TierChange.objects.get()
    assert (change.kind, change.actor, change.note) == ("manual", "lan", "Khách VIP")
    assert (change.cause, change.holds_until) == ("staff", last)
    review_tiers(at=now + timedelta(days=10))
    assert tier(mai) == "gold"
    review_tiers(at=now + timedelta(days=11))
    assert tier(mai) == "member"
    assert events(mai)[-1] == ("down", "gold", "member")
    assert standing_row(mai).manual_tier is None


def test_it_protects_from_refunds_and_reviews(mai: Member, now: datetime) -> None:
    make_ladder()
    buy(mai, "A", now, 3_000_000)
    give_tier(member=mai, tier=gold(), until=None, reason="VIP", by="lan", at=now)

    bring_back(mai, "R", now + timedelta(days=1), 3_000_000, of="A")
    review_tiers(at=now + timedelta(days=900))

    assert tier(mai) == "gold"
    # What was earned is known all the same.
    assert standing_row(mai).earned_tier.code == "member"


def test_what_was_earned_meanwhile_stays_when_it_ends(mai: Member, now: datetime) -> None:
    make_ladder()
    day = local_date(now) + timedelta(days=30)
    give_tier(member=mai, tier=gold(), until=day, reason="VIP", by="lan", at=now)
    buy(mai, "A", now + timedelta(days=5), 1_000_000)
    assert events(mai) == [("manual", "member", "gold")]

    review_tiers(at=now + timedelta(days=31))

    assert tier(mai) == "silver"


def test_it_does_not_keep_a_member_from_rising(mai: Member, now: datetime) -> None:
    make_ladder()
    silver = Tier.objects.get(code="silver")
    give_tier(member=mai, tier=silver, until=None, reason="VIP", by="lan", at=now)

    buy(mai, "A", now, 3_000_000)

    assert tier(mai) == "gold"


def test_staff_can_take_it_away(mai: Member, now: datetime) -> None:
    ladder = make_ladder()
    give_tier(member=mai, tier=gold(), until=None, reason="VIP", by="lan", at=now)

    end_given_tier(member=mai, ladder=ladder, reason="Nhầm khách", by="lan", at=now)

    assert (tier(mai), events(mai)[-1]) == ("member", ("down", "gold", "member"))
    assert TierChange.objects.latest("pk").note == "Nhầm khách"
    with pytest.raises(NoManualTier):
        end_given_tier(member=mai, ladder=ladder, reason="x", by="lan", at=now)


def test_refuses_less_than_was_reached(mai: Member, now: datetime) -> None:
    make_ladder()
    buy(mai, "A", now, 3_000_000)
    before = MemberTier.objects.values().get()

    with pytest.raises(TierTooLow, match=r"has reached Gold by purchases"):
        give_tier(
            member=mai,
            tier=Tier.objects.get(code="silver"),
            until=None,
            reason="x",
            by="lan",
            at=now,
        )

    assert MemberTier.objects.values().get() == before
    assert TierChange.objects.count() == 1


@pytest.mark.parametrize(("days", "reason"), [(-1, "VIP"), (1, "  ")])
def test_refuses_an_end_in_the_past_and_no_reason(
    mai: Member, now: datetime, days: int, reason: str
) -> None:
    make_ladder()
    until = local_date(now) + timedelta(days=days)

    with pytest.raises(InvalidInput):
        give_tier(member=mai, tier=gold(), until=until, reason=reason, by="lan", at=now)

    assert not MemberTier.objects.exists()


def test_refuses_a_tier_that_is_not_published(mai: Member, now: datetime) -> None:
    ladder = make_ladder()
    draft = Tier.objects.create(ladder=ladder, code="vip", name="VIP", spend=9_000_000)

    with pytest.raises(NotFound):
        give_tier(member=mai, tier=draft, until=None, reason="VIP", by="lan", at=now)
    Ladder.objects.update(is_active=False)
    with pytest.raises(NotFound):
        give_tier(member=mai, tier=gold(), until=None, reason="VIP", by="lan", at=now)
