"""Rules in the console: written as a draft, tried, published, explained."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.urls import reverse

from activities.models import Order
from activities.services import OrderFact
from flows.record import record
from members.models import Member
from points.models import EarnBand, EarnCap, EarnRule, Transfer, Wallet
from points.rules import unpublished_changes
from tests.console import form_data
from tests.factories import make_earn_rule, make_wallet


@pytest.fixture
def console(client: Client, staff: User) -> Client:
    client.force_login(staff)
    client.defaults["HTTP_ACCEPT_LANGUAGE"] = "en"
    return client


@pytest.fixture
def wallet(db: None) -> Wallet:
    return make_wallet()


@pytest.fixture
def rule(wallet: Wallet) -> EarnRule:
    return make_earn_rule(wallet=wallet)


def page(console: Client, name: str, *args: Any, **query: Any) -> str:
    response = console.get(reverse(f"admin:{name}", args=args), query)
    assert response.status_code == 200
    return response.content.decode()


def test_saving_changes_the_draft_only(console: Client, rule: EarnRule) -> None:
    address = reverse("admin:points_earnrule_change", args=[rule.pk])
    data = form_data(console.get(address))
    assert data["amount"] == "10000"

    response = console.post(
        address, {**data, "amount": "20000", "categories": "trà, cà phê\nbánh"}
    )

    assert response.status_code == 302, response.context["errors"]
    rule.refresh_from_db()
    assert (rule.amount, rule.version) == (Decimal(20000), 1)
    assert rule.categories == ["trà", "cà phê", "bánh"]
    assert set(unpublished_changes(rule)) == {"amount", "categories"}
    assert "changes not published" in page(console, "points_earnrule_changelist")


def test_publishing_says_what_changes_and_does_it(console: Client, rule: EarnRule) -> None:
    EarnRule.objects.update(points=3)

    text = page(console, "points_earnrule_publish", rule.pk)
    assert "1 điểm for every 10.000 ₫" in text
    assert "3 điểm for every 10.000 ₫" in text
    address = reverse("admin:points_earnrule_publish", args=[rule.pk])
    assert console.post(address, {"counts": "now"}).status_code == 302

    rule.refresh_from_db()
    assert rule.version == 2
    assert rule.versions.first().published_by == "staff"  # type: ignore[union-attr]


def test_discarding_asks_first(console: Client, rule: EarnRule) -> None:
    EarnRule.objects.update(points=3)
    address = reverse("admin:points_earnrule_discard", args=[rule.pk])
    assert "Discard the changes" in console.get(address).content.decode()

    console.post(address)

    rule.refresh_from_db()
    assert rule.points == 1


def test_what_cannot_work_is_not_published(console: Client, rule: EarnRule) -> None:
    EarnRule.objects.update(method="bands")
    address = reverse("admin:points_earnrule_publish", args=[rule.pk])

    assert "Fill in at least one band." in console.get(address).content.decode()
    console.post(address, {"counts": "now"})

    assert rule.versions.count() == 1


def test_without_the_right_nobody_publishes(
    client: Client, rule: EarnRule, wallet: Wallet
) -> None:
    clerk = User.objects.create_user("clerk", password="x", is_staff=True)
    client.force_login(clerk)
    address = reverse("admin:points_earnrule_publish", args=[rule.pk])

    assert client.get(address).status_code == 403
    assert client.post(address, {"counts": "now"}).status_code == 403


def test_a_new_rule_leads_to_publishing(console: Client, wallet: Wallet) -> None:
    address = reverse("admin:points_earnrule_add")
    data = form_data(console.get(address))

    response = console.post(address, {**data, "name": "Mới", "code": "moi"})

    made = EarnRule.objects.get()
    assert response.url == reverse("admin:points_earnrule_publish", args=[made.pk])
    assert made.version == 0


def test_the_simulator_names_every_rule(console: Client, wallet: Wallet) -> None:
    make_earn_rule(wallet=wallet)
    make_earn_rule(
        wallet=wallet, code="tea", name="Trà", scope="lines", categories=["trà"], points=2
    )
    empty = {
        f"line-{n}-{name}": ""
        for n in range(4)
        for name in ("sku", "category", "brand", "quantity", "total")
    }
    forms = {"line-TOTAL_FORMS": 4, "line-INITIAL_FORMS": 0}
    query = {**empty, **forms, "total": "", "line-0-category": "Trà"}
    text = page(
        console, "points_simulator", **{**query, "line-0-total": "50000"}, member=""
    )

    assert "1 for each 10.000 ₫ of 50.000 ₫: 5, round down." in text
    assert "2 for each 10.000 ₫ of 50.000 ₫: 10, round down." in text
    other = {**query, "line-0-category": "Bánh", "line-0-total": "50000"}
    text = page(console, "points_simulator", **other, member="")
    assert "None of the products of the rule was bought." in text
    assert not Transfer.objects.exists()


def test_the_simulator_can_try_drafts(console: Client, rule: EarnRule) -> None:
    EarnRule.objects.update(points=7)
    query = {"total": "10000", "line-TOTAL_FORMS": 0, "line-INITIAL_FORMS": 0}

    assert "7 for each" not in page(console, "points_simulator", **query)
    assert "7 for each" in page(console, "points_simulator", **query, with_drafts="on")


def test_an_order_explains_its_points(
    console: Client, mai: Member, rule: EarnRule, now: datetime
) -> None:
    EarnCap.objects.create(rule=rule, limit=3, unit="points", period="day")
    EarnBand.objects.all().delete()
    from points.rules import publish_rule

    publish_rule(rule, at=now, for_all_time=True)
    record([OrderFact("till", "A", mai.pk, now, Decimal(50_000))], at=now)
    order = Order.objects.get()

    text = page(console, "points_explain", order.pk)

    assert "1 for each 10.000 ₫ of 50.000 ₫: 5, round down." in text
    assert "“Tích điểm” gave 3 of 5: its limit was reached." in text
    link = reverse("admin:points_explain", args=[order.pk])
    assert link in page(console, "activities_order_change", order.pk)


def test_the_list_costs_the_same_for_many_rules(
    console: Client, wallet: Wallet, django_assert_max_num_queries: Any
) -> None:
    for number in range(8):
        make_earn_rule(wallet=wallet, code=f"r{number}")
    with django_assert_max_num_queries(22):
        page(console, "points_earnrule_changelist")


@pytest.mark.parametrize(
    "name",
    [
        "points_wallet_changelist",
        "points_funder_changelist",
        "points_hold_changelist",
        "points_reservation_changelist",
        "activities_refund_changelist",
        "activities_product_changelist",
        "activities_activitytype_changelist",
        "activities_activity_changelist",
        "core_holiday_changelist",
        "core_changerequest_changelist",
        "points_wallet_add",
        "points_funder_add",
        "activities_product_add",
        "activities_activitytype_add",
        "core_holiday_add",
    ],
)
def test_every_page_opens(console: Client, wallet: Wallet, name: str) -> None:
    page(console, name)


def test_a_wallet_that_makes_no_sense_is_refused(console: Client, wallet: Wallet) -> None:
    address = reverse("admin:points_wallet_change", args=[wallet.pk])
    data = form_data(console.get(address))

    response = console.post(
        address, {**data, "expiry_policy": "rolling", "pays_at_till": "on"}
    )

    errors = response.context["adminform"].form.errors
    assert set(errors) == {"expiry_months", "pay_value"}
    wallet.refresh_from_db()
    assert wallet.expiry_policy == "never"


def test_switching_expiry_on_is_dated(console: Client, wallet: Wallet) -> None:
    address = reverse("admin:points_wallet_change", args=[wallet.pk])
    data = form_data(console.get(address))

    console.post(address, {**data, "expiry_policy": "rolling", "expiry_months": "12"})

    wallet.refresh_from_db()
    assert wallet.expiry_since is not None
