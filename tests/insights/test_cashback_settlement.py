"""What a partner owes for money back: earned, brought back in part, and spent meanwhile."""

from __future__ import annotations

import csv
import io
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from activities.services import OrderFact, OrderLineFact, RefundFact
from flows.record import record, record_refunds
from members.models import Member
from points.models import Funder, Wallet
from points.queries import balances
from points.services import (
    capture_points,
    mature_points,
    quote_payment,
    reserve_points,
)
from points.settlement import settle_funders
from tests.factories import make_earn_rule, make_programme, make_wallet
from tests.points.helpers import assert_proved, written

PAGE = reverse("admin:points_settlement")
FILE = reverse("admin:points_settlement_export")
MOVEMENTS = reverse("admin:points_settlement_movements", args=["dairy"])
MARCH = {"first_day": "2026-03-01", "last_day": "2026-03-31"}
THE_MONTH = {"first": date(2026, 3, 1), "last": date(2026, 3, 31)}
DAY = timedelta(days=1)


@pytest.fixture
def money(db: None) -> Wallet:
    make_programme()
    return make_wallet(
        code="cashback",
        name="Ví hoàn tiền",
        kind="cashback",
        pays_at_till=True,
        pay_value=Decimal(1),
    )


@pytest.fixture
def dairy(money: Wallet) -> Funder:
    """It pays 60 % of the tenth of the milk; the shop gives 2 % of everything."""
    dairy = Funder.objects.create(code="dairy", name="Sữa Mộc")
    make_earn_rule(
        wallet=money,
        code="milk",
        name="Sữa hoàn 10%",
        method="percent",
        percent=Decimal(10),
        scope="lines",
        categories=["milk"],
        funder=dairy,
        funder_percent=Decimal(60),
        hold="days",
        hold_days=3,
    )
    make_earn_rule(
        wallet=money, code="all", name="Hoàn 2%", method="percent", percent=Decimal(2)
    )
    return dairy


@pytest.mark.parametrize(
    ("returned", "taken", "net"),
    [
        # Half of the milk: 60 % of 17.283 ₫ stay to be paid.
        (250_000, 10_371, 10_369),
        (499_999, 20_740, 0),
        (500_000, 20_740, 0),
    ],
)
def test_where_nothing_was_spent_all_of_it_comes_back(
    mai: Member, dairy: Funder, now: datetime, returned: int, taken: int, net: int
) -> None:
    with written(now):
        record([_bought(mai, now)], at=now)
        _returns(mai, now + DAY, returned)
    (line,) = settle_funders(**THE_MONTH)
    assert (line.given, line.taken_back, line.net) == (20_740, taken, net)
    assert (line.held, line.worth) == (net, Decimal(net))
    assert_proved()


@pytest.fixture
def march(mai: Member, money: Wallet, dairy: Funder, now: datetime) -> None:
    """Mai buys on the 2nd, pays with money back on the 6th, returns half on the 8th."""
    with written(now):
        record([_bought(mai, now)], at=now)
    with written(now + 3 * DAY):
        mature_points(at=now + 3 * DAY)
    with written(now + 4 * DAY):
        _pay(mai, money, now + 4 * DAY)
    with written(now + 6 * DAY):
        _returns(mai, now + 6 * DAY, 250_000)


def _bought(member: Member, at: datetime) -> OrderFact:
    lines = (
        OrderLineFact(product="Sữa", category="milk", total=Decimal(345_678)),
        OrderLineFact(product="Bánh", category="bread", total=Decimal(154_322)),
    )
    return OrderFact("pos", "HD-1", member.pk, at, Decimal(500_000), lines=lines)


def _returns(member: Member, at: datetime, total: int) -> None:
    back = RefundFact("pos", "TH-1", member.pk, at, Decimal(total), order_number="HD-1")
    (saved,) = record_refunds([back], at=at)
    assert saved.outcome == "new", saved.reason


def _pay(member: Member, wallet: Wallet, at: datetime) -> None:
    total = Decimal(90_000)
    offer = quote_payment(
        member=member, order_total=total, wallet=wallet, at=at, points=30_000
    )
    held = reserve_points(
        member=member,
        amount=offer.points,
        value=offer.value,
        source="pos",
        reference="P",
        wallet=wallet,
        at=at,
    )
    paid = OrderFact("pos", "HD-2", member.pk, at, total, points_amount=offer.value)
    (answer,) = record([paid], at=at)
    capture_points(reservation=held, order_id=answer.order_id, at=at)


def rows_of(response: Any) -> list[list[str]]:
    assert response.status_code == 200
    content = b"".join(response.streaming_content) if response.streaming else (
        response.content
    )  # fmt: skip
    return list(csv.reader(io.StringIO(content.decode().removeprefix("\ufeff"))))


def test_the_partner_owes_its_share_of_what_the_rest_would_bring(
    mai: Member, money: Wallet, dairy: Funder, march: None
) -> None:
    (line,) = settle_funders(**THE_MONTH)
    # A tenth of 345.678 ₫ is 34.567 ₫, of which the dairy pays 60 %: 20.740 ₫. For half
    # the milk, 172.839 ₫, it would be 17.283 ₫; so 17.284 ₫ are too much, 10.371 ₫ of them
    # the dairy's. But Mai has paid 30.000 of 34.567 + 10.000 ₫ and got 1.200 ₫ for the rest
    # of that bill: 15.767 ₫ are left. The 2 % take their 5.000 ₫; the milk finds 10.767 ₫,
    # and what is missing is missing for both who paid: 6.461 ₫ go back to the dairy.
    assert (line.given, line.taken_back, line.net) == (20_740, 6461, 14_279)
    assert (line.held, line.orders, line.worth) == (0, 1, Decimal(14_279))
    assert balances([mai.pk], wallet=money)[mai.pk] == 0
    assert_proved()


def test_the_page_shows_money(console: Client, march: None) -> None:
    response = console.get(PAGE, MARCH)
    (party,) = response.context["parties"]
    (row,) = party.rows
    assert (row.rule, row.wallet) == ("Sữa hoàn 10%", "Ví hoàn tiền")
    assert (row.given, row.taken_back, row.net) == ("20.740 ₫", "6.461 ₫", "14.279 ₫")
    assert (row.held, row.worth, row.orders) == ("0 ₫", "14.279 ₫", "1")
    assert (party.worth, response.context["worth"]) == ("14.279 ₫", "14.279 ₫")


def test_the_files_hold_the_same_numbers(console: Client, march: None) -> None:
    _header, row = rows_of(console.get(FILE, MARCH))
    assert row == [
        "Sữa Mộc",
        "dairy",
        "Ví hoàn tiền",
        "Sữa hoàn 10%",
        "20740",
        "6461",
        "14279",
        "0",
        "1",
        "14279",
    ]
    _header, given, taken = rows_of(console.get(MOVEMENTS, MARCH))
    assert given == [
        "2026-03-02 12:00:00+07:00",
        "2026-03-02 12:00:00+07:00",
        "HD-1",
        "MAI",
        "Sữa hoàn 10%",
        "Ví hoàn tiền",
        "20740",
    ]
    assert taken[0] == "2026-03-08 12:00:00+07:00"
    assert taken[2:] == ["HD-1", "MAI", "Sữa hoàn 10%", "Ví hoàn tiền", "-6461"]


def test_money_that_pays_nowhere_is_worth_what_it_is(
    console: Client, money: Wallet, march: None
) -> None:
    Wallet.objects.update(pays_at_till=False)
    (party,) = console.get(PAGE, MARCH).context["parties"]
    assert party.rows[0].worth == "14.279 ₫"
