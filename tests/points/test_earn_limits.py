"""Limits of rules: for one member in a span, and the budget of the rule."""

from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from members.models import Member
from points.earning.basket import Basket
from points.models import EarnCap, EarnRule, EarnUse, Funder, Hold, Transfer
from points.queries import balances
from points.rules import publish_rule
from points.services import earn_points
from tests.factories import make_earn_rule, make_wallet
from tests.points.helpers import assert_proved


def limited(*caps: tuple[int, str, str], **fields: Any) -> EarnRule:
    rule = make_earn_rule(wallet=make_wallet(), **fields)
    for limit, unit, period in caps:
        EarnCap.objects.create(rule=rule, limit=limit, unit=unit, period=period)
    publish_rule(rule, at=rule.versions.get().published_at, for_all_time=True)
    return rule


def buy(member: Member, number: int, at: datetime, total: int = 100_000) -> int:
    basket = Basket(number, member.pk, at, at.date(), Decimal(total))
    return earn_points([basket]).get(number, 0)


def test_a_day_has_its_limit_and_the_next_one_too(mai: Member, now: datetime) -> None:
    limited((15, "points", "day"))

    assert [buy(mai, n, now) for n in (1, 2, 3)] == [10, 5, 0]
    assert buy(mai, 4, now + timedelta(days=1)) == 10
    # A purchase that is told late counts in its own day.
    assert buy(mai, 5, now - timedelta(days=1)) == 10
    assert_proved()


@pytest.mark.parametrize(
    ("period", "later"),
    [("week", 7), ("month", 31), ("year", 365), ("all", None)],
)
def test_longer_spans(mai: Member, now: datetime, period: str, later: int | None) -> None:
    limited((15, "points", period))

    assert [buy(mai, 1, now), buy(mai, 2, now + timedelta(days=1))] == [10, 5]
    far = now + timedelta(days=later or 3000)
    assert buy(mai, 3, far) == (0 if later is None else 10)


def test_times_are_counted_too(mai: Member, binh: Member, now: datetime) -> None:
    limited((2, "times", "all"))

    assert [buy(mai, n, now) for n in (1, 2, 3)] == [10, 10, 0]
    assert buy(binh, 4, now) == 10


def test_within_one_batch_the_earlier_purchase_comes_first(
    mai: Member, now: datetime
) -> None:
    limited((15, "points", "day"))
    baskets = [
        Basket(n, mai.pk, now - timedelta(minutes=n), now.date(), Decimal(100_000))
        for n in (1, 2, 3)
    ]

    assert earn_points(baskets) == {3: 10, 2: 5}


def test_the_budget_ends_the_rule_for_everyone(
    mai: Member, binh: Member, now: datetime
) -> None:
    limited(budget=25)

    assert [buy(mai, 1, now), buy(binh, 2, now), buy(mai, 3, now), buy(binh, 4, now)] == [
        10,
        10,
        5,
        0,
    ]
    use = EarnUse.objects.get(member=None)
    assert (use.points, use.times) == (25, 3)


def test_a_partner_pays_its_share(mai: Member, now: datetime) -> None:
    partner = Funder.objects.create(code="momo", name="MoMo")
    limited(funder=partner, funder_percent=Decimal(33), amount=Decimal(1000))

    assert buy(mai, 1, now, 10_000) == 10

    paid = Transfer.objects.order_by("key").values_list("key", "amount", "funder__code")
    assert list(paid) == [
        ("order:1:per-amount", 7, None),
        ("order:1:per-amount:funder", 3, "momo"),
    ]
    assert_proved()


@pytest.mark.parametrize(
    ("terms", "usable_in_days"),
    [({"hold": "days", "hold_days": 14}, 14), ({"hold": "delivery", "hold_days": 7}, None)],
)
def test_points_can_be_held(
    mai: Member, now: datetime, terms: dict[str, Any], usable_in_days: int | None
) -> None:
    limited(**terms)

    assert buy(mai, 1, now) == 10

    assert balances([mai.pk]) == {mai.pk: 0}
    hold = Hold.objects.get()
    assert hold.remaining == 10
    assert hold.matures_on == (
        None if usable_in_days is None else now.date() + timedelta(days=usable_in_days)
    )
    assert_proved()


def test_repeating_a_batch_is_for_new_facts_only(mai: Member, now: datetime) -> None:
    """The ledger's key still keeps points single when a caller forgets that."""
    limited()

    assert buy(mai, 1, now) == buy(mai, 1, now) == 10
    assert balances([mai.pk]) == {mai.pk: 10}
