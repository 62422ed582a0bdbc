"""Tiers after a fact: up at once, by what was bought, at the exact boundary."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from activities.services import OrderFact
from flows.day import run_day
from flows.record import record
from members.models import Member
from points.services import adjust_points, spend_points
from tests.factories import make_earn_rule, make_member, make_wallet
from tests.points.helpers import give
from tests.tiers.helpers import (
    bring_back,
    buy,
    events,
    make_ladder,
    standing_row,
    tier,
)
from tiers.ladders import publish_ladder
from tiers.models import MemberTier, TierChange
from tiers.services import Touch, refresh_tiers


@pytest.mark.parametrize(
    ("total", "expected"),
    [
        (1, "member"),
        (999_999, "member"),
        (1_000_000, "silver"),
        (1_000_001, "silver"),
        (2_999_999, "silver"),
        (3_000_000, "gold"),
        (3_000_001, "gold"),
    ],
)
def test_the_first_order_lands_on_the_right_tier(
    mai: Member, now: datetime, total: int, expected: str
) -> None:
    make_ladder()

    buy(mai, "A", now, total)

    assert tier(mai) == expected
    assert events(mai) == [("entered", None, expected)]


@pytest.mark.parametrize(
    ("second", "expected"),
    [(899_999, "member"), (900_000, "silver"), (900_001, "silver"), (2_900_000, "gold")],
)
def test_the_second_order_is_added_to_the_first(
    mai: Member, now: datetime, second: int, expected: str
) -> None:
    make_ladder()
    buy(mai, "A", now - timedelta(days=30), 100_000)

    buy(mai, "B", now, second)

    assert tier(mai) == expected


def test_an_order_that_crosses_two_tiers_is_one_event(mai: Member, now: datetime) -> None:
    make_ladder()
    buy(mai, "A", now - timedelta(days=1), 10_000)

    buy(mai, "B", now, 3_000_000)

    assert events(mai) == [("entered", None, "member"), ("up", "member", "gold")]
    change = TierChange.objects.get(kind="up")
    assert (change.cause, change.happened_at) == ("order", now)
    assert (change.spend, change.orders) == (Decimal(3_010_000), 2)
    assert standing_row(mai).since == now


def test_cents_are_added_up_exactly(mai: Member, now: datetime) -> None:
    """Ten times 0.10 is 1.00, also where the database counts in floats."""
    make_ladder(steps=(("member", None), ("silver", Decimal("1.00"))))
    facts = [
        OrderFact("till", f"A{n}", mai.pk, now, Decimal("0.10"), currency="VND")
        for n in range(10)
    ]

    record(facts[:9], at=now)
    assert tier(mai) == "member"
    record(facts[9:], at=now)

    assert tier(mai) == "silver"
    assert standing_row(mai).holds_until == date(2027, 3, 1)


def test_spending_points_never_lowers_a_tier(mai: Member, now: datetime) -> None:
    wallet = make_wallet()
    make_earn_rule(wallet=wallet)
    make_ladder(steps=(("member", None), ("silver", 100)), asks="points", wallet=wallet)
    buy(mai, "A", now, 1_000_000)
    assert tier(mai) == "silver"

    spend_points(member=mai, amount=90, key="s", at=now + timedelta(hours=1))
    buy(mai, "B", now + timedelta(hours=2), 10_000)

    assert tier(mai) == "silver"
    assert standing_row(mai).points == 101


@pytest.mark.parametrize(
    ("kind", "counted"), [("points", 1), ("qualifying", 100), ("cashback", 1)]
)
def test_points_of_an_old_system_count_only_where_they_qualify(
    mai: Member, now: datetime, kind: str, counted: int
) -> None:
    wallet = make_wallet(kind=kind)
    make_earn_rule(wallet=wallet)
    make_ladder(steps=(("member", None), ("silver", 100)), asks="points", wallet=wallet)
    give(mai, 99, "welcome", now)

    buy(mai, "A", now, 10_000)

    assert standing_row(mai).points == counted
    assert tier(mai) == ("silver" if counted == 100 else "member")


def test_held_points_count_from_their_purchase_on(mai: Member, now: datetime) -> None:
    wallet = make_wallet()
    make_earn_rule(wallet=wallet, hold="days", hold_days=14)
    make_ladder(steps=(("member", None), ("silver", 100)), asks="points", wallet=wallet)

    buy(mai, "A", now, 1_000_000)

    assert (tier(mai), standing_row(mai).points) == ("silver", 100)
    assert standing_row(mai).holds_until == date(2027, 3, 1)
    run_day(at=now + timedelta(days=20))
    assert (tier(mai), standing_row(mai).points) == ("silver", 100)


def test_what_staff_take_from_qualifying_points_counts_less(
    mai: Member, now: datetime
) -> None:
    wallet = make_wallet(kind="qualifying")
    make_earn_rule(wallet=wallet)
    make_ladder(steps=(("member", None), ("silver", 100)), asks="points", wallet=wallet)
    buy(mai, "A", now, 990_000)
    for amount in (10, -18):
        adjust_points(
            member=mai,
            wallet=wallet,
            amount=amount,
            key=f"k{amount}",
            at=now,
            reason="goodwill",
            note="n",
            actor="t",
        )

    buy(mai, "B", now, 80_000)
    assert (tier(mai), standing_row(mai).points) == ("member", 99 + 10 - 18 + 8)
    buy(mai, "C", now, 10_000)

    assert (tier(mai), standing_row(mai).points) == ("silver", 100)


def test_points_taken_back_no_longer_count(mai: Member, now: datetime) -> None:
    wallet = make_wallet(allows_debt=True)
    make_earn_rule(wallet=wallet)
    make_ladder(steps=(("member", None), ("silver", 100)), asks="points", wallet=wallet)
    buy(mai, "A", now, 1_000_000)

    bring_back(mai, "R", now + timedelta(days=1), 10_000, of="A")

    assert (tier(mai), standing_row(mai).points) == ("member", 99)
    assert events(mai)[-1] == ("down", "silver", "member")


@pytest.mark.parametrize(
    ("combine", "spend", "count", "expected"),
    [
        ("any", 1_000_000, 1, "silver"),
        ("any", 300, 3, "silver"),
        ("any", 200, 2, "member"),
        ("all", 1_000_000, 1, "member"),
        ("all", 999_999, 3, "member"),
        ("all", 1_000_000, 3, "silver"),
    ],
)
def test_several_measures_are_combined_as_the_ladder_says(
    mai: Member, now: datetime, combine: str, spend: int, count: int, expected: str
) -> None:
    ladder = make_ladder(combine=combine)
    for one in ladder.tiers.exclude(code="member"):
        one.orders = 3 if one.code == "silver" else 9
        one.save()
    publish_ladder(ladder, at=now)

    for n in range(count):
        part = spend // count + (spend % count if n == 0 else 0)
        buy(mai, f"A{n}", now + timedelta(minutes=n), part)

    assert tier(mai) == expected


# --- refunds ----------------------------------------------------------------------------


def test_a_refund_falls_back_at_once(mai: Member, now: datetime) -> None:
    make_ladder()
    buy(mai, "A", now, 900_000)
    buy(mai, "B", now + timedelta(days=1), 2_500_000)
    assert tier(mai) == "gold"

    bring_back(mai, "R", now + timedelta(days=2), 2_500_000, of="B")

    assert tier(mai) == "member"
    assert events(mai)[-1] == ("down", "gold", "member")
    change = TierChange.objects.latest("pk")
    assert (change.cause, change.spend) == ("refund", Decimal(900_000))


def test_a_refund_to_exactly_the_threshold_keeps_the_tier(
    mai: Member, now: datetime
) -> None:
    make_ladder()
    buy(mai, "A", now, 3_500_000)

    bring_back(mai, "R", now + timedelta(days=2), 500_000, of="A")
    assert tier(mai) == "gold"
    bring_back(mai, "S", now + timedelta(days=2), 1, of="A")

    assert tier(mai) == "silver"


def test_a_refund_waits_for_the_review_where_the_ladder_says_so(
    mai: Member, now: datetime
) -> None:
    make_ladder(falls_on_refund=False)
    buy(mai, "A", now, 1_000_000)
    held = standing_row(mai).holds_until

    bring_back(mai, "R", now + timedelta(days=2), 1_000_000, of="A")

    assert (tier(mai), standing_row(mai).holds_until) == ("silver", held)


def test_a_small_refund_does_not_undo_a_tier_that_outlasted_its_purchases(
    mai: Member, now: datetime
) -> None:
    """In its days of grace a tier no longer stands by what was bought."""
    make_ladder(grace_days=30)
    buy(mai, "A", now - timedelta(days=360), 1_000_000)
    buy(mai, "B", now, 50_000)
    late = now + timedelta(days=10)
    assert tier(mai) == "silver"

    bring_back(mai, "R", late, 50_000, of="B")

    assert tier(mai) == "silver"


# --- batches, repeats, cost -------------------------------------------------------------


def test_a_repeat_changes_nothing(mai: Member, now: datetime) -> None:
    make_ladder()
    buy(mai, "A", now, 1_000_000)
    before = MemberTier.objects.values().get()

    again = refresh_tiers([Touch(mai.pk, now, "order", 1)], at=now)

    assert again == []
    assert MemberTier.objects.values().get() == before
    assert TierChange.objects.count() == 1


def test_several_ladders_judge_the_same_member(mai: Member, now: datetime) -> None:
    make_ladder()
    make_ladder(
        code="visits", asks="orders", steps=(("guest", None), ("regular", 2)), months=1
    )

    buy(mai, "A", now, 1_000_000)
    buy(mai, "B", now, 1)

    assert (tier(mai), tier(mai, "visits")) == ("silver", "regular")


def test_an_order_told_late_counts_on_its_own_day(mai: Member, now: datetime) -> None:
    make_ladder()

    buy(mai, "A", now - timedelta(days=364), 1_000_000, told_at=now)

    assert tier(mai) == "silver"
    assert standing_row(mai).holds_until == date(2026, 3, 2)
    buy(mai, "B", now - timedelta(days=366), 5_000_000, told_at=now)
    assert tier(mai) == "silver"


def statements(members: list[Member], now: datetime, suffix: str) -> int:
    facts = [
        OrderFact("till", f"{suffix}{n}", member.pk, now, Decimal(1_500_000))
        for n, member in enumerate(members)
    ]
    with CaptureQueriesContext(connection) as queries:
        record(facts, at=now)
    return len(queries)


def test_the_number_of_statements_does_not_grow(db: Any, now: datetime) -> None:
    make_ladder()
    members = [make_member() for _n in range(30)]
    record([OrderFact("till", "warm", members[0].pk, now, Decimal(1))], at=now)

    one = statements(members[:1], now, "one")
    many = statements(members, now, "many")

    assert one == many
    assert {tier(member) for member in members[1:]} == {"silver"}


def test_without_a_ladder_it_is_one_look(db: Any, mai: Member, now: datetime) -> None:
    ladder = make_ladder()
    with_ladder = statements([mai], now, "a")
    ladder.is_active = False
    ladder.save()

    without = statements([mai], now, "b")
    with CaptureQueriesContext(connection) as look:
        refresh_tiers([Touch(mai.pk, now, "order")], at=now)
    with CaptureQueriesContext(connection) as nothing:
        refresh_tiers([], at=now)

    assert (len(look), len(nothing)) == (1, 0)
    assert without < with_ladder
