"""The ledger in the console: to be read, searched and understood; never to be touched."""

from __future__ import annotations

from datetime import datetime, timedelta
from decimal import Decimal

import pytest
from django.test import Client
from django.urls import reverse

from activities.services import OrderFact
from flows.record import record
from members.models import Member
from points.models import EarnRule, Transfer, Wallet
from tests import factories
from tests.console import num_queries

LIST = reverse("admin:points_transfer_changelist")


@pytest.fixture
def wallet(db: None) -> Wallet:
    factories.make_programme()
    return factories.make_wallet(expiry_months=12)


@pytest.fixture
def rule(wallet: Wallet) -> EarnRule:
    return factories.make_earn_rule(wallet=wallet, name="Tích điểm")


def buy(member: Member, number: int, at: datetime) -> None:
    fact = OrderFact("pos", f"HD-{number}", member.pk, at, Decimal(50_000))
    record([fact], at=at)


def test_says_who_what_and_why(
    console: Client, mai: Member, rule: EarnRule, now: datetime
) -> None:
    buy(mai, 1, now)
    transfer = Transfer.objects.get()
    for address in (LIST, reverse("admin:points_transfer_change", args=[transfer.pk])):
        text = console.get(address).content.decode()
        for part in ("Nguyễn Thị Mai", "+5", "order HD-1", "Tích điểm, version 1"):
            assert part in text


@pytest.mark.parametrize("term", ["HD-1", "0912345678", "MAI"])
def test_finds_movements_by_order_phone_and_code(
    console: Client, mai: Member, binh: Member, rule: EarnRule, now: datetime, term: str
) -> None:
    buy(mai, 1, now)
    buy(binh, 2, now)
    text = console.get(LIST, {"q": term}).content.decode()
    assert "HD-1" in text
    assert "HD-2" not in text


def test_the_list_costs_the_same_for_ten_and_for_fifty(
    console: Client, mai: Member, rule: EarnRule, now: datetime
) -> None:
    for number in range(10):
        buy(mai, number, now + timedelta(minutes=number))
    ten = num_queries(console, LIST)
    for number in range(10, 50):
        buy(mai, number, now + timedelta(minutes=number))
    assert num_queries(console, LIST) == ten


def test_nobody_adds_changes_or_deletes_a_movement(
    console: Client, mai: Member, rule: EarnRule, now: datetime
) -> None:
    buy(mai, 1, now)
    transfer = Transfer.objects.get()
    change = reverse("admin:points_transfer_change", args=[transfer.pk])
    delete = reverse("admin:points_transfer_delete", args=[transfer.pk])
    assert console.post(change, {"amount": "1000"}).status_code == 403
    assert console.post(delete, {"post": "yes"}).status_code == 403
    assert console.get(reverse("admin:points_transfer_add")).status_code == 403
    action = {"action": "delete_selected", "_selected_action": transfer.pk, "post": "yes"}
    console.post(LIST, action)
    assert Transfer.objects.get().amount == 5


# --- earn rules -----------------------------------------------------------------------


def test_says_the_rule_that_is_being_written(console: Client, wallet: Wallet) -> None:
    address = reverse("admin:points_earnrule_sentence")
    data = {"points": "2", "amount": "15000", "rounding": "up", "wallet": wallet.pk}
    sentence = console.post(address, data).json()["sentence"]
    assert sentence.startswith("2 điểm for every 15.000 ₫")


def test_a_rule_half_written_still_has_a_sentence(console: Client, wallet: Wallet) -> None:
    address = reverse("admin:points_earnrule_sentence")
    response = console.post(address, {"points": "-3", "amount": "", "rounding": "?"})
    assert response.json()["sentence"].endswith(".")


def test_rules_are_switched_off_not_deleted(console: Client, rule: EarnRule) -> None:
    delete = reverse("admin:points_earnrule_delete", args=[rule.pk])
    assert console.post(delete, {"post": "yes"}).status_code == 403
    assert EarnRule.objects.filter(pk=rule.pk).exists()
