"""Refunds as the terms of a programme would tell them: goods back, points back."""

from __future__ import annotations

from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from activities.models import Order, PurchaseSummary, Refund, RefundAllocation
from activities.services import OrderFact, OrderLineFact, RefundFact, RefundLineFact
from flows.record import record, record_refunds
from members.models import Member
from points.models import EarnCap, Transfer
from points.queries import balances
from points.rules import publish_rule
from points.services import (
    capture_points,
    mature_points,
    reserve_points,
    spend_points,
)
from tests.factories import make_earn_rule, make_member, make_wallet
from tests.points.helpers import assert_proved, give, lots


def buy(
    member: Member, number: str, at: datetime, *lines: tuple[str, int, int], **told: Any
) -> int:
    """Tell an order of (sku, pieces, price); returns its points."""
    products = tuple(
        OrderLineFact(sku=sku, quantity=Decimal(n), total=Decimal(n * price))
        for sku, n, price in lines
    )
    total = told.pop("total", None)
    if total is None:
        total = sum((line.total for line in products), Decimal(0))
    fact = OrderFact("till", number, member.pk, at, Decimal(total), lines=products, **told)
    return record([fact], at=max(at, told.get("at", at)))[0].points


def refund(
    member: Member, number: str, at: datetime, *lines: tuple[str, int, int], **told: Any
) -> Refund:
    products = tuple(
        RefundLineFact(sku=sku, quantity=Decimal(n), total=Decimal(n * price))
        for sku, n, price in lines
    )
    total = told.pop("total", None)
    if total is None:
        total = sum((line.total for line in products), Decimal(0))
    fact = RefundFact("till", number, member.pk, at, Decimal(total), lines=products, **told)
    (saved,) = record_refunds([fact], at=at)
    assert saved.outcome in ("new", "known"), saved.reason
    return Refund.objects.get(external_id=number)


def points(member: Member) -> int:
    return balances([member.pk])[member.pk]


@pytest.fixture(autouse=True)
def _rule(db: None) -> None:
    make_earn_rule(wallet=make_wallet(allows_debt=True))


def test_the_whole_order_comes_back(mai: Member, now: datetime) -> None:
    assert buy(mai, "A", now, ("CF", 2, 40_000)) == 8

    back = refund(mai, "R", now, ("CF", 2, 40_000), order_number="A")

    assert (points(mai), back.points_taken, back.unmatched) == (0, 8, 0)
    # Nothing stands any more, so nothing keeps the member recent.
    summary = PurchaseSummary.objects.get()
    assert (summary.num_orders, summary.last_order_on, summary.spend) == (0, None, 0)
    assert_proved()


def test_a_part_is_counted_again_on_what_remains(mai: Member, now: datetime) -> None:
    assert buy(mai, "A", now, ("CF", 1, 45_000), ("TE", 1, 39_000)) == 8

    refund(mai, "R", now, ("TE", 1, 39_000), order_number="A")

    # 45.000 ₫ is worth 4 points, not half of 8.
    assert points(mai) == 4
    assert PurchaseSummary.objects.get().spend == 45_000
    assert_proved()


def test_piece_by_piece_nothing_is_minted(mai: Member, now: datetime) -> None:
    buy(mai, "A", now, ("CF", 5, 19_000))
    seen = [points(mai)]
    for n in range(5):
        refund(mai, f"R{n}", now, ("CF", 1, 19_000), order_number="A")
        seen.append(points(mai))

    assert seen == [9, 7, 5, 3, 1, 0]
    assert_proved()


def test_told_twice_it_happens_once(mai: Member, now: datetime) -> None:
    buy(mai, "A", now, ("CF", 2, 40_000))
    for _time in range(3):
        refund(mai, "R", now, ("CF", 1, 40_000), order_number="A")

    assert points(mai) == 4
    assert RefundAllocation.objects.count() == 1
    (saved,) = record_refunds(
        [RefundFact("till", "R", mai.pk, now, Decimal(1), order_number="A")], at=now
    )
    assert (saved.outcome, saved.code) == ("refused", "conflict")
    assert points(mai) == 4


def test_a_smallest_order_that_is_no_longer_reached(mai: Member, now: datetime) -> None:
    make_earn_rule(
        wallet=make_wallet(code="bonus"),
        code="big",
        method="fixed",
        points=50,
        minimum_total=Decimal(80_000),
    )
    buy(mai, "A", now, ("CF", 2, 40_000))

    refund(mai, "R", now, ("CF", 1, 40_000), order_number="A")

    taken = Transfer.objects.filter(kind="reverse", rule__code="big").get()
    assert taken.amount == 50
    assert_proved()


def test_after_the_points_were_spent_there_is_a_debt(mai: Member, now: datetime) -> None:
    buy(mai, "A", now, ("CF", 2, 40_000))
    spend_points(member=mai, amount=6, key="gift", at=now)

    refund(mai, "R", now, ("CF", 2, 40_000), order_number="A")
    assert points(mai) == -6
    # What is earned next repays it first.
    assert buy(mai, "B", now, ("CF", 3, 40_000)) == 12
    assert (points(mai), lots(mai)) == (6, [(None, 6)])
    assert_proved()


def test_without_debt_what_is_spent_is_named(mai: Member, now: datetime) -> None:
    from points.models import Account, Wallet

    Wallet.objects.update(allows_debt=False)
    Account.objects.update(may_go_negative=False)
    buy(mai, "A", now, ("CF", 2, 40_000))
    spend_points(member=mai, amount=6, key="gift", at=now)

    back = refund(mai, "R", now, ("CF", 2, 40_000), order_number="A")

    assert (points(mai), back.points_taken, back.points_short) == (0, 2, 6)
    assert_proved()


def test_before_maturity_the_hold_shrinks(mai: Member, now: datetime) -> None:
    from points.models import EarnRule

    rule = EarnRule.objects.get()
    rule.hold, rule.hold_days = "days", 14
    rule.save()
    publish_rule(rule, at=now, for_all_time=True)
    buy(mai, "A", now, ("CF", 2, 40_000))

    refund(mai, "R", now, ("CF", 1, 40_000), order_number="A")

    assert points(mai) == 0
    assert mature_points(at=now + timedelta(days=14)).points == 4
    refund(mai, "R2", now + timedelta(days=20), ("CF", 1, 40_000), order_number="A")
    assert points(mai) == 0
    assert_proved()


def test_points_that_paid_go_back_in_proportion(mai: Member, now: datetime) -> None:
    give(mai, 100, "start", now)
    held = reserve_points(member=mai, amount=60, source="till", reference="A", at=now)
    buy(mai, "A", now, ("CF", 3, 40_000), points_amount=Decimal(60_000))
    order = Order.objects.get()
    capture_points(reservation=held, at=now, order_id=order.pk)
    # 60.000 ₫ of money earned 6.
    assert points(mai) == 46

    back = refund(mai, "R", now, ("CF", 1, 40_000), order_number="A")

    assert (back.points_returned, back.points_taken) == (20, 2)
    assert points(mai) == 46 + 20 - 2
    refund(mai, "R2", now, ("CF", 2, 40_000), order_number="A")
    assert points(mai) == 100
    assert_proved()


def test_without_a_number_the_latest_sale_of_the_product_is_meant(
    mai: Member, now: datetime
) -> None:
    buy(mai, "A", now, ("CF", 2, 40_000))
    buy(mai, "B", now + timedelta(days=1), ("CF", 1, 40_000))
    buy(mai, "C", now + timedelta(days=3), ("CF", 9, 40_000))

    refund(mai, "R", now + timedelta(days=2), ("CF", 2, 40_000))

    left = dict(Order.objects.values_list("external_id", "refunded"))
    # One of the day before, one of the first day; what was bought later cannot come back.
    assert left == {"A": 40_000, "B": 40_000, "C": 0}
    assert points(mai) == 4 + 0 + 36
    assert_proved()


def test_without_a_known_sale_it_is_kept_and_named(mai: Member, now: datetime) -> None:
    buy(mai, "A", now, ("CF", 1, 40_000))

    back = refund(mai, "R", now, ("TE", 1, 70_000))

    assert (back.unmatched, back.points_taken, points(mai)) == (70_000, 0, 4)
    # The member has given back more than was bought.
    assert PurchaseSummary.objects.get().spend == -30_000


def test_larger_than_the_sale_only_the_sale_comes_back(mai: Member, now: datetime) -> None:
    buy(mai, "A", now, ("CF", 1, 40_000))

    back = refund(mai, "R", now, total=100_000, order_number="A")

    assert (back.unmatched, points(mai)) == (60_000, 0)
    assert Order.objects.get().refunded == 40_000
    assert_proved()


def test_a_refund_that_comes_before_its_sale_waits(mai: Member, now: datetime) -> None:
    back = refund(mai, "R", now, ("CF", 1, 40_000), order_number="A")
    assert back.unmatched == 40_000

    buy(mai, "A", now - timedelta(hours=1), ("CF", 2, 40_000))

    back.refresh_from_db()
    assert (back.unmatched, back.points_taken) == (0, 4)
    assert points(mai) == 4
    assert_proved()


def test_an_order_told_again_as_cancelled_comes_back_whole(
    mai: Member, now: datetime
) -> None:
    fact = OrderFact("till", "A", mai.pk, now, Decimal(80_000))
    record([fact], at=now)
    for _time in range(2):
        (answer,) = record([fact._replace(status="cancelled")], at=now)
        assert answer.outcome == "known"

    assert points(mai) == 0
    assert Refund.objects.get().external_id == "cancel:A"
    (answer,) = record([fact._replace(status="cancelled", total=Decimal(1))], at=now)
    assert answer.outcome == "refused"
    assert_proved()


def test_limits_open_again(mai: Member, now: datetime) -> None:
    from points.models import EarnRule

    rule = EarnRule.objects.get()
    EarnCap.objects.create(rule=rule, limit=10, unit="points", period="day")
    publish_rule(rule, at=now, for_all_time=True)
    assert buy(mai, "A", now, ("CF", 2, 40_000)) == 8
    refund(mai, "R", now, ("CF", 2, 40_000), order_number="A")

    assert buy(mai, "B", now, ("CF", 4, 40_000)) == 10
    assert_proved()


steps = st.lists(
    st.one_of(
        st.tuples(st.just("buy"), st.integers(1, 4), st.integers(1, 9)),
        st.tuples(st.just("refund"), st.integers(1, 4), st.integers(1, 9)),
        st.tuples(st.just("spend"), st.integers(1, 30)),
    ),
    min_size=1,
    max_size=14,
)


@settings(
    max_examples=40,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(steps)
def test_any_sequence_leaves_what_the_remaining_goods_are_worth(
    now: datetime, history: list[tuple[Any, ...]]
) -> None:
    from django.db import transaction

    with transaction.atomic():
        member = make_member()
        spent = 0
        for number, (verb, *facts) in enumerate(history):
            at = now + timedelta(minutes=number)
            if verb == "buy":
                buy(member, f"A{number}", at, (f"S{facts[0]}", facts[1], 7_300))
            elif verb == "refund":
                refund(member, f"R{number}", at, (f"S{facts[0]}", facts[1], 7_300))
            elif points(member) >= facts[0]:
                spend_points(member=member, amount=facts[0], key=f"s{number}", at=at)
                spent += facts[0]
        orders = Order.objects.filter(member=member)
        worth = sum(int((order.total - order.refunded) // 10_000) for order in orders)
        assert points(member) == worth - spent
        back = Refund.objects.filter(member=member)
        bought = sum(order.total for order in orders)
        given_back = sum(one.total for one in back)
        held = sum(order.refunded for order in orders)
        assert given_back == held + sum(one.unmatched for one in back)
        summary = PurchaseSummary.objects.filter(member=member).first()
        assert (summary.spend if summary else 0) == bought - given_back
        assert_proved()
        transaction.set_rollback(True)
