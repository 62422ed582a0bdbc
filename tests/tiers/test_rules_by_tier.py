"""Rules for a tier: that of the purchase's own moment decides, however late it is told."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from activities.models import Order
from activities.services import OrderFact
from flows.record import record
from members.models import Member, Segment
from members.segments import Occasion, members_matching, occasions_matching
from points.earning.basket import Basket
from points.earning.trying import explain_order, simulate
from points.models import Transfer, Wallet
from points.queries import balances
from points.rules import describe_rule, publish_rule
from tests.factories import JOINED, make_earn_rule, make_member, make_wallet
from tests.points.helpers import assert_proved
from tests.tiers.helpers import bring_back, buy, make_ladder, tier
from tiers.models import Tier
from tiers.multipliers import draft_multiplier
from tiers.services import give_tier, review_tiers

PERCENTS = {"member": 3, "silver": 5, "gold": 8}


def segment(code: str, operator: str = "is") -> Segment:
    condition = {"field": "tier", "is": operator, "value": f"main:{code}"}
    return Segment.objects.create(
        code=f"{operator}-{code}", name=f"Hạng {code}", conditions={"all": [condition]}
    )


@pytest.fixture
def money(db: None) -> Wallet:
    """3 % back for members, 5 % for silver (1 million), 8 % for gold (3 million)."""
    make_ladder()
    wallet = make_wallet(code="cashback", name="Ví hoàn tiền", kind="cashback")
    for code, share in PERCENTS.items():
        make_earn_rule(
            wallet=wallet,
            code=code,
            method="percent",
            percent=Decimal(share),
            segment=segment(code),
        )
    return wallet


@pytest.fixture(autouse=True)
def _proved(db: None) -> Iterator[None]:
    yield
    assert_proved()


def given(number: str) -> dict[str, int]:
    """Return what an order brought, by rule."""
    order = Order.objects.get(external_id=number)
    rows = Transfer.objects.filter(source_type="order", source_id=order.pk, kind="earn")
    return dict(rows.values_list("rule__code", "amount"))


def test_the_first_purchase_is_one_of_the_lowest_tier(
    mai: Member, money: Wallet, now: datetime
) -> None:
    assert tier(mai) == ""
    buy(mai, "A", now, 100_000)
    assert given("A") == {"member": 3000}


def test_the_purchase_that_leads_to_a_tier_is_not_one_of_it(
    mai: Member, money: Wallet, now: datetime
) -> None:
    buy(mai, "A", now, 1_000_000)
    buy(mai, "B", now, 100_000)
    assert tier(mai) == "silver"
    assert (given("A"), given("B")) == ({"member": 30_000}, {"silver": 5000})


def test_a_purchase_told_late_keeps_the_tier_of_its_day(
    mai: Member, money: Wallet, now: datetime
) -> None:
    day = timedelta(days=1)
    buy(mai, "A", now, 1_000_000)
    buy(mai, "B", now + 5 * day, 2_000_000)
    assert tier(mai) == "gold"

    late = {"told_at": now + 9 * day}
    buy(mai, "before", now - day, 100_000, **late)
    buy(mai, "between", now + 2 * day, 100_000, **late)
    buy(mai, "after", now + 6 * day, 100_000, **late)

    assert given("before") == {"member": 3000}
    assert given("between") == {"silver": 5000}
    assert given("after") == {"gold": 8000}


def test_a_file_of_the_past_follows_the_tiers_of_the_past(
    mai: Member, binh: Member, money: Wallet, now: datetime
) -> None:
    day = timedelta(days=1)
    buy(mai, "A", now, 3_000_000)
    facts = [
        OrderFact("file", f"{who.code}-{n}", who.pk, now + n * day, Decimal(100_000))
        for who in (mai, binh)
        for n in (-1, 1)
    ]
    record(facts, at=now + 30 * day)

    assert given("MAI--1") == {"member": 3000}
    assert given("MAI-1") == {"gold": 8000}
    assert given("BINH-1") == {"member": 3000}


def test_a_tier_by_hand_counts_from_its_day_to_its_last(
    mai: Member, money: Wallet, now: datetime
) -> None:
    day = timedelta(days=1)
    review_tiers(at=now)
    gold = Tier.objects.get(code="gold")
    until = (now + 3 * day).date()
    give_tier(member=mai, tier=gold, until=until, reason="VIP", by="lan", at=now + day)
    review_tiers(at=now + 4 * day)

    for n in (0, 2, 5):
        buy(mai, f"day-{n}", now + n * day, 100_000, told_at=now + 9 * day)

    assert given("day-0") == {"member": 3000}
    assert given("day-2") == {"gold": 8000}
    assert given("day-5") == {"member": 3000}


def test_a_refund_asks_nobody_who_they_are_now(
    mai: Member, money: Wallet, now: datetime
) -> None:
    buy(mai, "A", now, 1_000_000)
    buy(mai, "B", now + timedelta(hours=1), 400_000)
    bring_back(mai, "R", now + timedelta(hours=2), 1_000_000, of="A")
    bring_back(mai, "S", now + timedelta(hours=3), 100_000, of="B")
    # 300.000 ₫ stay, at the 5 % of then.
    assert balances([mai.pk], wallet=money)[mai.pk] == 15_000


def test_a_multiplier_of_cashback_stands_beside_that_of_points(
    mai: Member, money: Wallet, now: datetime
) -> None:
    points = make_wallet()
    make_earn_rule(wallet=points)
    gold = Tier.objects.get(code="gold")
    for_points = draft_multiplier(gold)
    for_money = draft_multiplier(gold, factor=Decimal("1.5"), wallet=money)
    assert draft_multiplier(gold, wallet=money).pk == for_money.pk
    assert (for_points.wallet, for_money.wallet) == (points, money)
    assert for_money.name == "More cashback for Gold"
    for rule in (for_points, for_money):
        publish_rule(rule, at=JOINED)

    buy(mai, "A", now, 3_000_000)
    buy(mai, "B", now + timedelta(hours=1), 100_000)

    assert given("B") == {
        "gold": 8000,
        for_money.code: 4000,
        "per-amount": 10,
        for_points.code: 10,
    }


# --- said and explained -----------------------------------------------------------------


def test_the_sentence_names_the_group_and_the_moment(money: Wallet) -> None:
    rule = money.earn_rules.get(code="gold")
    assert describe_rule(rule) == (
        "8 % of the amount back, round down, for who belongs to “Hạng gold” when they buy."
    )


def test_an_order_is_explained_by_the_tier_of_then(
    mai: Member, money: Wallet, now: datetime
) -> None:
    buy(mai, "A", now, 3_000_000)
    explanation = explain_order(Order.objects.get())

    assert explanation.differences == []
    (outcome,) = explanation.outcomes
    reasons = {t.definition.code: t.reasons for t in outcome.trace}
    assert reasons["member"] == (
        "3 % of 3.000.000 ₫: 90.000 ₫, round down.",
        "The member was in “Hạng member” when they bought.",
    )
    assert reasons["gold"] == ("The member was not in “Hạng gold” when they bought.",)


def test_a_basket_is_tried_at_its_own_time(
    mai: Member, money: Wallet, now: datetime
) -> None:
    buy(mai, "A", now, 3_000_000)

    def tried(days: int) -> int:
        at = now + timedelta(days=days)
        total = Decimal(100_000)
        (outcome,) = simulate(Basket(0, mai.pk, at, at.date(), total=total))
        return outcome.points

    assert (tried(-1), tried(1)) == (3000, 8000)


# --- occasions --------------------------------------------------------------------------


def asked(conditions: dict[str, Any], *occasions: tuple[Member, datetime]) -> list[int]:
    told = [Occasion(key, member.pk, at, "") for key, (member, at) in enumerate(occasions)]
    return sorted(occasions_matching(conditions, told))


@pytest.fixture
def climbed(mai: Member, money: Wallet, now: datetime) -> Member:
    """Mai became silver at noon on 2 March and gold five days later."""
    buy(mai, "A", now, 1_000_000)
    buy(mai, "B", now + timedelta(days=5), 2_000_000)
    return mai


@pytest.mark.parametrize(
    ("operator", "code", "met"),
    [
        ("is", "member", [0]),
        ("is", "silver", [1, 2]),
        ("is", "gold", [3]),
        ("is_not", "silver", [0, 3]),
        ("at_least", "silver", [1, 2, 3]),
        ("at_least", "member", [0, 1, 2, 3]),
        ("is", "platinum", []),
        ("is_not", "platinum", [0, 1, 2, 3]),
    ],
)
def test_by_the_tier_of_each_moment(
    climbed: Member, now: datetime, operator: str, code: str, met: list[int]
) -> None:
    moments = [now + timedelta(days=d) for d in (-1, 0, 4, 6)]
    leaf = {"field": "tier", "is": operator, "value": f"main:{code}"}
    assert asked(leaf, *((climbed, at) for at in moments)) == met


def test_conditions_are_joined_for_each_occasion(
    climbed: Member, binh: Member, now: datetime
) -> None:
    silver = {"field": "tier", "is": "is", "value": "main:silver"}
    named = {"field": "province", "is": "is", "value": "Huế"}
    Member.objects.filter(pk=binh.pk).update(province="Huế")
    occasions = [(climbed, now - timedelta(days=1)), (climbed, now), (binh, now)]

    assert asked({"all": [silver, {"not": named}]}, *occasions) == [1]
    assert asked({"any": [silver, named]}, *occasions) == [1, 2]
    assert asked({"not": {"any": [silver, named]}}, *occasions) == [0]
    assert asked({"all": []}, *occasions) == [0, 1, 2]
    assert asked({"all": [silver, {"any": []}]}, *occasions) == []
    assert asked(silver) == []


def test_a_merged_member_meets_nothing(
    climbed: Member, binh: Member, now: datetime
) -> None:
    Member.objects.filter(pk=binh.pk).update(state="merged", merged_into=climbed)
    member = {"field": "tier", "is": "is", "value": "main:member"}
    for conditions in (member, {"not": member}, {**member, "is": "is_not"}, {"all": []}):
        assert asked(conditions, (binh, now)) == []


def test_who_stands_nowhere_yet_stands_on_the_lowest(
    climbed: Member, binh: Member, now: datetime
) -> None:
    """The question about now has the same answer as the one about a moment."""
    for operator, value, met in (
        ("is", "member", ["BINH"]),
        ("is_not", "member", ["MAI"]),
        ("at_least", "member", ["BINH", "MAI"]),
        ("at_least", "silver", ["MAI"]),
    ):
        leaf = {"field": "tier", "is": operator, "value": f"main:{value}"}
        found = members_matching(leaf, at=now).order_by("code")
        assert list(found.values_list("code", flat=True)) == met


def test_many_occasions_cost_no_more_queries(money: Wallet, now: datetime) -> None:
    members = [make_member() for _n in range(30)]

    def cost(number: int) -> int:
        facts = [
            OrderFact("file", f"{number}-{n}", one.pk, now, Decimal(50_000))
            for n, one in enumerate(members[:number])
        ]
        with CaptureQueriesContext(connection) as queries:
            record(facts, at=now)
        return len(queries)

    cost(30)
    assert cost(3) == cost(29)
