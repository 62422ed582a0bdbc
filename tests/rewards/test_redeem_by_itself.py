"""Rewards that redeem themselves: once for each time the points are there."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from decimal import Decimal
from threading import Barrier
from typing import Any

import pytest
from django.db import IntegrityError, connection, transaction
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from activities.services import OrderFact
from flows.day import run_day
from flows.record import record
from members.models import Member
from points.models import Wallet
from points.queries import balances
from rewards.choices import choose
from rewards.models import Benefit, Redemption, Reward, RewardChoice, Voucher
from rewards.services import cancel_redemption, redeem_due
from tests import factories
from tests.points.helpers import assert_proved, give
from tests.rewards.helpers import limit, make_benefit, make_reward

pytestmark = pytest.mark.django_db


@pytest.fixture
def wallet(db: None) -> Wallet:
    """One point for each 1,000 dong."""
    factories.make_programme()
    wallet = factories.make_wallet()
    factories.make_earn_rule(wallet=wallet, amount=1000, points=1)
    return wallet


def by_itself(benefit: Benefit | None = None, **fields: Any) -> Reward:
    return make_reward(benefit, **{"redeems_itself": True} | fields)


def points(member: Member) -> int:
    return balances([member.pk])[member.pk]


def taken(member: Member) -> list[str]:
    rows = Redemption.objects.filter(member=member, state="done").order_by("pk")
    return list(rows.values_list("reward__code", flat=True))


def sale(member: Member, total: int, at: datetime, number: str = "HD-1") -> OrderFact:
    return OrderFact("pos", number, member.pk, at, Decimal(total))


@pytest.mark.parametrize(("had", "left", "times"), [(99, 99, 0), (100, 0, 1), (101, 1, 1)])
def test_at_the_price(
    wallet: Wallet, mai: Member, now: datetime, had: int, left: int, times: int
) -> None:
    by_itself(price_points=100)
    give(mai, had, "opening", now)

    assert redeem_due(at=now) == times

    assert points(mai) == left
    assert Voucher.objects.filter(member=mai).count() == times
    assert_proved()


@pytest.mark.parametrize(("had", "left"), [(999, 999), (1000, 500), (2100, 600)])
def test_from_a_number_above_the_price(
    wallet: Wallet, mai: Member, now: datetime, had: int, left: int
) -> None:
    by_itself(price_points=500, redeems_from=1000)
    give(mai, had, "opening", now)

    redeem_due(at=now)

    assert points(mai) == left


def test_a_sale_that_reaches_it_gives_it_at_once(
    wallet: Wallet, mai: Member, now: datetime
) -> None:
    by_itself(price_points=100)

    record([sale(mai, 99_000, now)], at=now)
    assert taken(mai) == []
    record([sale(mai, 101_000, now, "HD-2")], at=now)
    record([sale(mai, 101_000, now, "HD-2")], at=now)

    assert taken(mai) == ["coffee", "coffee"]
    assert points(mai) == 0


def test_many_sales_at_once_give_it_after_they_are_kept(
    wallet: Wallet,
    mai: Member,
    binh: Member,
    now: datetime,
    django_capture_on_commit_callbacks: Any,
) -> None:
    by_itself(price_points=100)
    facts = [sale(mai, 100_000, now), sale(binh, 150_000, now, "HD-2")]

    with django_capture_on_commit_callbacks(execute=True):
        record(facts, at=now)
        assert not Redemption.objects.exists()

    assert (taken(mai), taken(binh)) == (["coffee"], ["coffee"])
    assert (points(mai), points(binh)) == (0, 50)


def test_the_night_finds_what_was_missed_once(
    wallet: Wallet, mai: Member, now: datetime
) -> None:
    by_itself(price_points=100)
    give(mai, 250, "opening", now)

    first, second = run_day(at=now), run_day(at=now + timedelta(days=1))

    told = [
        step.result
        for r in (first, second)
        for step in r.steps
        if step.name == "redeem_due"
    ]
    assert told == [{"redeemed": 2}, {"redeemed": 0}]
    assert points(mai) == 50


def test_several_go_in_the_order_of_the_catalogue(
    wallet: Wallet, mai: Member, now: datetime
) -> None:
    benefit = make_benefit()
    by_itself(benefit, code="second", price_points=60, position=2)
    by_itself(benefit, code="first", price_points=100, position=1)
    give(mai, 165, "opening", now)

    redeem_due(at=now)

    assert taken(mai) == ["first", "second"]
    assert points(mai) == 5


def test_limits_stock_and_budget_hold(
    wallet: Wallet, mai: Member, binh: Member, now: datetime
) -> None:
    monthly = by_itself(code="monthly", price_points=10)
    limit(monthly, 1, period="month")
    benefit = monthly.benefit
    by_itself(benefit, code="last", price_points=10, stock=1, position=101)
    bound = make_benefit(code="bound", voucher_type=benefit.voucher_type, budget=2)
    by_itself(bound, code="bound", price_points=10, position=102)
    give(mai, 100, "mai", now)
    give(binh, 100, "binh", now)

    redeem_due(at=now)
    redeem_due(at=now)

    assert taken(mai) == ["monthly", "last", "bound", "bound"]
    assert taken(binh) == ["monthly"]
    assert redeem_due(at=now + timedelta(days=31)) == 2
    assert_proved()


def test_blocked_members_and_closed_rewards_stay_as_they_are(
    wallet: Wallet, mai: Member, binh: Member, now: datetime
) -> None:
    reward = by_itself(price_points=10, active_from=now + timedelta(days=1))
    give(mai, 15, "mai", now)
    give(binh, 15, "binh", now)
    Member.objects.filter(pk=binh.pk).update(state=Member.State.BLOCKED)

    assert redeem_due(at=now) == 0
    assert redeem_due(at=now + timedelta(days=1)) == 1
    Reward.objects.filter(pk=reward.pk).update(active_until=now + timedelta(days=2))
    give(mai, 15, "more", now)
    assert redeem_due(at=now + timedelta(days=2)) == 0
    assert points(binh) == 15


def test_who_said_no_is_left_alone(wallet: Wallet, mai: Member, now: datetime) -> None:
    reward = by_itself(price_points=10)
    give(mai, 15, "opening", now)
    choose(member_id=mai.pk, reward_id=reward.pk, wants=False, at=now)

    assert redeem_due(at=now) == 0
    choose(member_id=mai.pk, reward_id=reward.pk, wants=True, at=now)
    assert redeem_due(at=now) == 1


def test_where_it_is_asked_for_only_who_said_yes_gets_it(
    wallet: Wallet, mai: Member, binh: Member, now: datetime
) -> None:
    reward = by_itself(price_points=10, redeems_asked=True)
    for member in (mai, binh):
        give(member, 15, str(member.pk), now)
    choose(member_id=mai.pk, reward_id=reward.pk, wants=True, at=now)

    redeem_due(at=now)

    assert (points(mai), points(binh)) == (5, 15)


def test_what_is_cancelled_does_not_come_again(
    wallet: Wallet, mai: Member, now: datetime
) -> None:
    by_itself(price_points=10)
    give(mai, 15, "opening", now)
    redeem_due(at=now)

    cancel_redemption(redemption=Redemption.objects.get(), at=now, actor="staff")

    assert points(mai) == 15
    assert redeem_due(at=now) == 0
    assert RewardChoice.objects.get().wants is False


@pytest.mark.parametrize(
    "fields",
    [
        {"price_points": 0},
        {"price_amount": Decimal(1)},
        {"price_points": 500, "redeems_from": 499},
    ],
)
def test_the_database_refuses_what_cannot_be(
    wallet: Wallet, fields: dict[str, Any]
) -> None:
    with pytest.raises(IntegrityError), transaction.atomic():
        by_itself(**fields)


@settings(
    max_examples=30,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
# Small numbers meet their bounds more often; a price of 1 is still due more than
# MOST_AT_ONCE times.
@given(
    sales=st.lists(st.integers(1, 60), min_size=1, max_size=6),
    price=st.integers(1, 30),
    above=st.integers(0, 30),
)
def test_any_sales_leave_less_than_the_threshold_and_lose_nothing(
    wallet: Wallet, now: datetime, sales: list[int], price: int, above: int
) -> None:
    with transaction.atomic():
        member = factories.make_member()
        reward = by_itself(price_points=price, redeems_from=price + above)
        for number, earned in enumerate(sales):
            record([sale(member, earned * 1000, now, f"HD-{number}")], at=now)
        # What one go leaves over its most, the next one finds.
        while redeem_due(at=now):
            pass
        times = len(taken(member))
        assert points(member) == sum(sales) - times * price
        assert 0 <= points(member) < reward.threshold
        transaction.set_rollback(True)


@pytest.mark.postgresql
@pytest.mark.django_db(transaction=True)
def test_two_nights_and_a_till_at_once_take_it_once(now: datetime) -> None:
    factories.make_programme()
    factories.make_wallet()
    member = factories.make_member()
    by_itself(price_points=500, redeems_from=1000)
    give(member, 1000, "opening", now)
    start = Barrier(8)

    def night(_number: int) -> int:
        try:
            start.wait(20)
            return redeem_due(at=now, member_ids=[member.pk])
        finally:
            connection.close()

    with ThreadPoolExecutor(8) as crowd:
        list(crowd.map(night, range(8)))

    assert taken(member) == ["coffee"]
    assert points(member) == 500
    assert_proved()
