"""Refunds, deliveries, activities and paying with points, as a till does them."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from typing import Any

import pytest

from activities.models import ActivityType, Order, Refund
from members.models import Member
from points.models import Reservation, Transfer, Wallet
from points.queries import balances
from tests.api.conftest import Till, make_till
from tests.factories import make_earn_rule
from tests.points.helpers import assert_proved, give

REFUNDS = "/api/v1/refunds/"
RESERVATIONS = "/api/v1/reservations/"
A_REFUND = {"refund_id": "TH-1", "order_id": "HD-001", "member_id": "MAI", "total": "92500"}


@pytest.fixture
def pays(wallet: Wallet) -> Wallet:
    wallet.pays_at_till, wallet.pay_points, wallet.pay_value = True, 10, Decimal(1000)
    wallet.save()
    return wallet


def points(member: Member) -> int:
    return balances([member.pk])[member.pk]


def test_a_refund_takes_back_what_the_rest_would_not_earn(till: Till, mai: Member) -> None:
    till.order()

    answer = till.post(REFUNDS, A_REFUND, key="r")

    assert answer.status_code == 201, answer.content
    assert answer.json() == {
        "refund_id": "TH-1",
        "status": "recorded",
        "points_taken": 9,
        "points_short": 0,
        "points_returned": 0,
        "unmatched": "0.00",
        "balance": 9,
    }
    assert till.post(REFUNDS, A_REFUND, key="r").headers["Idempotency-Replayed"] == "true"
    again = till.post(REFUNDS, A_REFUND, key="r2")
    assert (again.status_code, again.json()["status"]) == (200, "known")
    assert points(mai) == 9
    assert_proved()


def test_the_same_refund_with_other_content_is_a_conflict(till: Till, mai: Member) -> None:
    till.order()
    till.post(REFUNDS, A_REFUND, key="r")

    answer = till.post(REFUNDS, {**A_REFUND, "total": "1000"}, key="r2")

    assert (answer.status_code, answer.json()["code"]) == (409, "conflict")
    assert Refund.objects.get().total == 92_500


@pytest.mark.parametrize(
    "change",
    [
        {"total": "-5"},
        {"member_id": "", "phone": ""},
        {"lines": [{"quantity": "-1", "total": "5"}]},
        {"unknown": 1},
        {"refunded_at": "yesterday"},
    ],
)
def test_a_refund_that_cannot_be_changes_nothing(
    till: Till, mai: Member, change: dict[str, Any]
) -> None:
    till.order()

    assert till.post(REFUNDS, {**A_REFUND, **change}, key="r").status_code == 400

    assert (points(mai), Refund.objects.count()) == (18, 0)


def test_another_system_does_not_give_back_my_orders(till: Till, mai: Member) -> None:
    till.order()

    answer = make_till("other").post(REFUNDS, A_REFUND, key="r")

    assert answer.json()["unmatched"] == "92500.00"
    assert points(mai) == 18


def test_cancelled_by_telling_it_again(till: Till, mai: Member) -> None:
    till.order()

    answer = till.order(key="second", status="cancelled")

    assert (answer.status_code, answer.json()["balance"]) == (200, 0)
    assert_proved()


def test_delivery_releases_what_waited_for_it(
    mai: Member, wallet: Wallet, now: datetime
) -> None:
    make_earn_rule(wallet=wallet, code="web", hold="delivery", hold_days=0)
    till = make_till()
    assert till.order().json()["balance"] == 18
    body = {"order_id": "HD-001"}

    answer = till.post("/api/v1/deliveries/", body, key="d")

    assert answer.json() == {"order_id": "HD-001", "points_released": 18}
    assert points(mai) == 36
    assert make_till("other").post("/api/v1/deliveries/", body, key="d").status_code == 404


def test_an_activity_earns_once(mai: Member, wallet: Wallet) -> None:
    review = ActivityType.objects.create(code="review", name="Đánh giá")
    make_earn_rule(
        wallet=wallet,
        code="review",
        trigger="activity",
        activity_type=review,
        method="fixed",
        points=20,
    )
    till = make_till()
    body = {
        "activity_id": "RV-1",
        "type": "review",
        "member_id": "MAI",
        "happened_at": "2026-03-02T12:00:00+07:00",
    }

    first = till.post("/api/v1/activities/", body, key="a")
    again = till.post("/api/v1/activities/", body, key="b")
    unknown = till.post("/api/v1/activities/", {**body, "type": "dance"}, key="c")

    assert (first.status_code, first.json()["points"]) == (201, 20)
    assert (again.status_code, again.json()["points"]) == (200, 0)
    assert (unknown.status_code, points(mai)) == (422, 20)


def test_points_pay_with_the_order(
    till: Till, mai: Member, pays: Wallet, now: datetime
) -> None:
    give(mai, 237, "start", now)
    ask = {"member_id": "MAI", "total": "185000"}
    offer = till.post("/api/v1/payments/quote/", ask).json()
    assert (offer["points"], offer["value"]) == (230, "23000.00")

    held = till.post(RESERVATIONS, {**ask, "reference": "HD-001", "points": 100}, key="h")
    assert (held.status_code, held.json()["value"]) == (201, "10000.00")
    assert points(mai) == 137
    # The till's own sum does not count: the server knows what was reserved.
    taken = till.order(reservation="HD-001", points_amount="99999")

    order = Order.objects.get()
    assert order.points_amount == 10_000
    # 175.000 ₫ of money earn 17.
    assert taken.json()["points"] == 17
    assert Reservation.objects.get().state == "captured"
    assert Transfer.objects.get(kind="capture").source_id == order.pk
    back = till.post(REFUNDS, {**A_REFUND, "total": "185000"}, key="r").json()
    assert (back["points_returned"], back["balance"]) == (100, 237)
    assert_proved()


def test_a_reservation_is_given_back_once(
    till: Till, mai: Member, pays: Wallet, now: datetime
) -> None:
    give(mai, 100, "start", now)
    body = {"member_id": "MAI", "total": "185000", "reference": "R1"}
    till.post(RESERVATIONS, body, key="h")
    assert till.post(RESERVATIONS, body, key="h2").json()["points"] == 100

    released = till.post(f"{RESERVATIONS}R1/release/", {}, key="x")

    assert (released.status_code, released.json()["state"]) == (200, "released")
    assert points(mai) == 100
    captured = till.post(f"{RESERVATIONS}R1/capture/", {}, key="y")
    assert (captured.status_code, captured.json()["code"]) == (409, "reservation_closed")
    assert make_till("other").get(f"{RESERVATIONS}R1/").status_code == 404
    assert till.get(f"{RESERVATIONS}R1/").json()["state"] == "released"


def test_nothing_to_pay_with_is_refused_with_a_reason(
    till: Till, mai: Member, pays: Wallet
) -> None:
    body = {"member_id": "MAI", "total": "185000", "reference": "R1"}

    answer = till.post(RESERVATIONS, body, key="h")

    assert answer.status_code == 422
    assert "10 points are needed" in answer.json()["detail"]
    assert not Reservation.objects.exists()


def test_a_reservation_of_somebody_else_does_not_pay(
    till: Till, mai: Member, binh: Member, pays: Wallet, now: datetime
) -> None:
    give(binh, 100, "start", now)
    body = {"member_id": "BINH", "total": "185000", "reference": "R1"}
    till.post(RESERVATIONS, body, key="h")

    assert till.order(reservation="R1").status_code == 404

    assert not Order.objects.exists()
    assert points(binh) == 0


def test_members_give_points_where_the_wallet_allows_it(
    till: Till, mai: Member, binh: Member, wallet: Wallet, now: datetime
) -> None:
    give(mai, 100, "start", now)
    body = {"gift_id": "G1", "from_member": "MAI", "to_member": "BINH", "points": 40}
    refused = till.post("/api/v1/gifts/", body, key="a")
    assert (refused.status_code, refused.json()["code"]) == (409, "gift_refused")
    Wallet.objects.update(transfers_allowed=True, transfer_fee_percent=10)

    given = till.post("/api/v1/gifts/", body, key="b")
    again = till.post("/api/v1/gifts/", body, key="c")

    assert given.json() == {"gift_id": "G1", "points": 40, "fee": 4, "balance": 56}
    assert again.json() == given.json()
    assert (points(mai), points(binh)) == (56, 40)
    assert_proved()
