"""Tiers and rewards: another price, early access, locked below; days in a tier given."""

from __future__ import annotations

from datetime import date, datetime, timedelta

import pytest
from django.core.exceptions import ValidationError
from django.db import IntegrityError, transaction

from members.models import Member
from points.queries import balances
from rewards.errors import BenefitUnavailable, RewardUnavailable
from rewards.models import Redemption, Reward
from rewards.offers import offers_for
from rewards.services import cancel_redemption, redeem_reward
from tests import factories
from tests.points.helpers import give
from tests.rewards.helpers import make_benefit, make_reward
from tests.tiers.helpers import buy, make_ladder, standing_row, tier
from tiers.errors import TierTooLow
from tiers.models import Tier, TierDays, TierReward

pytestmark = pytest.mark.django_db


@pytest.fixture
def gold(mai: Member, now: datetime) -> Member:
    factories.make_wallet()
    give(mai, 250, "opening", now)
    make_ladder()
    buy(mai, "A", now - timedelta(days=20), 3_000_000)
    return mai


def terms(reward: Reward, code: str, **fields: object) -> TierReward:
    return TierReward.objects.create(
        reward=reward, tier=Tier.objects.get(code=code), **fields
    )


def redeem(member: Member, reward: Reward, at: datetime) -> Redemption:
    return redeem_reward(member=member, reward=reward, key="k1", at=at)


def test_a_higher_tier_pays_the_lower_price(
    gold: Member, binh: Member, now: datetime
) -> None:
    reward = make_reward()
    terms(reward, "silver", price_points=80)

    offer = offers_for(gold, [reward], at=now)[0]
    assert (offer.price_points, offer.because) == (80, "Price for Silver")
    assert redeem(gold, reward, now).points == 80
    assert balances([gold.pk])[gold.pk] == 170
    assert offers_for(binh, [reward], at=now)[0].price_points == 100


def test_the_best_of_two_tiers_counts(gold: Member, now: datetime) -> None:
    reward = make_reward()
    terms(reward, "silver", price_points=60)
    terms(reward, "gold", price_points=70)
    assert offers_for(gold, [reward], at=now)[0].price_points == 60


def test_a_tier_price_above_the_price_is_no_price(gold: Member, now: datetime) -> None:
    reward = make_reward()
    terms(reward, "gold", price_points=130)
    offer = offers_for(gold, [reward], at=now)[0]
    assert (offer.price_points, offer.because) == (100, "")


@pytest.mark.parametrize(("hours", "opens"), [(24, False), (25, True), (48, True)])
def test_early_access_opens_hours_before(
    gold: Member, binh: Member, now: datetime, hours: int, opens: bool
) -> None:
    reward = make_reward(active_from=now + timedelta(hours=25))
    terms(reward, "gold", early_hours=hours)
    give(binh, 250, "binh", now)
    lock = offers_for(gold, [reward], at=now)[0].lock
    assert (lock is None) is opens
    other = offers_for(binh, [reward], at=now)[0].lock
    assert other is not None
    assert other.code == "not_yet"


def test_a_required_tier_locks_the_others_out(
    gold: Member, binh: Member, now: datetime
) -> None:
    reward = make_reward()
    terms(reward, "gold", is_required=True)
    give(binh, 250, "binh", now)

    with pytest.raises(RewardUnavailable) as refusal:
        redeem(binh, reward, now)

    assert refusal.value.message == "From the tier Gold on."
    assert refusal.value.extra == {"reason": "not_for_you"}
    assert balances([binh.pk])[binh.pk] == 250
    assert redeem(gold, reward, now).state == Redemption.State.DONE


def test_terms_that_say_nothing_are_refused(gold: Member) -> None:
    reward = make_reward()
    empty = TierReward(reward=reward, tier=Tier.objects.get(code="gold"))
    with pytest.raises(ValidationError):
        empty.full_clean()
    with pytest.raises(IntegrityError), transaction.atomic():
        empty.save()


def days_in(code: str, days: int) -> Reward:
    benefit = make_benefit("tier_days")
    tier = Tier.objects.get(code=code)
    TierDays.objects.create(benefit=benefit, tier=tier, days=days)
    return make_reward(benefit)


def test_days_in_a_tier_are_given_and_taken_back(
    gold: Member, binh: Member, now: datetime
) -> None:
    give(binh, 250, "binh", now)
    redemption = redeem(binh, days_in("silver", 30), now)

    assert tier(binh) == "silver"
    assert standing_row(binh).manual_until == date(2026, 4, 1)

    cancel_redemption(redemption=redemption, at=now, actor="s")
    assert tier(binh) == "member"
    assert balances([binh.pk])[binh.pk] == 250


def test_days_add_up(gold: Member, binh: Member, now: datetime) -> None:
    give(binh, 250, "binh", now)
    reward = days_in("silver", 30)
    redeem(binh, reward, now)
    second = redeem_reward(member=binh, reward=reward, key="k2", at=now)
    assert standing_row(binh).manual_until == date(2026, 5, 1)
    cancel_redemption(redemption=second, at=now, actor="s")
    assert standing_row(binh).manual_until == date(2026, 4, 1)


def test_days_in_a_lower_tier_are_not_sold(gold: Member, now: datetime) -> None:
    reward = days_in("silver", 30)
    with pytest.raises(TierTooLow):
        redeem(gold, reward, now)
    assert balances([gold.pk])[gold.pk] == 250
    assert standing_row(gold).manual_tier is None
    assert not Redemption.objects.exists()


def test_days_without_a_tier_are_not_sold(gold: Member, now: datetime) -> None:
    with pytest.raises(BenefitUnavailable):
        redeem(gold, make_reward(make_benefit("tier_days")), now)
    assert balances([gold.pk])[gold.pk] == 250
