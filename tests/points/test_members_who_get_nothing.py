"""Whoever is blocked or has left: what they do is recorded, and brings nothing."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from decimal import Decimal

import pytest

from activities.models import Activity, ActivityType, Order
from activities.services import ActivityFact, OrderFact, RefundFact
from flows.record import record, record_activities, record_refunds
from members.models import Member
from points.earning.trying import explain_order
from points.models import EarnCap, EarnRule, EarnUse, Transfer, Wallet
from points.queries import balances
from points.rules import publish_rule
from points.services import adjust_points, quote_payment
from tests.factories import JOINED, make_earn_rule, make_programme, make_wallet
from tests.points.helpers import assert_proved, give

BLOCKED = Member.State.BLOCKED


@pytest.fixture(autouse=True)
def wallet(db: None) -> Iterator[Wallet]:
    make_programme()
    wallet = make_wallet(pays_at_till=True, pay_value=Decimal(1000))
    make_earn_rule(wallet=wallet)
    yield wallet
    assert_proved()


def put(member: Member, state: str) -> None:
    Member.objects.filter(pk=member.pk).update(state=state)
    member.refresh_from_db()


def buy(member: Member, number: str, at: datetime) -> int:
    fact = OrderFact("pos", number, member.pk, at, Decimal(100_000))
    (answer,) = record([fact], at=at)
    assert answer.outcome == "new", answer.reason
    return answer.points


def has(member: Member) -> int:
    return balances([member.pk])[member.pk]


@pytest.mark.parametrize("state", ["blocked", "left"])
def test_a_purchase_is_recorded_and_brings_nothing(
    mai: Member, binh: Member, now: datetime, state: str
) -> None:
    put(mai, state)
    facts = [
        OrderFact("pos", member.code, member.pk, now, Decimal(100_000))
        for member in (mai, binh)
    ]
    answers = record(facts, at=now)

    assert [answer.points for answer in answers] == [0, 10]
    assert Order.objects.count() == 2
    assert (has(mai), has(binh)) == (0, 10)


def test_no_limit_is_used_up(mai: Member, now: datetime) -> None:
    rule = EarnRule.objects.get()
    EarnCap.objects.create(rule=rule, limit=1, unit="times", period="day")
    publish_rule(rule, at=JOINED, for_all_time=True)
    put(mai, BLOCKED)
    buy(mai, "A", now)
    assert not EarnUse.objects.exists()

    put(mai, Member.State.ACTIVE)
    assert buy(mai, "B", now) == 10


def test_an_activity_brings_nothing_either(
    mai: Member, wallet: Wallet, now: datetime
) -> None:
    review = ActivityType.objects.create(code="review", name="Đánh giá")
    make_earn_rule(
        wallet=wallet,
        code="review",
        trigger="activity",
        activity_type=review,
        method="fixed",
        points=20,
    )
    put(mai, BLOCKED)
    fact = ActivityFact("review", "app", "1", mai.pk, now)
    (answer,) = record_activities([fact], at=now)

    assert (answer.points, Activity.objects.count(), has(mai)) == (0, 1, 0)


def test_what_was_earned_before_is_theirs_and_can_be_taken_back(
    mai: Member, now: datetime
) -> None:
    buy(mai, "A", now)
    put(mai, BLOCKED)
    assert has(mai) == 10
    fact = RefundFact("pos", "R", mai.pk, now, Decimal(50_000), order_number="A")
    record_refunds([fact], at=now)
    assert has(mai) == 5


def test_staff_may_still_correct_by_hand(mai: Member, now: datetime) -> None:
    put(mai, BLOCKED)
    adjust_points(member=mai, amount=7, key="k", at=now, note="Bù", actor="lan")
    assert has(mai) == 7


def test_when_the_block_is_lifted_only_new_purchases_count(
    mai: Member, now: datetime
) -> None:
    put(mai, BLOCKED)
    buy(mai, "A", now)
    put(mai, Member.State.ACTIVE)

    assert buy(mai, "B", now + timedelta(days=1)) == 10
    (again,) = record([OrderFact("pos", "A", mai.pk, now, Decimal(100_000))], at=now)
    assert (again.outcome, again.points, has(mai)) == ("known", 0, 10)


def test_the_order_says_why(mai: Member, now: datetime) -> None:
    put(mai, BLOCKED)
    buy(mai, "A", now)
    (outcome,) = explain_order(Order.objects.get()).outcomes
    (trace,) = outcome.trace
    assert (trace.fired, trace.reasons) == (
        False,
        ("The member is blocked: what they do is recorded and earns nothing.",),
    )
    put(mai, "left")
    (outcome,) = explain_order(Order.objects.get()).outcomes
    assert outcome.trace[0].reasons == (
        "The member has left the programme and earns nothing.",
    )


def test_nothing_is_paid_with_the_points_of_who_is_blocked(
    mai: Member, wallet: Wallet, now: datetime
) -> None:
    give(mai, 100, "g", now)
    put(mai, BLOCKED)
    offer = quote_payment(member=mai, order_total=Decimal(50_000), wallet=wallet, at=now)
    assert (offer.points, offer.usable) == (0, 100)
    assert offer.reason == "The member is not active."


def test_it_costs_no_more_queries(
    mai: Member, now: datetime, django_assert_max_num_queries: object
) -> None:
    """The look at the members takes the place of one at the wallets."""
    buy(mai, "warm", now)
    from points.earning.basket import Basket
    from points.services import earn_points

    basket = Basket(9, mai.pk, now, now.date(), total=Decimal(10_000))
    with django_assert_max_num_queries(14):  # type: ignore[operator]
        earn_points([basket])
    assert Transfer.objects.count() == 2
