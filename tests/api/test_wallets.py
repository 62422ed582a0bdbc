"""Paying from a named wallet, and from two at once, as a till does it."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from decimal import Decimal
from typing import Any

import pytest

from activities.models import Order
from members.models import Member
from points.models import Lot, Reservation, Transfer, Wallet
from points.queries import balances
from points.services import adjust_points
from tests.api.conftest import MEMBERS, Till, make_till
from tests.factories import make_earn_rule, make_wallet
from tests.points.helpers import assert_proved, give

QUOTE = "/api/v1/payments/quote/"
REFUNDS = "/api/v1/refunds/"
RESERVATIONS = "/api/v1/reservations/"
ASK = {"member_id": "MAI", "total": "185000"}


@pytest.fixture
def money(wallet: Wallet) -> Wallet:
    """A wallet of money beside the points; ten points pay 1.000 ₫."""
    wallet.pays_at_till, wallet.pay_points, wallet.pay_value = True, 10, Decimal(1000)
    wallet.save()
    return make_wallet(
        code="cashback",
        name="Ví hoàn tiền",
        kind="cashback",
        pays_at_till=True,
        pay_value=Decimal(1),
    )


@pytest.fixture
def rich(mai: Member, money: Wallet, now: datetime) -> Member:
    """Mai has 500 points and 120.000 ₫."""
    give(mai, 500, "start", now)
    adjust_points(
        member=mai,
        amount=120_000,
        key="gift",
        at=now,
        note="Quà",
        actor="lan",
        wallet=money,
    )
    return mai


@pytest.fixture(autouse=True)
def _proved(db: None) -> Iterator[None]:
    yield
    assert_proved()


def has(member: Member, wallet: Wallet) -> int:
    return balances([member.pk], wallet=wallet)[member.pk]


def hold(till: Till, reference: str, **told: Any) -> Any:
    body = {**ASK, "reference": reference, **told}
    return till.post(RESERVATIONS, body, key=f"hold-{reference}-{len(told)}")


def test_a_quote_is_of_the_wallet_that_is_named(
    till: Till, rich: Member, money: Wallet
) -> None:
    by_points = till.post(QUOTE, ASK).json()
    by_money = till.post(QUOTE, {**ASK, "wallet": "cashback"}).json()

    assert (by_points["points"], by_points["value"]) == (500, "50000.00")
    assert (by_money["points"], by_money["value"]) == (120_000, "120000.00")
    assert (by_money["usable"], by_money["reason"]) == (120_000, "")


@pytest.mark.parametrize("door", [QUOTE, RESERVATIONS])
def test_an_unknown_wallet_is_named(till: Till, rich: Member, door: str) -> None:
    body = {**ASK, "wallet": "gold"}
    if door == RESERVATIONS:
        body["reference"] = "R"

    answer = till.post(door, body, key="k")

    assert (answer.status_code, answer.json()["code"]) == (404, "wallet_not_found")
    assert "“gold”" in answer.json()["detail"]
    assert not Reservation.objects.exists()


def test_a_wallet_that_is_switched_off_is_unknown(
    till: Till, rich: Member, money: Wallet
) -> None:
    Wallet.objects.filter(pk=money.pk).update(is_active=False)
    assert hold(till, "R", wallet="cashback").status_code == 404


def test_what_money_cannot_pay_is_said_as_money(
    till: Till, rich: Member, money: Wallet
) -> None:
    Wallet.objects.filter(pk=money.pk).update(pay_minimum=200_000)

    answer = hold(till, "R", wallet="cashback")

    assert answer.status_code == 422
    assert "200.000 ₫ are needed to pay; 120.000 ₫ can be used." in answer.json()["detail"]


def test_money_is_reserved_captured_in_part_and_released(
    till: Till, rich: Member, money: Wallet, wallet: Wallet
) -> None:
    held = hold(till, "R", wallet="cashback", points=80_000).json()
    assert (held["wallet"], held["points"], held["value"]) == (
        "cashback",
        80_000,
        "80000.00",
    )
    assert (has(rich, money), has(rich, wallet)) == (40_000, 500)

    spent = till.post(f"{RESERVATIONS}R/capture/", {"points": 30_000}, key="c").json()
    assert (spent["wallet"], spent["state"], spent["spent"]) == (
        "cashback",
        "captured",
        30_000,
    )
    assert has(rich, money) == 90_000

    hold(till, "R2", wallet="cashback")
    assert has(rich, money) == 0
    till.post(f"{RESERVATIONS}R2/release/", {}, key="r")
    assert (has(rich, money), has(rich, wallet)) == (90_000, 500)


def test_one_reference_is_of_one_wallet(till: Till, rich: Member, money: Wallet) -> None:
    first = hold(till, "R")
    again = till.post(RESERVATIONS, {**ASK, "reference": "R"}, key="again")
    other = hold(till, "R", wallet="cashback")

    assert again.json() == first.json()
    assert (other.status_code, other.json()["code"]) == (409, "key_reused")
    assert has(rich, money) == 120_000


def test_the_second_wallet_pays_what_the_first_leaves(
    till: Till, rich: Member, money: Wallet
) -> None:
    hold(till, "P")

    alone = till.post(QUOTE, {**ASK, "wallet": "cashback", "total": "100000"}).json()
    beside = till.post(
        QUOTE, {**ASK, "wallet": "cashback", "total": "100000", "beside": ["P"]}
    ).json()

    # 50.000 ₫ are paid with points already.
    assert (alone["points"], beside["points"]) == (100_000, 50_000)
    till.post(f"{RESERVATIONS}P/release/", {}, key="x")
    freed = {**ASK, "wallet": "cashback", "total": "100000", "beside": ["P"]}
    assert till.post(QUOTE, freed).json()["points"] == 100_000
    unknown = till.post(QUOTE, {**ASK, "beside": ["nobody"]})
    assert unknown.status_code == 404


def test_two_wallets_pay_one_order(
    till: Till, rich: Member, money: Wallet, wallet: Wallet
) -> None:
    hold(till, "P", points=200)
    hold(till, "C", points=65_000, wallet="cashback", beside=["P"])

    taken = till.order(reservations=["P", "C"])

    order = Order.objects.get()
    assert taken.status_code == 201
    # 20.000 ₫ by points, 65.000 ₫ by cashback; the other 100.000 ₫ earn.
    assert order.points_amount == 85_000
    assert taken.json()["points"] == 10
    assert (has(rich, wallet), has(rich, money)) == (310, 55_000)
    assert set(Reservation.objects.values_list("state", flat=True)) == {"captured"}
    captures = Transfer.objects.filter(kind="capture", source_id=order.pk)
    assert sorted(captures.values_list("amount", flat=True)) == [200, 65_000]


def test_told_again_nothing_is_spent_twice(
    till: Till, rich: Member, money: Wallet, wallet: Wallet
) -> None:
    hold(till, "P", points=200)
    hold(till, "C", points=65_000, wallet="cashback", beside=["P"])
    till.order(reservations=["P", "C"])

    again = till.order(key="second", reservation="C", reservations=["P"])

    assert (again.status_code, again.json()["points"]) == (200, 10)
    assert (has(rich, wallet), has(rich, money)) == (310, 55_000)


def test_a_refund_gives_both_wallets_their_share(
    till: Till, rich: Member, money: Wallet, wallet: Wallet
) -> None:
    (lot,) = Lot.objects.filter(account__wallet=money)
    hold(till, "P", points=200)
    hold(till, "C", points=65_000, wallet="cashback", beside=["P"])
    till.order(reservations=["P", "C"])
    body = {"refund_id": "T", "order_id": "HD-001", "member_id": "MAI", "total": "92500"}

    half = till.post(REFUNDS, body, key="r").json()

    # Half of 185.000 ₫ is back: 100 points and 32.500 ₫, and 5 of the 10 points earned.
    assert (half["points_returned"], half["points_taken"]) == (100, 5)
    assert (has(rich, wallet), has(rich, money)) == (405, 87_500)
    lot.refresh_from_db()
    assert lot.remaining == 87_500

    till.post(REFUNDS, {**body, "refund_id": "T2"}, key="r2")
    assert (has(rich, wallet), has(rich, money)) == (500, 120_000)


def test_reservations_that_pay_too_much_are_refused_and_stay(
    till: Till, rich: Member, money: Wallet
) -> None:
    hold(till, "P")
    hold(till, "C", wallet="cashback")

    # 50.000 ₫ and 120.000 ₫ for a bill of 150.000 ₫.
    answer = till.order(total="150000", reservations=["P", "C"])

    assert (answer.status_code, answer.json()["extra"]) == (422, {"reason": "overpaid"})
    assert "170.000 ₫" in answer.json()["detail"]
    assert not Order.objects.exists()
    assert set(Reservation.objects.values_list("state", flat=True)) == {"open"}


def test_when_one_was_released_neither_is_spent(
    till: Till, rich: Member, money: Wallet, wallet: Wallet
) -> None:
    hold(till, "P", points=200)
    hold(till, "C", points=65_000, wallet="cashback")
    till.post(f"{RESERVATIONS}C/release/", {}, key="x")

    answer = till.order(reservations=["P", "C"])

    assert (answer.status_code, answer.json()["code"]) == (409, "reservation_closed")
    assert not Order.objects.exists()
    assert (has(rich, wallet), has(rich, money)) == (300, 120_000)


def test_a_reservation_of_another_till_or_member_does_not_pay(
    till: Till, rich: Member, binh: Member, money: Wallet
) -> None:
    hold(till, "C", wallet="cashback")

    stranger = make_till("web").order(reservations=["C"])
    other = till.order(key="b", order_id="HD-2", member_id="BINH", reservations=["C"])

    assert (stranger.status_code, other.status_code) == (404, 404)
    assert not Order.objects.exists()


def test_the_slip_says_what_each_wallet_got(till: Till, mai: Member, money: Wallet) -> None:
    make_earn_rule(wallet=money, code="back", method="percent", hold="days", hold_days=7)

    taken = till.order().json()

    assert (taken["points"], taken["balance"]) == (18, 18)
    assert taken["wallets"] == [
        {"wallet": "points", "name": "Điểm", "money": None, "earned": 18},
        {
            "wallet": "cashback",
            "name": "Ví hoàn tiền",
            "money": "9250.00",
            "earned": 9250,
        },
    ]
    assert till.order(key="second").json()["wallets"] == taken["wallets"]


def test_every_wallet_of_a_member(till: Till, rich: Member, money: Wallet) -> None:
    make_earn_rule(wallet=money, code="back", method="percent", hold="days", hold_days=7)
    till.order()
    hold(till, "C", wallet="cashback", points=20_000)

    answer = till.get(f"{MEMBERS}MAI/wallets/").json()

    assert answer == {
        "member_id": "MAI",
        "wallets": [
            {
                "wallet": "points",
                "name": "Điểm",
                "money": None,
                "balance": 518,
                "held": 0,
                "reserved": 0,
            },
            {
                "wallet": "cashback",
                "name": "Ví hoàn tiền",
                "money": "100000.00",
                "balance": 100_000,
                "held": 9250,
                "reserved": 20_000,
            },
        ],
    }
    assert till.get(f"{MEMBERS}NOBODY/wallets/").status_code == 404


def test_the_history_of_a_wallet(till: Till, rich: Member, money: Wallet) -> None:
    entries = till.get(f"{MEMBERS}MAI/history/", {"wallet": "cashback"}).json()["entries"]
    assert [(e["kind"], e["points"]) for e in entries] == [("adjust", 120_000)]
    of_points = till.get(f"{MEMBERS}MAI/history/").json()["entries"]
    assert [(e["kind"], e["points"]) for e in of_points] == [("opening", 500)]
    assert till.get(f"{MEMBERS}MAI/history/", {"wallet": "x"}).status_code == 404


def test_who_is_blocked_pays_with_nothing(till: Till, rich: Member, money: Wallet) -> None:
    Member.objects.filter(pk=rich.pk).update(state=Member.State.BLOCKED)

    offer = till.post(QUOTE, {**ASK, "wallet": "cashback"}).json()
    refused = hold(till, "C", wallet="cashback")

    assert (offer["points"], offer["reason"]) == (0, "The member is not active.")
    assert refused.status_code == 422
    assert has(rich, money) == 120_000
