"""Paying with points: whole blocks, a minimum, a share of the order; the server decides."""

from datetime import date, datetime
from decimal import Decimal
from typing import Any

import pytest

from core.errors import InvalidInput
from members.models import Member
from points.models import Wallet
from points.services import PaymentQuote, quote_payment
from tests.factories import make_wallet
from tests.points.helpers import give

TERMS = {
    "pays_at_till": True,
    "pay_points": 10,
    "pay_value": Decimal(1000),
    "pay_minimum": 50,
    "pay_max_percent": Decimal(50),
}


def quote(
    member: Member, wallet: Wallet, total: int, at: datetime, points: int | None = None
) -> PaymentQuote:
    return quote_payment(
        member=member, order_total=Decimal(total), wallet=wallet, at=at, points=points
    )


@pytest.mark.parametrize(
    ("total", "asked", "paid", "most"),
    [
        (1_000_000, None, 230, 230),  # all whole blocks of 237 points
        (30_000, None, 150, 150),  # half of the order at most
        (30_999, None, 150, 150),
        (1_000_000, 100, 100, 230),
        (1_000_000, 109, 100, 230),  # whole blocks only
        (1_000_000, 500, 230, 230),  # not more than there is
        (1_000_000, 49, 0, 230),  # below the smallest payment
        (9_999, None, 0, 0),  # the share of the order is below the smallest payment
        (10_000, None, 50, 50),
        (0, None, 0, 0),
    ],
)
def test_what_can_be_paid(
    mai: Member, now: datetime, total: int, asked: int | None, paid: int, most: int
) -> None:
    wallet = make_wallet(**TERMS)
    give(mai, 237, "a", now)

    answer = quote(mai, wallet, total, now, asked)

    assert (answer.points, answer.most_points, answer.usable) == (paid, most, 237)
    assert answer.value == Decimal(paid * 100)
    assert bool(answer.reason) == (paid != (asked or paid) or paid == 0)


def test_points_past_their_day_do_not_pay(mai: Member, now: datetime) -> None:
    wallet = make_wallet(**TERMS)
    give(mai, 200, "a", now, date(2026, 3, 1))
    give(mai, 60, "b", now, date(2026, 3, 2))

    assert quote(mai, wallet, 1_000_000, now).points == 60


@pytest.mark.parametrize("change", [{"pays_at_till": False}, {"is_active": False}])
def test_a_wallet_that_does_not_pay_says_so(
    mai: Member, now: datetime, change: dict[str, Any]
) -> None:
    wallet = make_wallet(**TERMS)
    give(mai, 200, "a", now)
    for name, value in change.items():
        setattr(wallet, name, value)

    answer = quote(mai, wallet, 1_000_000, now)

    assert (answer.points, answer.reason) == (0, "These points cannot pay.")


def test_a_member_without_points_hears_what_is_missing(mai: Member, now: datetime) -> None:
    answer = quote(mai, make_wallet(**TERMS), 1_000_000, now)

    assert (answer.points, answer.reason) == (
        0,
        "50 points are needed to pay; 0 can be used.",
    )


def test_a_total_below_zero_is_refused(mai: Member, now: datetime) -> None:
    with pytest.raises(InvalidInput):
        quote(mai, make_wallet(**TERMS), -1, now)
