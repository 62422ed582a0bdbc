"""Money and spins on the member pages: at home, in history, and alone without points."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal

import pytest
from django.test import Client
from django.utils import timezone

from activities.services import OrderFact, RefundFact
from core.clock import local_date
from flows.record import record, record_refunds
from members.models import Member, Segment
from points.models import EarnRule, Wallet
from points.services import (
    Grant,
    adjust_points,
    capture_points,
    grant_points,
    reserve_points,
    spend_points,
)
from tests import factories
from tests.console import num_queries
from tests.points.helpers import hold
from tests.portal.conftest import SignIn, shown


@pytest.fixture
def money(wallet: Wallet) -> Wallet:
    return factories.make_wallet(
        code="cashback",
        name="Ví hoàn tiền",
        kind="cashback",
        pays_at_till=True,
        pay_value=Decimal(1),
    )


@pytest.fixture
def rich(mai: Member, money: Wallet) -> Member:
    """Mai has 1.250.000 ₫, 45.000 ₫ of them nine days more, and waits for 9.250 ₫."""
    now = timezone.now()
    today = local_date(now)
    grants = [
        Grant(mai.pk, 45_000, "soon", today + timedelta(days=9)),
        Grant(mai.pk, 1_205_000, "later", today + timedelta(days=90)),
    ]
    grant_points(grants=grants, at=now, wallet=money)
    hold(mai, 9250, "h", now, wallet=money, matures_on=today + timedelta(days=3))
    return mai


def english(client: Client, address: str = "/") -> str:
    return shown(client.get(address, headers={"accept-language": "en"}))


# --- home -------------------------------------------------------------------------------


def test_home_shows_what_is_in_other_wallets_and_what_ends_soon(
    rich: Member, signed_in: SignIn
) -> None:
    page = english(signed_in(rich))
    last = local_date(timezone.now()) + timedelta(days=9)

    assert 'class="purse-amount">1.250.000 ₫<' in page
    assert "9.250 ₫ on their way" in page
    assert f"45.000 ₫ end on {last:%d/%m/%Y}" in page
    assert "9 days left" in page
    assert 'href="/points/?wallet=cashback"' in page


def test_an_empty_wallet_is_not_at_home(
    mai: Member, money: Wallet, signed_in: SignIn
) -> None:
    assert 'class="purse' not in english(signed_in(mai))
    assert 'class="purse' in english(signed_in(mai), "/points/")


def test_what_ends_later_is_no_news(mai: Member, money: Wallet, signed_in: SignIn) -> None:
    now = timezone.now()
    day = local_date(now) + timedelta(days=31)
    grant_points(grants=[Grant(mai.pk, 5000, "g", day)], at=now, wallet=money)
    page = english(signed_in(mai))
    assert 'class="purse-amount">5.000 ₫<' in page
    assert "is-soon" not in page


def test_a_stranger_sees_nothing_of_it(
    rich: Member, binh: Member, signed_in: SignIn
) -> None:
    assert "1.250.000" not in english(signed_in(binh))


def test_home_costs_the_same_for_many_wallets(rich: Member, signed_in: SignIn) -> None:
    client = signed_in(rich)
    before = num_queries(client, "/")
    now = timezone.now()
    for number in range(5):
        other = factories.make_wallet(code=f"w{number}", kind="spins", unit_name="lượt")
        grant_points(grants=[Grant(rich.pk, 3, f"g{number}")], at=now, wallet=other)
    assert num_queries(client, "/") == before


# --- money alone ------------------------------------------------------------------------


def test_a_programme_of_money_alone_speaks_of_no_points(
    mai: Member, signed_in: SignIn
) -> None:
    money = factories.make_wallet(code="cashback", name="Ví hoàn tiền", kind="cashback")
    now = timezone.now()
    day = local_date(now) + timedelta(days=9)
    grant_points(grants=[Grant(mai.pk, 61_728, "g", day)], at=now, wallet=money)
    client = signed_in(mai)
    home, points = english(client), english(client, "/points/")

    assert "<strong>61.728 ₫</strong>" in home
    assert "<strong>61.728 ₫</strong> expire on" in home
    assert "My wallets" in points
    assert "What ends first is used first." in points
    assert "What came and went" in points


# --- history ----------------------------------------------------------------------------


def test_lines_of_money_say_what_happened_without_points(
    mai: Member, money: Wallet, signed_in: SignIn
) -> None:
    now = timezone.now()
    gold = Segment.objects.create(code="gold", name="Hạng Vàng", conditions={"all": []})
    factories.make_earn_rule(
        wallet=money,
        code="back",
        name="Hoàn tiền",
        method="percent",
        percent=Decimal("7.5"),
        order_limit=50_000,
        segment=gold,
    )
    record([OrderFact("pos", "HD-1", mai.pk, now, Decimal(400_000))], at=now)
    held = reserve_points(
        member=mai,
        amount=20_000,
        value=Decimal(20_000),
        source="pos",
        reference="P",
        wallet=money,
        at=now,
    )
    paid = OrderFact(
        "pos", "HD-2", mai.pk, now, Decimal(20_000), points_amount=Decimal(20_000)
    )
    (answer,) = record([paid], at=now)
    capture_points(reservation=held, order_id=answer.order_id, at=now)
    back = RefundFact("pos", "T", mai.pk, now, Decimal(5000), order_number="HD-2")
    record_refunds([back], at=now)
    page = english(signed_in(mai), "/history/?wallet=cashback")

    for title, amount in (
        ("Purchase", "+30.000 ₫"),
        ("Used to pay", "−20.000 ₫"),
        ("Came back to you", "+5.000 ₫"),
    ):
        assert title in page
        assert f">{amount}<" in page
    assert "5.000 ₫ undone" in page
    assert "Points" not in page.replace("<span>Points</span>", "")
    assert (
        "7,5 % of the amount back, round down, at most 50.000 ₫ for one order, "
        "for who belongs to “Hạng Vàng” when they buy."
    ) in page


def test_spins_come_and_go(mai: Member, wallet: Wallet, signed_in: SignIn) -> None:
    spins = factories.make_wallet(
        code="spins", name="Lượt quay", kind="spins", unit_name="lượt"
    )
    now = timezone.now()
    adjust_points(
        member=mai, amount=3, key="k", at=now, note="secret", actor="t", wallet=spins
    )
    spend_points(member=mai, amount=1, key="s", at=now, wallet=spins, note="Vòng quay Tết")
    page = english(signed_in(mai), "/history/?wallet=spins")
    assert "Correction" in page
    assert ">+3<" in page
    assert ">Used</span>" in page
    assert "Vòng quay Tết" in page
    assert "secret" not in page
    assert "2 lượt" in english(signed_in(mai))


def test_only_what_was_undone_as_a_whole_is_struck_out(
    mai: Member, money: Wallet, signed_in: SignIn
) -> None:
    EarnRule.objects.all().delete()
    factories.make_earn_rule(wallet=money, code="back", method="percent")
    now = timezone.now()
    record([OrderFact("pos", "HD-1", mai.pk, now, Decimal(400_000))], at=now)
    for number, total in (("A", 100_000), ("B", 300_000)):
        page = english(signed_in(mai), "/history/?wallet=cashback")
        assert "is-undone" not in page
        back = RefundFact("pos", number, mai.pk, now, Decimal(total), order_number="HD-1")
        record_refunds([back], at=now)
    page = english(signed_in(mai), "/history/?wallet=cashback")
    assert "is-undone" in page
    assert '<span class="badge">undone</span>' in page


def test_many_groups_cost_one_query(mai: Member, money: Wallet, signed_in: SignIn) -> None:
    client, now = signed_in(mai), timezone.now()

    def buy_by_a_rule(number: int) -> None:
        group = Segment.objects.create(
            code=f"g{number}", name=f"Nhóm {number}", conditions={"all": []}
        )
        factories.make_earn_rule(
            wallet=money, code=f"r{number}", method="percent", segment=group
        )
        fact = OrderFact("pos", f"HD-{number}", mai.pk, now, Decimal(50_000))
        record([fact], at=now)

    buy_by_a_rule(0)
    before = num_queries(client, "/history/", wallet="cashback")
    for number in range(1, 5):
        buy_by_a_rule(number)
    assert num_queries(client, "/history/", wallet="cashback") == before
