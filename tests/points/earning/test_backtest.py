"""Back-tests: exact numbers on both sides, over chunks of any size, and nothing written."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from hypothesis import given
from hypothesis import strategies as st

from activities.models import Order, OrderLine
from activities.services import OrderFact, OrderLineFact, RefundFact, RefundLineFact
from core.errors import InvalidInput
from flows.record import record, record_refunds
from members.models import Member, Segment
from points.backtests import ask_back_test, claim_back_test, run_back_test
from points.backtests import running as running_module
from points.backtests.frozen import definitions_of, rules_of
from points.earning.backtest import Side, Tally, compare, keys_of_limits
from points.earning.basket import Basket
from points.earning.caps import Room, Use
from points.earning.context import Context
from points.earning.definition import Cap, Definition
from points.earning.engine import ready
from points.errors import NothingToTest
from points.models import (
    BackTest,
    BackTestMember,
    BackTestOrder,
    BackTestUse,
    EarnCap,
    EarnRule,
    EarnUse,
    Transfer,
    Wallet,
)
from points.rules import publish_rule
from tests.factories import make_earn_rule, make_member, make_programme, make_wallet
from tests.points.helpers import assert_proved

AT = datetime(2026, 3, 2, 7, 0, tzinfo=UTC)
HCM = ZoneInfo("Asia/Ho_Chi_Minh")
FOLLOWERS = {"all": [{"field": "follows_oa", "is": "yes"}]}


# --- The pure part ------------------------------------------------------------------------


def rule(code: str = "base", **told: Any) -> Definition:
    return Definition(**{"rule_id": 1, "code": code, "version": 1, "wallet_id": 1, **told})


def basket(number: int, member: int = 1, total: int = 100_000, days: int = 0) -> Basket:
    at = AT + timedelta(days=days, minutes=number)
    return Basket(number, member, at, at.astimezone(HCM).date(), Decimal(total))


def in_chunks(
    chunks: Sequence[Sequence[Basket]],
    before: Sequence[Definition],
    after: Sequence[Definition],
) -> Tally:
    """Ask both sides chunk by chunk, with the limits counted on from one to the next."""
    whole = Tally()
    uses: list[dict[Any, Use]] = [{}, {}]
    sides = [ready(before), ready(after)]
    for chunk in chunks:
        for counts, rules in zip(uses, sides, strict=True):
            for key in keys_of_limits(rules, chunk):
                counts.setdefault(key, Use(0, 0, 0))
        asked = [Side(r, Room(u)) for r, u in zip(sides, uses, strict=True)]
        tally = compare(chunk, asked, Context(zone=HCM), wallets=[1], given={})
        whole.add(Tally.from_json(tally.as_json()))
        whole.add(Tally(members=tally.members))
    return whole


def test_two_sides_of_the_same_orders() -> None:
    double = rule("double", rule_id=2, method="multiplier", factor=Decimal(2))

    tally = in_chunks([[basket(1), basket(2, total=50_000)]], [rule()], [rule(), double])

    assert dict(tally.points) == {(1, "2026-03"): [15, 30, 0]}
    assert dict(tally.rules) == {(1, "base"): [15, 15, 0], (1, "double"): [0, 15, 0]}
    assert dict(tally.times) == {(1, "base"): [2, 2, 0], (1, "double"): [0, 2, 0]}
    assert dict(tally.earning) == {(1,): [2, 2, 0]}
    assert dict(tally.members) == {(1, 1): [15, 30, 0]}


def test_equal_sides_give_no_difference() -> None:
    limited = rule(caps=(Cap(15, "points", "day"),), budget=40)

    tally = in_chunks([[basket(n) for n in range(6)]], [limited], [limited])

    assert tally.points[1, "2026-03"] == [15, 15, 0]


ORDERS = st.lists(
    st.tuples(
        st.integers(1, 3), st.integers(0, 40), st.sampled_from([5_000, 90_000, 250_000])
    ),
    min_size=1,
    max_size=12,
)


@given(orders=ORDERS, cuts=st.sets(st.integers(1, 11)), budget=st.integers(1, 90))
def test_sums_do_not_depend_on_where_chunks_end(
    orders: list[tuple[int, int, int]], cuts: set[int], budget: int
) -> None:
    baskets = sorted(
        (basket(n, member, total, days) for n, (member, days, total) in enumerate(orders)),
        key=lambda b: (b.happened_at, b.id),
    )
    before = [rule(caps=(Cap(25, "points", "week"), Cap(2, "times", "month")))]
    after = [rule(points=2, budget=budget), rule("extra", rule_id=2, method="extra")]
    edges = [0, *sorted(c for c in cuts if c < len(baskets)), len(baskets)]
    chunks = [baskets[a:b] for a, b in zip(edges, edges[1:], strict=False)]

    assert in_chunks(chunks, before, after) == in_chunks([baskets], before, after)
    assert in_chunks([[b] for b in baskets], before, after) == in_chunks(
        [baskets], before, after
    )


# --- Stored orders ------------------------------------------------------------------------


@pytest.fixture
def wallet(db: None) -> Wallet:
    make_programme()
    return make_wallet(pays_at_till=True, pay_points=1, pay_value=Decimal(100))


@pytest.fixture
def base(wallet: Wallet) -> EarnRule:
    return make_earn_rule(wallet=wallet)


def buy(
    member: Member, number: int, at: datetime, total: int = 100_000, **more: Any
) -> None:
    """Tell an order; the rules in force give points for it."""
    record(
        [
            OrderFact(
                source="till",
                external_id=f"HD{number}",
                member_id=member.pk,
                placed_at=at,
                total=Decimal(total),
                **more,
            )
        ],
        at=at,
    )


def ask(**told: Any) -> BackTest:
    period = {"first_day": date(2026, 1, 1), "last_day": date(2026, 3, 31)}
    return ask_back_test(**{**period, "at": AT, "by": "staff", **told})


def run(test: BackTest | None = None, **options: Any) -> dict[str, Any]:
    done = run_back_test((test or ask()).pk, **options)
    assert done is not None
    assert (done.state, done.error) == ("done", "")
    return done.result


def figures(test: BackTest | None = None, **options: Any) -> list[int]:
    return list(run(test, **options)["wallets"][0]["points"])


def draft(rule: EarnRule, **changes: Any) -> EarnRule:
    for name, value in changes.items():
        setattr(rule, name, value)
    rule.save()
    return rule


def new_draft(wallet: Wallet, **fields: Any) -> EarnRule:
    return EarnRule.objects.create(
        **{"code": "new", "name": "Ưu đãi mới", "wallet": wallet, **fields}
    )


def test_a_multiplier_draft(
    base: EarnRule, wallet: Wallet, mai: Member, binh: Member, now: datetime
) -> None:
    buy(mai, 1, now)
    buy(binh, 2, now, total=30_000)
    buy(mai, 3, now - timedelta(days=40), total=20_000)
    new_draft(wallet, method="multiplier", factor=Decimal(3), minimum_total=Decimal(50_000))

    result = run()

    assert (result["orders"], result["members"]) == (3, 2)
    (told,) = result["wallets"]
    assert told["points"] == [15, 35, 15]
    assert told["months"] == [
        ["2026-01", [2, 2, 2]],
        ["2026-02", [0, 0, 0]],
        ["2026-03", [13, 33, 13]],
    ]
    assert told["earning"] == [3, 3, 3]
    assert (told["more"], told["less"], told["same"]) == (1, 0, 1)
    assert told["winners"] == [[mai.pk, 12, 32]]
    assert told["losers"] == []
    assert [(r["code"], r["points"], r["times"]) for r in told["rules"]] == [
        ("per-amount", [15, 15, 15], [3, 3, 3]),
        ("new", [0, 20, 0], [0, 1, 0]),
    ]


def test_a_cap_draft_counts_in_business_time(
    base: EarnRule, mai: Member, now: datetime
) -> None:
    for number in range(4):
        # Told latest first.
        buy(mai, number, now - timedelta(hours=number))
    buy(mai, 9, now + timedelta(days=1))
    EarnCap.objects.create(rule=base, limit=25, unit="points", period="day")

    test = ask()
    result = run(test, chunk=1)

    assert result["wallets"][0]["points"] == [50, 35, 50]
    assert result["wallets"][0]["losers"] == [[mai.pk, 50, 35]]
    assert result["wallets"][0]["rules"][0]["times"] == [5, 4, 5]


def test_a_budget_goes_to_who_came_first(
    base: EarnRule, mai: Member, binh: Member, now: datetime
) -> None:
    buy(binh, 1, now)
    buy(mai, 2, now - timedelta(days=1))
    buy(binh, 3, now + timedelta(days=1))
    draft(base, budget=15)

    test = ask()
    run(test, chunk=2)

    rows = BackTestMember.objects.filter(back_test=test).values_list(
        "member", "points_before", "points_after", "points_given"
    )
    assert sorted(rows) == sorted([(mai.pk, 10, 10, 10), (binh.pk, 20, 5, 20)])


def test_a_limit_in_force_starts_from_zero(
    base: EarnRule, mai: Member, now: datetime
) -> None:
    """What members have really used of a limit belongs to another history."""
    draft(base, budget=25)
    publish_rule(base, at=now - timedelta(days=90), for_all_time=True)
    for number in range(4):
        buy(mai, number, now + timedelta(hours=number))
    draft(base, budget=35)

    assert figures() == [25, 35, 25]
    assert EarnUse.objects.get().points == 25


def test_what_went_back_is_left_out_on_both_sides(
    base: EarnRule, wallet: Wallet, mai: Member, now: datetime
) -> None:
    lines = (
        OrderLineFact(sku="CF", quantity=Decimal(2), total=Decimal(80_000)),
        OrderLineFact(sku="TE", quantity=Decimal(1), total=Decimal(20_000)),
    )
    buy(mai, 1, now, lines=lines)
    buy(mai, 2, now)
    buy(mai, 3, now)
    refund(mai, 1, now, total=40_000, sku="CF")
    refund(mai, 2, now, total=100_000)
    new_draft(wallet, method="fixed", points=5)

    result = run()

    # 60,000 and 100,000 are left; the fixed rule gives nothing for what is all gone.
    assert result["orders"] == 3
    assert result["wallets"][0]["points"] == [16, 26, 16]
    assert result["wallets"][0]["earning"] == [2, 2, 2]


def refund(member: Member, number: int, at: datetime, total: int, sku: str = "") -> None:
    lines = (
        (RefundLineFact(sku=sku, quantity=Decimal(1), total=Decimal(total)),) if sku else ()
    )
    record_refunds(
        [
            RefundFact(
                source="till",
                external_id=f"TH{number}",
                member_id=member.pk,
                order_number=f"HD{number}",
                refunded_at=at + timedelta(hours=1),
                total=Decimal(total),
                lines=lines,
            )
        ],
        at=at + timedelta(hours=1),
    )


def test_a_gift_line_counts_where_nothing_went_back(
    base: EarnRule, wallet: Wallet, mai: Member, now: datetime
) -> None:
    lines = (
        OrderLineFact(sku="CF", quantity=Decimal(1), total=Decimal(100_000)),
        OrderLineFact(sku="GIFT", quantity=Decimal(1), total=Decimal(0)),
    )
    buy(mai, 1, now, lines=lines)
    new_draft(wallet, method="per_unit", points=3, amount=Decimal(1))

    assert figures() == [10, 16, 10]


def test_days_inside_rules_keep_meaning_and_versions_do_not(
    base: EarnRule, mai: Member, now: datetime
) -> None:
    """Both sides apply their newest wording to the whole period."""
    buy(mai, 1, now)
    draft(base, amount=Decimal(20_000))
    publish_rule(base, at=now + timedelta(days=1))
    buy(mai, 2, now + timedelta(days=2))
    draft(base, amount=Decimal(5_000), starts_at=now + timedelta(days=1))

    # In force: 5 + 5, though the ledger gave 10 for the first; draft: the second only.
    assert figures() == [10, 20, 15]


def test_orders_outside_the_period_or_cancelled_do_not_count(
    base: EarnRule, mai: Member, now: datetime
) -> None:
    for number, at in enumerate(
        (
            datetime(2026, 1, 31, 16, 59, tzinfo=UTC),  # 23:59 on the last day before
            datetime(2026, 1, 31, 17, 0, tzinfo=UTC),  # 00:00 on the first day
            datetime(2026, 2, 28, 16, 59, tzinfo=UTC),
            datetime(2026, 2, 28, 17, 0, tzinfo=UTC),
        )
    ):
        buy(mai, number, at)
    buy(mai, 9, datetime(2026, 2, 10, tzinfo=UTC), status=Order.Status.CANCELLED.value)
    draft(base, points=2)

    test = ask(first_day=date(2026, 2, 1), last_day=date(2026, 2, 28))

    assert figures(test) == [20, 40, 20]


def test_groups_are_judged_as_they_are_when_it_is_asked_for(
    base: EarnRule, wallet: Wallet, mai: Member, binh: Member, now: datetime
) -> None:
    segment = Segment.objects.create(code="oa", name="OA", conditions=FOLLOWERS)
    Member.objects.filter(pk=mai.pk).update(follows_oa=True)
    buy(mai, 1, now)
    buy(binh, 2, now)
    new_draft(wallet, method="extra", points=7, segment=segment)

    assert figures() == [20, 27, 20]


def test_the_whole_cost_is_known_where_points_pay(base: EarnRule) -> None:
    draft(base, points=2)

    (told,) = ask().definitions["wallets"]

    assert (told["unit"], Decimal(told["worth"])) == ("điểm", Decimal(100))


@pytest.mark.parametrize(
    ("fields", "told", "worth"),
    [
        ({}, None, None),
        ({}, Decimal(50), "50"),
        ({"kind": "cashback"}, Decimal(50), "1"),
        ({"kind": "qualifying"}, Decimal(50), None),
        ({"pays_at_till": True, "pay_points": 4, "pay_value": 10}, Decimal(50), "2.5"),
    ],
)
def test_what_a_point_costs(
    db: None, fields: dict[str, Any], told: Decimal | None, worth: str | None
) -> None:
    make_programme()
    rule = make_earn_rule(wallet=make_wallet(**fields))
    draft(rule, points=2)

    (frozen,) = ask(point_worth=told).definitions["wallets"]

    assert frozen["worth"] == worth or Decimal(frozen["worth"]) == Decimal(worth or 0)


# --- What is asked ------------------------------------------------------------------------


def test_both_sides_are_frozen(base: EarnRule, mai: Member, now: datetime) -> None:
    buy(mai, 1, now)
    draft(base, points=2)
    test = ask()

    draft(base, points=9)
    publish_rule(base, at=now)

    assert figures(test) == [10, 20, 10]


def test_only_the_draft_of_one_rule(
    base: EarnRule, wallet: Wallet, mai: Member, now: datetime
) -> None:
    buy(mai, 1, now)
    draft(base, points=2)
    extra = new_draft(wallet, method="extra", points=5)

    assert figures(ask(rule=extra)) == [10, 15, 10]
    assert figures(ask(rule=base)) == [10, 20, 10]
    assert figures(ask()) == [10, 25, 10]


def test_without_a_draft_there_is_nothing_to_test(base: EarnRule, wallet: Wallet) -> None:
    new_draft(wallet, code="birthday", trigger="birthday", method="fixed")
    new_draft(wallet, code="off", is_active=False)

    with pytest.raises(NothingToTest, match="No draft about orders differs"):
        ask()
    with pytest.raises(NothingToTest, match="is what is published, or not about orders"):
        ask(rule=base)
    with pytest.raises(NothingToTest, match="“Ưu đãi mới” is switched off"):
        ask(rule=EarnRule.objects.get(code="off"))
    assert not BackTest.objects.exists()


def test_a_draft_that_could_never_be_published_is_refused(wallet: Wallet) -> None:
    new_draft(wallet, method="bands")

    with pytest.raises(InvalidInput, match="“Ưu đãi mới” cannot be tested: Fill in at"):
        ask()


def test_a_period_that_ends_before_it_begins_is_refused(base: EarnRule) -> None:
    draft(base, points=2)

    with pytest.raises(InvalidInput, match="ends before it begins"):
        ask(first_day=date(2026, 4, 1))


def test_asking_twice_is_one_test_while_it_is_under_way(
    base: EarnRule, mai: Member, now: datetime
) -> None:
    draft(base, points=2)
    first = ask()

    assert ask() == first
    assert ask(last_day=date(2026, 2, 28)) != first
    run(first)
    assert ask() != first


# --- What is written, and what it costs ---------------------------------------------------


def test_nothing_of_it_reaches_the_ledger(
    base: EarnRule, wallet: Wallet, mai: Member, now: datetime
) -> None:
    buy(mai, 1, now)
    draft(base, budget=5)
    EarnCap.objects.create(rule=base, limit=3, unit="points", period="day")
    before = (
        list(Transfer.objects.values()),
        list(wallet.accounts.values()),
        list(EarnUse.objects.values()),
        list(Order.objects.values()),
        list(OrderLine.objects.values()),
    )

    assert figures() == [10, 3, 10]

    assert before == (
        list(Transfer.objects.values()),
        list(wallet.accounts.values()),
        list(EarnUse.objects.values()),
        list(Order.objects.values()),
        list(OrderLine.objects.values()),
    )
    assert not BackTestOrder.objects.exists()
    assert not BackTestUse.objects.exists()
    assert_proved()


def test_a_chunk_asks_a_constant_number_of_questions(
    base: EarnRule, wallet: Wallet, mai: Member, binh: Member, now: datetime
) -> None:
    for number in range(40):
        buy(mai if number % 3 else binh, number, now + timedelta(hours=number))
    EarnCap.objects.create(rule=base, limit=20, unit="points", period="day")
    new_draft(wallet, method="extra", points=2, nth_order=2, birthday="month")
    counts = []
    for size in (2, 20):
        test = claim_back_test(ask(last_day=date(2026, 3, 30 - size // 20)).pk)
        assert test is not None
        running_module._list_more(test)
        rules = [rules_of(test, side) for side in ("before", "after")]
        with CaptureQueriesContext(connection) as queries:
            assert running_module._ask_more(test, rules, size)
        counts.append(len(queries))

    # Listed, orders, lines, uses, programme, numbers, birthdays, given, and the writing.
    assert counts[0] == counts[1] <= 16


@pytest.mark.parametrize("chunk", [1, 3, 7, 1000])
def test_every_size_of_chunk_gives_the_same_result(
    base: EarnRule, wallet: Wallet, now: datetime, chunk: int
) -> None:
    members = [make_member(code=f"M{n}") for n in range(4)]
    for number in range(20):
        # Several in the very same moment, to be told apart by their number alone.
        at = now + timedelta(hours=number // 4 * 9)
        buy(members[number % 4], number, at, total=30_000 + number * 7_000)
    EarnCap.objects.create(rule=base, limit=9, unit="points", period="day")
    new_draft(wallet, method="extra", points=2, budget=25)

    result = run(chunk=chunk)

    told = result["wallets"][0]
    assert result["orders"] == 20
    # Two, two and one purchase a day for each member, of whose points nine count.
    counted = [(30 + n * 7) // 10 for n in range(20)]
    capped = sum(
        min(9, sum(counted[n + 4 * time] for time in times))
        for n in range(4)
        for times in ((0, 1), (2, 3), (4,))
    )
    assert told["points"] == [sum(counted), capped + 25, sum(counted)]
    assert told["rules"][1]["points"] == [0, 25, 0]
    assert told["more"] + told["less"] + told["same"] == 4


def test_only_the_newest_lists_of_members_are_kept(
    base: EarnRule, mai: Member, now: datetime, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(running_module, "KEPT_LISTS", 2)
    buy(mai, 1, now)
    draft(base, points=2)

    tests = [ask(last_day=date(2026, 3, 20 + n)) for n in range(3)]
    for test in tests:
        run(test)

    kept = BackTestMember.objects.values_list("back_test", flat=True)
    assert sorted(kept) == [test.pk for test in tests[1:]]


def test_a_definition_survives_being_frozen(base: EarnRule) -> None:
    draft(base, points=2, starts_at=AT, weekdays=[1, 3])
    EarnCap.objects.create(rule=base, limit=9, unit="points", period="day")
    test = ask()
    test.refresh_from_db()

    (after,) = definitions_of(test, "after")

    assert (after.points, after.starts_at, after.weekdays) == (2, AT, (1, 3))
    assert after.caps == (Cap(9, "points", "day"),)
    assert replace(after, points=1) != after
