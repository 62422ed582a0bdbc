"""Wallets and rules of money in the console: written, tried and explained as money."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from activities.models import Order
from activities.services import OrderFact
from core.clock import local_date
from core.models import Programme
from flows.record import record
from members.models import Member
from points.backtests import ask_back_test, findings, run_back_test
from points.models import EarnRule, Hold, Reservation, Transfer, Wallet
from points.rules import publish_rule
from points.services import adjust_points, reserve_points
from tests.console import form_data
from tests.factories import make_earn_rule, make_programme, make_wallet
from tests.tiers.helpers import make_ladder
from tiers.models import Tier

RULES = "points_earnrule"


@pytest.fixture
def points(db: None) -> Wallet:
    make_programme()
    return make_wallet()


@pytest.fixture
def money(points: Wallet) -> Wallet:
    return make_wallet(
        code="cashback",
        name="Ví hoàn tiền",
        kind="cashback",
        pays_at_till=True,
        pay_value=Decimal(1),
    )


@pytest.fixture
def back(money: Wallet) -> EarnRule:
    return make_earn_rule(
        wallet=money,
        code="back",
        name="Hoàn tiền",
        method="percent",
        percent=Decimal(5),
        order_limit=50_000,
    )


def page(console: Client, name: str, *args: Any, **query: Any) -> str:
    response = console.get(reverse(f"admin:{name}", args=args), query)
    assert response.status_code == 200
    return response.content.decode()


def change(model: str, pk: int) -> str:
    return reverse(f"admin:points_{model}_change", args=[pk])


def buy(member: Member, number: str, at: datetime, total: int) -> None:
    record([OrderFact("pos", number, member.pk, at, Decimal(total))], at=at)


# --- rules ------------------------------------------------------------------------------


def test_a_percent_is_written_and_published(
    console: Client, money: Wallet, mai: Member
) -> None:
    add = reverse(f"admin:{RULES}_add")
    data = {
        **form_data(console.get(add)),
        "name": "Hoàn 7,5%",
        "code": "back",
        "wallet": money.pk,
        "method": "percent",
        "percent": "7.5",
        "order_limit": "50000",
    }
    response = console.post(add, data)
    rule = EarnRule.objects.get()
    assert response.status_code == 302
    assert (rule.percent, rule.order_limit, rule.version) == (Decimal("7.5"), 50_000, 0)
    text = console.get(response.url).content.decode()
    assert "7,5 % of the amount back, round down, at most 50.000 ₫ for one order." in text
    console.post(response.url, {"counts": "now"})
    rule.refresh_from_db()
    assert rule.version == 1


@pytest.mark.parametrize(
    ("changed", "field", "sentence"),
    [
        ({"wallet": "points"}, "wallet", "choose a wallet that holds cashback"),
        ({"percent": "0"}, "percent", "greater than or equal to 0.01"),
        ({"percent": "100.5"}, "percent", "less than or equal to 100"),
        ({"percent": "5.125"}, "percent", "no more than 2 decimal places"),
        ({"percent": ""}, "percent", "required"),
        ({"order_limit": "0"}, "order_limit", "greater than or equal to 1"),
    ],
)
def test_what_makes_no_sense_is_refused_at_its_field(
    console: Client,
    back: EarnRule,
    changed: dict[str, str],
    field: str,
    sentence: str,
) -> None:
    address = change("earnrule", back.pk)
    if "wallet" in changed:
        changed = {"wallet": str(Wallet.objects.get(code="points").pk)}
    response = console.post(address, {**form_data(console.get(address)), **changed})
    errors = response.context["adminform"].form.errors
    assert set(errors) == {field}
    assert sentence in str(errors[field])
    stored = EarnRule.objects.get(pk=back.pk)
    assert (stored.wallet, stored.percent, stored.order_limit) == (back.wallet, 5, 50_000)


def test_the_sentence_follows_what_is_typed(console: Client, back: EarnRule) -> None:
    data = form_data(console.get(change("earnrule", back.pk)))
    typed = {**data, "percent": "3", "order_limit": "", "rounding": "half_up"}
    answer = console.post(reverse("admin:points_earnrule_sentence"), typed).json()
    assert answer["sentence"] == "3 % of the amount back, round half up."


def test_a_basket_is_tried_in_money(
    console: Client, points: Wallet, back: EarnRule
) -> None:
    make_earn_rule(wallet=points)
    query = {"total": "1234567", "line-TOTAL_FORMS": 0, "line-INITIAL_FORMS": 0}
    text = page(console, "points_simulator", **query)
    assert "5 % of 1.234.567 ₫: 61.728,35 ₫, round down." in text
    assert "At most 50.000 ₫ for one order." in text
    assert '<p class="console-figure">50.000 ₫</p>' in text
    assert '<p class="console-figure">123 <small>điểm</small></p>' in text
    assert '<span class="is-number">+50.000 ₫</span>' in text
    assert not Transfer.objects.exists()


def test_an_order_explains_its_money(
    console: Client, mai: Member, back: EarnRule, now: datetime
) -> None:
    buy(mai, "A", now, 400_000)
    order = Order.objects.get()
    text = page(console, "points_explain", order.pk)
    assert "5 % of 400.000 ₫: 20.000 ₫, round down." in text
    assert "The ledger gave exactly this." in text
    EarnRule.objects.update(is_active=False)
    text = page(console, "points_explain", order.pk)
    assert "gave 20.000" in text


def test_drafts_are_tested_on_past_orders_in_money(
    mai: Member, back: EarnRule, now: datetime
) -> None:
    buy(mai, "A", now, 400_000)
    buy(mai, "B", now, 2_000_000)
    EarnRule.objects.update(percent=Decimal("2.5"))
    day = local_date(now)
    test = ask_back_test(first_day=day, last_day=day, at=now)
    run_back_test(test.pk)
    test.refresh_from_db()

    (told,) = test.result["wallets"]
    # 20.000 ₫ and the limit of 50.000 ₫; with the draft 10.000 ₫ and 50.000 ₫.
    assert told["points"] == [70_000, 60_000, 70_000]
    assert findings.finding_of(test) == [
        "With the drafts, 1 member would get less: 10.000 ₫ less "
        "from 02/03/2026 to 02/03/2026."
    ]
    (tested,) = findings.tested_rules(test)
    assert tested.before.startswith("5 % of the amount back")
    assert tested.after.startswith("2,5 % of the amount back")


def test_the_result_of_a_test_shows_money(
    console: Client, mai: Member, back: EarnRule, now: datetime
) -> None:
    buy(mai, "A", now, 400_000)
    EarnRule.objects.update(percent=Decimal(10))
    day = local_date(now)
    test = ask_back_test(first_day=day, last_day=day, at=now)
    run_back_test(test.pk)

    text = page(console, "points_back_test", test.pk)

    assert '<span class="console-gain">+20.000 ₫</span>' in text
    assert "40.000 ₫ instead of 20.000 ₫ (+100,0 %)" in text
    assert "Difference in money" in text
    assert "Cost of the difference" not in text


# --- wallets ----------------------------------------------------------------------------


def test_money_that_pays_needs_no_price(console: Client, points: Wallet) -> None:
    add = reverse("admin:points_wallet_add")
    data = {
        **form_data(console.get(add)),
        "name": "Ví hoàn tiền",
        "code": "cashback",
        "kind": "cashback",
        "pays_at_till": "on",
        "pay_points": "1000",
    }
    response = console.post(add, {**data, "pay_value": "900"})
    errors = response.context["adminform"].form.errors
    assert errors == {"pay_value": ["Cashback pays what it is: this block is 1.000 ₫."]}
    assert console.post(add, {**data, "pay_value": "0"}).status_code == 302
    wallet = Wallet.objects.get(code="cashback")
    assert (wallet.pay_points, wallet.pay_value) == (1000, 1000)


def test_staff_make_a_wallet_of_spins(console: Client, points: Wallet) -> None:
    add = reverse("admin:points_wallet_add")
    data = form_data(console.get(add))
    told = {"name": "Lượt quay", "code": "spins", "kind": "spins", "unit_name": "lượt"}
    assert console.post(add, {**data, **told}).status_code == 302
    wallet = Wallet.objects.get(code="spins")
    assert (wallet.kind, wallet.unit_name, wallet.pays_at_till) == ("spins", "lượt", False)
    text = page(console, "points_wallet_changelist")
    assert "spins, for games" in text


def test_what_a_used_wallet_holds_never_changes(
    console: Client, mai: Member, money: Wallet, now: datetime
) -> None:
    address = change("wallet", money.pk)
    unused = form_data(console.get(address))
    assert unused["kind"] == "cashback"
    adjust_points(member=mai, amount=5, key="k", at=now, note="n", actor="t", wallet=money)
    data = form_data(console.get(address))
    assert "kind" not in data
    assert console.post(address, {**data, "kind": "points"}).status_code == 302
    money.refresh_from_db()
    assert money.kind == "cashback"


def test_the_list_says_money_and_what_it_pays(console: Client, money: Wallet) -> None:
    text = page(console, "points_wallet_changelist")
    assert "pays what it is" in text
    assert "never expires" in text
    assert ">₫<" in text


# --- the ledger -------------------------------------------------------------------------


def test_the_ledger_writes_each_wallet_as_what_it_is(
    console: Client, mai: Member, points: Wallet, money: Wallet, now: datetime
) -> None:
    spins = make_wallet(code="spins", name="Lượt quay", kind="spins", unit_name="lượt")
    for wallet, amount in ((points, 12), (money, 45_000), (money, -1000), (spins, 3)):
        key = f"{wallet.code}{amount}"
        adjust_points(
            member=mai, amount=amount, key=key, at=now, note="n", actor="t", wallet=wallet
        )
    text = page(console, "points_transfer_changelist")
    for shown in ("+12", "+45.000 ₫", "−1.000 ₫", "+3 lượt"):
        assert f">{shown}</span>" in text
    transfer = Transfer.objects.get(key="cashback-1000")
    text = page(console, "points_transfer_change", transfer.pk)
    assert "Nguyễn Thị Mai · −1.000 ₫" in text
    assert "−1.000 ₫" in text


def test_between_two_accounts_of_the_programme_nobody_gains(
    console: Client, mai: Member, back: EarnRule, now: datetime
) -> None:
    EarnRule.objects.update(hold="days", hold_days=7)
    publish_rule(EarnRule.objects.get(), at=now, for_all_time=True)
    buy(mai, "A", now, 400_000)
    text = page(console, "points_transfer_changelist")
    assert "20.000 ₫" in text
    assert "−20.000 ₫" not in text
    hold = Hold.objects.get()
    assert "20.000 ₫" in page(console, "points_hold_change", hold.pk)
    assert "20.000 ₫" in page(console, "points_hold_changelist")


def test_a_reservation_of_money(
    console: Client, mai: Member, money: Wallet, now: datetime
) -> None:
    adjust_points(
        member=mai, amount=90_000, key="k", at=now, note="n", actor="t", wallet=money
    )
    reserve_points(
        member=mai, amount=60_000, value=Decimal(60_000), source="pos", reference="R",
        wallet=money, at=now,
    )  # fmt: skip
    one = Reservation.objects.get()
    assert "60.000 ₫" in page(console, "points_reservation_changelist")
    assert "60.000 ₫" in page(console, "points_reservation_change", one.pk)


# --- more for a tier --------------------------------------------------------------------


def test_with_two_wallets_a_tier_asks_which(
    console: Client, points: Wallet, money: Wallet
) -> None:
    make_ladder()
    gold = Tier.objects.get(code="gold")
    address = reverse("admin:tiers_tier_multiplier", args=[gold.pk])
    text = console.get(address).content.decode()
    assert "What should members of Gold get more of?" in text
    assert not EarnRule.objects.exists()

    console.get(address, {"wallet": "cashback"})
    console.get(address, {"wallet": "cashback"})
    rule = EarnRule.objects.get()
    assert (rule.wallet, rule.name, rule.version) == (
        money,
        "More cashback for Gold",
        0,
    )
    console.get(address, {"wallet": "points"})
    assert EarnRule.objects.filter(wallet=points).count() == 1


def test_the_books_of_a_wallet_of_money(
    console: Client, mai: Member, money: Wallet
) -> None:
    now = timezone.now()
    adjust_points(
        member=mai, amount=45_000, key="k", at=now, note="n", actor="t", wallet=money
    )
    books = reverse("admin:points_daytotal_changelist")
    day = f"{local_date(now):%Y-%m-%d}"
    query = {"wallet_code": "cashback", "first_day": day, "last_day": day}
    response = console.get(books, query)
    assert response.context["figures"][0].value == "45.000 ₫"
    assert response.context["finding"] == (
        "Members hold 45.000 ₫ more: 45.000 ₫ came, 0 ₫ went"
    )
    assert response.context["lines"][0].cells[0] == "0"
    Programme.objects.update(currency="USD")
    assert console.get(books, query).context["figures"][0].value == "450,00 $"
