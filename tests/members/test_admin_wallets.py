"""A member's wallets beside the points, for staff: money as money, spins counted."""

from __future__ import annotations

import json
import re
from datetime import datetime, timedelta
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from core.clock import local_date
from core.models import ChangeRequest, Programme
from members.models import Member
from points.models import Transfer, Wallet
from points.queries import balances
from points.services import Grant, adjust_points, grant_points, spend_points
from tests import factories
from tests.points.helpers import assert_proved, give, hold


@pytest.fixture
def points(db: None) -> Wallet:
    factories.make_programme()
    return factories.make_wallet()


@pytest.fixture
def money(points: Wallet) -> Wallet:
    return factories.make_wallet(code="cashback", name="Ví hoàn tiền", kind="cashback")


@pytest.fixture
def spins(points: Wallet) -> Wallet:
    return factories.make_wallet(
        code="spins", name="Lượt quay", kind="spins", unit_name="lượt"
    )


@pytest.fixture
def rich(mai: Member, money: Wallet, spins: Wallet) -> Member:
    """Mai has 100 points, 1.250.000 ₫ (45.000 ₫ of it nine days more) and 3 spins."""
    now = timezone.now()
    give(mai, 100, "start", now)
    for wallet, amount in ((money, 1_205_000), (spins, 3)):
        adjust_points(
            member=mai, amount=amount, key=wallet.code, at=now, note="start", actor="t",
            wallet=wallet,
        )  # fmt: skip
    soon = local_date(now) + timedelta(days=9)
    grant_points(grants=[Grant(mai.pk, 45_000, "soon", soon)], at=now, wallet=money)
    hold(mai, 9250, "held", now, wallet=money, matures_on=soon)
    return mai


def adjust(member: Member) -> str:
    return reverse("admin:members_member_adjust", args=[member.pk])


def by_hand(wallet: Wallet, points: int, *, direction: str = "give") -> dict[str, Any]:
    return {
        "key": f"k{points}{direction}",
        "direction": direction,
        "points": str(points),
        "wallet": str(wallet.pk),
        "reason": "goodwill",
        "note": "Xin lỗi",
    }


def has(member: Member, wallet: Wallet) -> int:
    return balances([member.pk], wallet=wallet)[member.pk]


# --- the page of a member ---------------------------------------------------------------


def test_every_wallet_is_written_as_what_it_is(console: Client, rich: Member) -> None:
    response = console.get(rich.get_absolute_url())
    page = response.context["page"]
    assert page.balance == "100"
    lines = {one["line"].wallet.code: one for one in page.other_wallets}
    assert lines["cashback"]["line"].amount == "1.250.000 ₫"
    assert lines["cashback"]["line"].waiting == "9.250 ₫ not usable yet"
    assert lines["cashback"]["soon"].startswith("45.000 ₫ expire after ")
    assert lines["cashback"]["soon"].endswith("(in 9 days)")
    assert (lines["spins"]["line"].amount, lines["spins"]["soon"]) == ("3 lượt", "")
    text = response.content.decode()
    assert "1.250.000 ₫" in text
    assert ">+45.000 ₫<" in text
    assert "Opening balance · Ví hoàn tiền" in text


def test_where_money_is_all_there_is_it_stands_first(console: Client, mai: Member) -> None:
    factories.make_programme()
    money = factories.make_wallet(code="cashback", name="Ví", kind="cashback")
    adjust_points(
        member=mai, amount=61_728, key="k", at=timezone.now(), note="n", actor="t",
        wallet=money,
    )  # fmt: skip
    page = console.get(mai.get_absolute_url()).context["page"]
    assert (page.balance, page.other_wallets) == ("61.728 ₫", [])
    assert str(page.ledger[0]["amount"]) == '<span class="console-gain">+61.728 ₫</span>'
    listed = console.get(reverse("admin:members_member_changelist")).content.decode()
    assert "61.728 ₫" in listed


def test_before_set_up_there_is_nothing_to_show(console: Client, mai: Member) -> None:
    page = console.get(mai.get_absolute_url()).context["page"]
    assert (page.balance, page.other_wallets, page.ledger) == ("0", [], [])


# --- by hand ----------------------------------------------------------------------------


def test_the_form_knows_the_balance_of_each_wallet(
    console: Client, rich: Member, money: Wallet, spins: Wallet, points: Wallet
) -> None:
    Wallet.objects.filter(pk=money.pk).update(approval_above=500_000)
    text = console.get(adjust(rich)).content.decode()
    found = re.search(r'id="wallets" type="application/json">(.*?)</script>', text)
    assert found is not None
    told = json.loads(found[1])
    assert told[str(money.pk)] == {
        "balance": 1_250_000,
        "shown": "1.250.000 ₫",
        "unit": "₫",
        "decimals": 0,
        "approval": ("Above 500.000 ₫ a day, a second person has to approve it first."),
    }
    assert told[str(spins.pk)]["shown"] == "3 lượt"
    assert told[str(points.pk)]["approval"] == ""
    assert "<b data-before>100 điểm</b>" in text


def test_spins_are_given_and_taken_by_hand(
    console: Client, rich: Member, spins: Wallet, points: Wallet
) -> None:
    response = console.post(adjust(rich), by_hand(spins, 5), follow=True)
    assert "Done: +5 lượt. The balance is now 8 lượt." in response.content.decode()
    console.post(adjust(rich), by_hand(spins, 2, direction="take"))
    assert (has(rich, spins), has(rich, points)) == (6, 100)

    refused = console.post(adjust(rich), by_hand(spins, 7, direction="take"))
    assert "7 lượt are needed; the balance is 6 lượt." in refused.content.decode()
    assert has(rich, spins) == 6
    assert_proved()


def test_money_is_given_and_refused_as_money(
    console: Client, rich: Member, money: Wallet
) -> None:
    response = console.post(adjust(rich), by_hand(money, 25_000), follow=True)
    assert "Done: +25.000 ₫. The balance is now 1.275.000 ₫." in response.content.decode()
    refused = console.post(adjust(rich), by_hand(money, 2_000_000, direction="take"))
    text = refused.content.decode()
    assert "2.000.000 ₫ are needed; the balance is 1.275.000 ₫." in text
    assert has(rich, money) == 1_275_000


def test_much_money_waits_for_a_second_person(
    console: Client, rich: Member, money: Wallet
) -> None:
    Wallet.objects.filter(pk=money.pk).update(approval_above=500_000)
    console.post(adjust(rich), by_hand(money, 500_001))
    request = ChangeRequest.objects.get()
    assert request.summary == "+500.001 ₫ for Nguyễn Thị Mai: Xin lỗi"
    assert has(rich, money) == 1_250_000


def test_cents_are_told_as_such(
    console: Client, mai: Member, money: Wallet, now: datetime
) -> None:
    Programme.objects.update(currency="USD")
    response = console.post(adjust(mai), by_hand(money, 1050), follow=True)
    assert "Done: +10,50 $. The balance is now 10,50 $." in response.content.decode()


# --- spins for what gives and takes them ------------------------------------------------


def test_spins_are_given_with_a_last_day_and_taken_by_a_game(
    mai: Member, points: Wallet, spins: Wallet, now: datetime
) -> None:
    today = local_date(now)
    grants = [Grant(mai.pk, 2, "day-1", today), Grant(mai.pk, 3, "gift")]
    assert grant_points(grants=grants, at=now, wallet=spins) == 5
    assert grant_points(grants=grants, at=now, wallet=spins) == 0

    for turn in range(4):
        spend_points(member=mai, amount=1, key=f"spin:{turn}", at=now, wallet=spins)

    assert (has(mai, spins), has(mai, points)) == (1, 0)
    assert Transfer.objects.filter(kind="spend").count() == 4
    assert_proved()
