"""Rewards at the till's door: offers, redeeming, paying, cancelling."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from activities.models import Store
from members.models import Member
from points.models import Wallet
from points.queries import balances
from rewards.models import Fulfilment, Redemption, Reward, Voucher
from tests.api.conftest import Till, make_till, problem
from tests.points.helpers import assert_proved, give
from tests.rewards.helpers import limit, make_benefit, make_reward
from tests.rewards.using import make_type, use

OFFERS = "/api/v1/members/MAI/rewards/"
REDEEM = "/api/v1/members/MAI/redemptions/"
REDEMPTIONS = "/api/v1/redemptions/"


@pytest.fixture
def rich(mai: Member, wallet: Wallet) -> Member:
    give(mai, 250, "opening", timezone.now())
    return mai


def points(member: Member) -> int:
    return balances([member.pk])[member.pk]


def redeem(till: Till, key: str = "k", **body: Any) -> Any:
    return till.post(REDEEM, {"reward": "coffee", **body}, key=key)


def test_offers_say_what_is_missing(till: Till, rich: Member) -> None:
    benefit = make_benefit()
    make_reward(benefit, stock=5, description="Any size.")
    make_reward(benefit, code="bag", name="Bag", price_points=300, position=200)
    make_reward(benefit, code="hidden", is_active=False)

    offers = till.get(OFFERS).json()["offers"]

    assert offers[0] == {
        "reward": "coffee",
        "name": "Free coffee",
        "description": "Any size.",
        "terms": "",
        "category": "",
        "kind": "voucher",
        "wallet": None,
        "price_points": 100,
        "price_amount": "0.00",
        "because": "",
        "left": 5,
        "is_open": True,
        "missing": 0,
        "reason": "",
        "sentence": "",
    }
    assert [(o["reward"], o["is_open"], o["missing"], o["reason"]) for o in offers[1:]] == [
        ("bag", False, 50, "not_enough_points")
    ]
    assert till.get("/api/v1/members/NOBODY/rewards/").status_code == 404


def test_redeem_once_for_each_key(till: Till, rich: Member) -> None:
    make_reward(stock=5)

    first = redeem(till)
    again = redeem(till)
    other = redeem(till, "k2")

    assert first.status_code == 201, first.content
    body = first.json()
    voucher = Voucher.objects.order_by("pk")[0]
    assert body["vouchers"] == [
        {"code": voucher.code, "valid_from": None, "valid_until": None}
    ]
    told = {name: body[name] for name in ("member_id", "reward", "state", "points")}
    assert told == {"member_id": "MAI", "reward": "coffee", "state": "done", "points": 100}
    assert (body["pay_until"], body["amount"]) == (None, "0.00")
    assert again.content == first.content
    assert other.json()["number"] != body["number"]
    assert points(rich) == 50
    assert till.get(f"{REDEMPTIONS}{body['number'].lower()}/").json() == body
    assert_proved()


def test_the_key_outlives_its_answer(till: Till, rich: Member) -> None:
    """After thirty days the answer is forgotten, the redemption is not."""
    make_reward()
    first = redeem(till).json()
    till.till_key.requests.all().delete()

    assert redeem(till).json() == first
    assert points(rich) == 150


def test_tills_have_keys_of_their_own(till: Till, rich: Member) -> None:
    make_reward()
    redeem(till)
    redeem(make_till("app"))
    assert Redemption.objects.count() == 2


def test_what_cannot_be_had_takes_nothing(till: Till, rich: Member) -> None:
    reward = make_reward(price_points=251, stock=5)

    answer = redeem(till)

    assert answer.status_code == 409
    assert problem(answer)["code"] == "reward_unavailable"
    assert problem(answer)["extra"] == {"reason": "not_enough_points"}
    reward.refresh_from_db()
    assert (points(rich), reward.taken) == (250, 0)
    assert redeem(till, "k2", reward="tea").status_code == 404
    assert not Redemption.objects.exists()


@pytest.mark.parametrize(
    "change",
    [
        {"reward": ""},
        {"wishes": {"method": "drone"}},
        {"wishes": {"phone": "12"}},
        {"wishes": {"slot_id": 0}},
        {"wishes": []},
        {"price": 1},
    ],
)
def test_what_cannot_be_asked(till: Till, rich: Member, change: dict[str, Any]) -> None:
    make_reward()
    assert redeem(till, **change).status_code == 400
    assert points(rich) == 250


def test_a_gift_is_picked_up_in_a_store(till: Till, rich: Member) -> None:
    store = Store.objects.create(code="Q1", name="Quận 1")
    make_reward(make_benefit("gift"))
    wishes = {"method": "pick_up", "store": "Q1"}

    assert redeem(till, wishes={**wishes, "store": "Q9"}).status_code == 404
    answer = redeem(till, "k2", wishes=wishes)

    assert answer.status_code == 201, answer.content
    gift = Fulfilment.objects.get()
    assert (gift.store, gift.state) == (store, Fulfilment.State.NEW)


def test_money_first(till: Till, rich: Member) -> None:
    make_reward(price_amount=Decimal(50_000), stock=3)

    number = redeem(till).json()["number"]
    unpaid = till.get(f"{REDEMPTIONS}{number}/").json()
    assert (unpaid["state"], unpaid["amount"]) == ("unpaid", "50000.00")
    assert unpaid["pay_until"] is not None
    assert unpaid["vouchers"] == []

    path = f"{REDEMPTIONS}{number}/confirm-payment/"
    paid = till.post(path, {}, key="c")
    again = make_till("other").post(path, {}, key="c")

    assert (paid.status_code, paid.json()["state"]) == (200, "done")
    assert len(paid.json()["vouchers"]) == 1
    assert again.json() == paid.json()
    assert Redemption.objects.get().paid_to == "Till of pos"


def test_cancelling_gives_all_back(till: Till, rich: Member) -> None:
    reward = make_reward(stock=3)
    limit(reward, 1)
    number = redeem(till).json()["number"]
    path = f"{REDEMPTIONS}{number}/cancel/"

    cancelled = till.post(path, {"note": "Wrong reward"}, key="x")

    assert (cancelled.status_code, cancelled.json()["state"]) == (200, "cancelled")
    stored = Redemption.objects.get()
    assert (stored.end_note, stored.ended_by) == ("Wrong reward", "Till of pos")
    assert points(rich) == 250
    assert Reward.objects.get().taken == 0
    assert Voucher.objects.get().state == Voucher.State.CANCELLED
    confirmed = till.post(f"{REDEMPTIONS}{number}/confirm-payment/", {}, key="c")
    assert problem(confirmed)["code"] == "redemption_closed"
    assert_proved()


def test_what_was_used_is_not_cancelled(till: Till, rich: Member) -> None:
    make_reward(make_benefit(voucher_type=make_type()))
    number = redeem(till).json()["number"]
    use(Voucher.objects.get().code, rich, timezone.now())

    answer = till.post(f"{REDEMPTIONS}{number}/cancel/", {}, key="x")

    assert (answer.status_code, problem(answer)["code"]) == (409, "cannot_take_back")
    assert points(rich) == 150


def test_unknown_numbers(till: Till, rich: Member) -> None:
    assert till.get(f"{REDEMPTIONS}NOSUCH/").status_code == 404
    for verb in ("confirm-payment", "cancel"):
        answer = till.post(f"{REDEMPTIONS}NOSUCH/{verb}/", {}, key=verb)
        assert problem(answer)["code"] == "redemption_not_found"


def test_nobody_without_a_key(rich: Member) -> None:
    assert Client().get(OFFERS).status_code == 401
    assert Client().post(REDEEM, {}, content_type="application/json").status_code == 401


def test_query_budgets(till: Till, rich: Member) -> None:
    benefit = make_benefit()

    def queries() -> int:
        with CaptureQueriesContext(connection) as context:
            assert till.get(OFFERS).status_code == 200
        return len(context)

    make_reward(benefit)
    few = queries()
    for number in range(9):
        make_reward(benefit, code=f"r{number}")
    # The key, the member, rewards and their limits, wallets and balances, the zone.
    assert (few, queries()) == (8, 8)
    number = redeem(till).json()["number"]
    with CaptureQueriesContext(connection) as context:
        till.get(f"{REDEMPTIONS}{number}/")
    assert len(context) == 3
