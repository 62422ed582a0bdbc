"""Rules and wallets of money: what can be published, and what purchases bring back."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.db import IntegrityError, transaction

from activities.services import OrderFact, OrderLineFact, RefundFact
from core.errors import InvalidInput
from flows.record import record, record_refunds
from members.models import Member
from points.earning.definition import definition_of
from points.models import EarnCap, EarnRule, EarnRuleVersion, Funder, Transfer, Wallet
from points.presets import create_from_preset
from points.queries import balances
from points.rules import (
    describe_version,
    publish_rule,
    save_wallet,
    unpublished_changes,
)
from points.services import mature_points
from tests.factories import JOINED, make_earn_rule, make_programme, make_wallet
from tests.points.helpers import assert_proved


@pytest.fixture(autouse=True)
def _proved(db: None) -> Iterator[None]:
    make_programme()
    yield
    assert_proved()


@pytest.fixture
def money() -> Wallet:
    return make_wallet(code="cashback", name="Ví hoàn tiền", kind="cashback")


def back(wallet: Wallet, **fields: Any) -> EarnRule:
    return make_earn_rule(wallet=wallet, **{"method": "percent", **fields})


def buy(member: Member, number: str, at: datetime, total: int, **told: Any) -> None:
    fact = OrderFact("pos", number, member.pk, at, Decimal(total), **told)
    (answer,) = record([fact], at=at)
    assert answer.outcome == "new", answer.reason


def has(member: Member, wallet: Wallet) -> int:
    return balances([member.pk], wallet=wallet)[member.pk]


# --- publishing -------------------------------------------------------------------------


def test_a_percent_needs_a_wallet_of_money() -> None:
    rule = EarnRule.objects.create(
        code="r", name="R", wallet=make_wallet(), method="percent"
    )
    with pytest.raises(InvalidInput, match="choose a wallet that holds cashback"):
        publish_rule(rule, at=JOINED)
    assert not rule.versions.exists()


@pytest.mark.parametrize("trigger", ["sign_up", "birthday"])
def test_without_an_order_there_is_nothing_to_take_a_percent_of(
    money: Wallet, trigger: str
) -> None:
    rule = EarnRule.objects.create(
        code="r", name="R", wallet=money, method="percent", trigger=trigger
    )
    with pytest.raises(InvalidInput, match="fixed or counted by the piece"):
        publish_rule(rule, at=JOINED)


def test_a_version_keeps_percent_limit_and_rounding(money: Wallet) -> None:
    rule = back(money, percent=Decimal("7.50"), order_limit=50_000, rounding="half_up")
    version = rule.versions.get()
    assert version.definition["percent"] == "7.5"
    assert (version.definition["order_limit"], version.definition["rounding"]) == (
        50_000,
        "half_up",
    )
    rule.percent, rule.order_limit = Decimal(3), None
    rule.save()
    assert describe_version(version) == (
        "7,5 % of the amount back, round half up, at most 50.000 ₫ for one order."
    )
    assert unpublished_changes(rule) == ["order_limit", "percent"]


def test_a_version_of_before_percents_is_still_what_is_published(money: Wallet) -> None:
    rule = EarnRule.objects.create(code="r", name="R", wallet=make_wallet(), version=1)
    definition = definition_of(rule)
    old = {k: v for k, v in definition.items() if k not in ("percent", "order_limit")}
    EarnRuleVersion.objects.create(rule=rule, number=1, definition=old, published_at=JOINED)

    assert unpublished_changes(rule) == []
    assert publish_rule(rule, at=JOINED).number == 1


@pytest.mark.parametrize(
    ("fields", "constraint"),
    [
        ({"percent": 0}, "percent_is_a_share"),
        ({"percent": Decimal("100.01")}, "percent_is_a_share"),
        ({"order_limit": 0}, "order_limit_is_positive"),
    ],
)
def test_the_database_refuses_nonsense(
    money: Wallet, fields: dict[str, Any], constraint: str
) -> None:
    back(money)
    with pytest.raises(IntegrityError, match=constraint), transaction.atomic():
        EarnRule.objects.update(**fields)


# --- wallets of money -------------------------------------------------------------------


@pytest.mark.parametrize(
    ("currency", "points", "value", "is_right"),
    [
        ("VND", 1, "1", True),
        ("VND", 1000, "1000", True),
        ("VND", 100, "80", False),
        ("USD", 1, "0.01", True),
        ("USD", 1, "1", False),
    ],
)
def test_money_pays_what_it_is(
    money: Wallet, currency: str, points: int, value: str, is_right: bool
) -> None:
    make_programme(currency=currency)
    money.pays_at_till, money.pay_points, money.pay_value = True, points, Decimal(value)
    if is_right:
        save_wallet(money, at=JOINED)
    else:
        with pytest.raises(InvalidInput, match="Cashback pays what it is"):
            save_wallet(money, at=JOINED)
    money.refresh_from_db()
    assert money.pays_at_till is is_right


# --- purchases --------------------------------------------------------------------------


def test_five_percent_of_every_bill(mai: Member, money: Wallet, now: datetime) -> None:
    back(money)
    buy(mai, "1", now, 1_234_567)
    buy(mai, "2", now, 19)
    buy(mai, "3", now, 20)
    assert has(mai, money) == 61_728 + 0 + 1


def test_limits_of_an_order_of_a_day_and_of_a_month(
    mai: Member, binh: Member, money: Wallet, now: datetime
) -> None:
    rule = back(money, order_limit=50_000)
    EarnCap.objects.create(rule=rule, limit=80_000, unit="points", period="day")
    EarnCap.objects.create(rule=rule, limit=100_000, unit="points", period="month")
    publish_rule(rule, at=JOINED, for_all_time=True)

    buy(mai, "1", now, 2_000_000)
    assert has(mai, money) == 50_000
    buy(mai, "2", now, 2_000_000)
    assert has(mai, money) == 80_000
    buy(mai, "3", now, 2_000_000)
    assert has(mai, money) == 80_000
    buy(mai, "4", now + timedelta(days=1), 2_000_000)
    assert has(mai, money) == 100_000
    buy(mai, "5", now + timedelta(days=31), 2_000_000)
    assert has(mai, money) == 150_000
    # Limits are each member's own.
    buy(binh, "6", now, 2_000_000)
    assert has(binh, money) == 50_000


def test_a_return_takes_only_what_the_rest_would_not_bring(
    mai: Member, money: Wallet, now: datetime
) -> None:
    back(money, order_limit=50_000)
    buy(mai, "1", now, 2_000_000)

    def returns(number: str, total: int) -> int:
        fact = RefundFact("pos", number, mai.pk, now, Decimal(total), order_number="1")
        (saved,) = record_refunds([fact], at=now)
        assert saved.outcome == "new", saved.reason
        return has(mai, money)

    # 1.500.000 ₫ would still bring the 50.000 ₫ that an order may.
    assert returns("a", 500_000) == 50_000
    assert returns("b", 700_000) == 40_000
    assert returns("c", 799_981) == 0
    assert returns("d", 19) == 0


# --- templates --------------------------------------------------------------------------


def test_a_template_makes_the_wallet_that_it_needs(mai: Member, now: datetime) -> None:
    (rule,) = create_from_preset("cashback")
    wallet = Wallet.objects.get()
    assert (wallet.code, wallet.kind, wallet.name) == ("cashback", "cashback", "Cashback")
    assert (wallet.pays_at_till, wallet.pay_points, wallet.pay_value) == (True, 1, 1)
    assert (rule.wallet, rule.method, rule.percent) == (wallet, "percent", 5)

    publish_rule(rule, at=JOINED)
    buy(mai, "1", now, 1_100_000)
    assert has(mai, wallet) == 0
    mature_points(at=now + timedelta(days=7))
    assert has(mai, wallet) == 50_000


def test_a_wallet_of_money_that_is_there_is_taken(money: Wallet) -> None:
    make_wallet()
    (rule,) = create_from_preset("cashback")
    assert rule.wallet == money
    assert not money.pays_at_till
    assert Wallet.objects.count() == 2


def test_a_partner_gives_money_back_on_its_brand(
    mai: Member, money: Wallet, now: datetime
) -> None:
    (rule,) = create_from_preset("cashback-partner")
    publish_rule(rule, at=JOINED)
    lines = (
        OrderLineFact(brand="Mộc", total=Decimal(300_000)),
        OrderLineFact(brand="Khác", total=Decimal(700_000)),
    )
    buy(mai, "1", now, 1_000_000, lines=lines)
    buy(mai, "2", now, 1_900_000, lines=(OrderLineFact(brand="mộc", total=1_900_000),))

    assert has(mai, money) == 30_000 + 170_000
    funder = Funder.objects.get()
    assert set(Transfer.objects.values_list("funder", flat=True)) == {funder.pk}


def test_fridays_count_twice(mai: Member, money: Wallet, now: datetime) -> None:
    back(money)
    (rule,) = create_from_preset("cashback-double-day")
    publish_rule(rule, at=JOINED)
    buy(mai, "mon", now, 100_000)
    buy(mai, "fri", now + timedelta(days=4), 100_000)
    assert has(mai, money) == 5000 + 10_000
