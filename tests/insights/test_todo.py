"""What waits for staff stands on the first page, for those who may do it."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from core.approvals import request_change
from flows.roles import create_roles
from insights.todo import todo_for
from members.models import Member
from rewards.fulfilment import advance
from rewards.models import Fulfilment
from rewards.services import redeem_reward
from tests import factories
from tests.console import allow
from tests.rewards.helpers import make_benefit, make_reward

HOME = {
    "method": "delivery",
    "recipient": "Mai",
    "phone": "0912345678",
    "address": "12 Lê Lợi",
}


@pytest.fixture(autouse=True)
def waiting(mai: Member, staff: User) -> None:
    factories.make_programme()
    factories.make_wallet()
    at = timezone.now()
    cup = make_reward(make_benefit("gift"), price_points=0)
    bag = make_reward(cup.benefit, code="bag", price_points=0, price_amount=Decimal(9000))
    for number in range(3):
        redeem_reward(member=mai, reward=cup, key=f"k{number}", at=at, wishes=HOME)
    redeem_reward(member=mai, reward=cup, key="asked", at=at)
    redeem_reward(member=mai, reward=bag, key="unpaid", at=at)
    first = Fulfilment.objects.order_by("pk")[:1]
    Fulfilment.objects.filter(pk__in=first.values("pk")).update(
        changed_at=at - timedelta(days=4)
    )
    payload: dict[str, Any] = {}
    request_change(kind="give_benefit", payload=payload, summary="VIP", by=staff, at=at)


def titles(user: User) -> list[str]:
    return [todo.title for todo in todo_for(user, at=timezone.now())]


def test_it_stands_on_the_first_page(console: Client) -> None:
    page = console.get(reverse("admin:index")).content.decode()

    assert "3 gifts to hand over" in page
    assert "the oldest for 4 days" in page
    assert "1 redemption to be paid" in page
    assert "1 approval to decide" in page
    assert reverse("admin:rewards_fulfilment_board") in page


def test_what_is_done_is_gone(staff: User) -> None:
    rows = list(Fulfilment.objects.exclude(state="asked"))
    for step in ("packed", "shipped"):
        advance(rows, to=step, by=None, at=timezone.now())

    assert titles(staff) == ["1 redemption to be paid", "1 approval to decide"]


def test_each_sees_what_they_may_do(helper: User) -> None:
    assert titles(helper) == []
    allow(helper, "view_fulfilment")
    assert titles(User.objects.get(pk=helper.pk)) == ["3 gifts to hand over"]


@pytest.mark.parametrize(
    ("role", "may", "may_not"),
    [
        (
            "Marketing",
            [
                "rewards.add_reward",
                "rewards.delete_rewardlimit",
                "rewards.change_vouchertype",
                "rewards.give_benefit",
                "rewards.add_slot",
            ],
            [
                "rewards.cancel_redemption",
                "rewards.change_fulfilment",
                "rewards.export_fulfilment",
                "rewards.confirm_payment",
            ],
        ),
        (
            "Cửa hàng & CSKH",
            [
                "rewards.view_reward",
                "rewards.change_fulfilment",
                "rewards.export_fulfilment",
                "rewards.cancel_redemption",
                "rewards.confirm_payment",
                "rewards.give_benefit",
                "rewards.change_booking",
            ],
            ["rewards.change_reward", "rewards.change_benefit", "rewards.add_vouchertype"],
        ),
        (
            "Kế toán",
            ["rewards.view_redemption", "rewards.give_benefit"],
            ["rewards.change_reward", "rewards.cancel_redemption"],
        ),
    ],
)
def test_the_roles_share_the_work(
    helper: User, role: str, may: list[str], may_not: list[str]
) -> None:
    create_roles()
    helper.groups.set(helper.groups.model.objects.filter(name=role))
    person = User.objects.get(pk=helper.pk)

    assert [right for right in may if not person.has_perm(right)] == []
    assert [right for right in may_not if person.has_perm(right)] == []
