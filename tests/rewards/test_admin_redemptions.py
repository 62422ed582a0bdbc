"""Redemptions in the console: what came of each, cancelled with a word, paid at a till."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from activities.models import Store
from members.models import Member
from points.queries import balances
from rewards.codes import in_fours
from rewards.fulfilment import advance
from rewards.models import (
    Benefit,
    Booking,
    Fulfilment,
    Redemption,
    Reward,
    Slot,
    Voucher,
)
from rewards.services import redeem_reward
from tests import factories
from tests.console import allow, num_queries
from tests.points.helpers import assert_proved, give
from tests.rewards.helpers import make_benefit, make_reward, reread

LIST = "admin:rewards_redemption_changelist"
HOME = {
    "method": "delivery",
    "recipient": "Mai",
    "phone": "0912345678",
    "address": "12 Lê Lợi",
}


@pytest.fixture
def rich(mai: Member) -> Member:
    factories.make_programme()
    factories.make_wallet(unit_name="điểm")
    give(mai, 250, "opening", timezone.now())
    return mai


@pytest.fixture
def shop(db: None) -> Store:
    return Store.objects.create(code="q1", name="Quận 1")


def text(response: Any) -> str:
    return " ".join(response.content.decode().split())


def page(redemption: Redemption, name: str = "change") -> str:
    return reverse(f"admin:rewards_redemption_{name}", args=[redemption.pk])


def redeem(member: Member, reward: Reward, key: str = "k1", **wishes: Any) -> Redemption:
    return redeem_reward(
        member=member, reward=reward, key=key, at=timezone.now(), wishes=wishes
    )


def test_the_page_says_what_came_of_it(console: Client, rich: Member) -> None:
    redemption = redeem(rich, make_reward())
    voucher = Voucher.objects.get()

    shown = text(console.get(page(redemption)))

    assert "<dd>100 điểm</dd>" in shown
    assert f"Voucher {in_fours(voucher.code)}: 20% off drinks" in shown
    assert "Nguyễn Thị Mai</a> · MAI" in shown


def test_cancelling_says_what_goes_back_and_gives_it_back(
    console: Client, rich: Member
) -> None:
    reward = make_reward(stock=3)
    redemption = redeem(rich, reward)
    voucher = Voucher.objects.get()

    shown = text(console.get(page(redemption, "cancel")))
    assert "100 điểm go back to Nguyễn Thị Mai" in shown
    assert f"The voucher {in_fours(voucher.code)} can no longer be used." in shown
    assert "One more is in stock." in shown
    assert reread(redemption).state == "done"
    assert balances([rich.pk])[rich.pk] == 150

    unsaid = console.post(page(redemption, "cancel"), {"note": ""})
    assert "This field is required" in text(unsaid)
    console.post(page(redemption, "cancel"), {"note": "Wrong drink"})

    now = reread(redemption)
    assert (now.state, now.ended_by, now.end_note) == ("cancelled", "staff", "Wrong drink")
    assert balances([rich.pk])[rich.pk] == 250
    assert "staff · Wrong drink" in text(console.get(page(redemption)))
    assert page(redemption, "cancel") not in text(console.get(page(redemption)))
    assert_proved()


def test_a_used_voucher_is_a_refusal_before_the_click(
    console: Client, rich: Member
) -> None:
    redemption = redeem(rich, make_reward())
    Voucher.objects.update(uses=1)

    shown = text(console.get(page(redemption, "cancel")))

    assert "The voucher was used already." in shown
    assert "So it cannot be cancelled, and nothing changes." in shown
    response = console.post(page(redemption, "cancel"), {"note": "x"})
    assert "The voucher was used already." in text(response)
    assert reread(redemption).state == "done"
    assert balances([rich.pk])[rich.pk] == 150


@pytest.mark.parametrize(
    ("kind", "line"),
    [
        ("gift", "The gift is not handed over."),
        ("experience", "No time can be chosen any more."),
        ("points", "50 that were given are taken back."),
        ("donation", "The donation of 20.000 ₫ no longer counts."),
    ],
)
def test_each_kind_says_what_the_member_loses(
    console: Client, rich: Member, kind: str, line: str
) -> None:
    redemption = redeem(rich, make_reward(make_benefit(kind)))
    assert line in text(console.get(page(redemption, "cancel")))


def test_a_booked_time_is_named(console: Client, rich: Member) -> None:
    benefit = make_benefit("experience")
    begins = timezone.now() + timedelta(days=2)
    slot = Slot.objects.create(
        benefit=benefit, starts_at=begins, ends_at=begins + timedelta(hours=1), host="An"
    )
    redemption = redeem(rich, make_reward(benefit), slot_id=slot.pk)

    assert "The place on" in text(console.get(page(redemption, "cancel")))
    assert "· An" in text(console.get(page(redemption)))
    console.post(page(redemption, "cancel"), {"note": "ill"})
    assert Booking.objects.get().state == "cancelled"
    slot.refresh_from_db()
    assert slot.taken == 0


def test_money_is_paid_and_it_is_handed_over(
    console: Client, rich: Member, shop: Store
) -> None:
    redemption = redeem(rich, make_reward(price_amount=Decimal(20_000)))
    assert "to be paid until" in text(console.get(page(redemption)))
    assert "20.000 ₫" in text(console.get(page(redemption, "paid")))

    console.post(page(redemption, "paid"), {"store": shop.pk})

    paid = reread(redemption)
    assert (paid.state, paid.paid_to, paid.actor) == ("done", "Quận 1", "staff")
    assert Voucher.objects.count() == 1
    shown = text(console.get(page(redemption, "cancel")))
    assert "20.000 ₫ were paid in Quận 1: give them back there, by hand." in shown


def test_too_late_to_pay_is_said(console: Client, rich: Member, shop: Store) -> None:
    redemption = redeem(rich, make_reward(price_amount=Decimal(20_000)))
    Redemption.objects.update(pay_until=timezone.now() - timedelta(minutes=1))

    response = console.post(page(redemption, "paid"), {"store": shop.pk})

    assert "its time to pay is over" in text(response)
    assert not Voucher.objects.exists()


def test_the_list_is_searched_by_number_and_by_member(
    console: Client, rich: Member, binh: Member
) -> None:
    reward = make_reward(price_points=0)
    of_mai, of_binh = redeem(rich, reward), redeem(binh, reward, "k2")

    for term in (of_mai.code.lower(), "0912 345 678", "mai"):
        shown = text(console.get(reverse(LIST), {"q": term}))
        assert of_mai.code in shown
        assert of_binh.code not in shown


def test_the_list_asks_the_same_number_of_questions(
    console: Client, rich: Member, shop: Store
) -> None:
    rewards = [
        make_reward(make_benefit(kind), code=kind, price_points=1)
        for kind in ("voucher", "gift", "experience", "donation", "points")
    ]
    for number, reward in enumerate(rewards):
        redeem(rich, reward, f"k{number}", **(HOME if reward.code == "gift" else {}))
    few = num_queries(console, reverse(LIST))
    for number in range(20):
        redeem(rich, rewards[number % 5], f"m{number}")

    assert num_queries(console, reverse(LIST)) == few
    assert few <= 12


def test_the_member_page_tells_rewards_in_one_story(console: Client, rich: Member) -> None:
    redemption = redeem(rich, make_reward())
    gift = make_reward(make_benefit("gift"), code="cup", name="Ly sứ", price_points=10)
    redeem(rich, gift, "k2", **HOME)
    advance(list(Fulfilment.objects.all()), to="packed", by=None, at=timezone.now())

    shown = text(console.get(rich.get_absolute_url()))

    assert f"20% off drinks · {in_fours(Voucher.objects.get().code)}" in shown
    assert "<small>packed</small>" in shown
    assert "Redeemed: Free coffee" in shown
    # The points stand with the redemption, not a second time on a line of their own.
    assert shown.count("−100") == 2  # in the story, and under “why this many”
    console.post(page(redemption, "cancel"), {"note": "Wrong drink"})
    shown = text(console.get(rich.get_absolute_url()))
    assert "No voucher at the moment." in shown
    assert "Free coffee: cancelled" in shown


def test_the_member_page_asks_the_same_number_of_questions(
    console: Client, rich: Member
) -> None:
    reward, gift = (
        make_reward(price_points=1),
        make_reward(make_benefit("gift"), code="g", price_points=1),
    )
    redeem(rich, reward, "a")
    redeem(rich, gift, "b")
    few = num_queries(console, rich.get_absolute_url())
    for number in range(10):
        redeem(rich, (reward, gift)[number % 2], f"k{number}")

    assert num_queries(console, rich.get_absolute_url()) == few


def test_rewards_are_for_those_who_may_see_them(
    helper: User, helper_console: Client, rich: Member
) -> None:
    redemption = redeem(rich, make_reward())
    allow(helper, "view_member")

    assert "Can be used now" not in text(helper_console.get(rich.get_absolute_url()))
    assert helper_console.get(page(redemption)).status_code == 403


def test_looking_is_not_cancelling(
    helper: User, helper_console: Client, rich: Member, shop: Store
) -> None:
    redemption = redeem(rich, make_reward(price_amount=Decimal(5000)))
    allow(helper, "view_redemption")
    shown = text(helper_console.get(page(redemption)))
    assert page(redemption, "cancel") not in shown
    assert page(redemption, "paid") not in shown

    told = {"note": "x", "store": shop.pk}
    for name in ("cancel", "paid"):
        assert helper_console.post(page(redemption, name), told).status_code == 403
    assert reread(redemption).state == "unpaid"
    allow(helper, "cancel_redemption")
    client = Client()
    client.force_login(User.objects.get(pk=helper.pk))
    assert client.post(page(redemption, "cancel"), told).status_code == 302
    assert reread(redemption).state == "cancelled"
    assert Benefit.objects.count() == 1
