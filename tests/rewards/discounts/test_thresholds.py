"""Minima, the maximum, and the conditions of the occasion: below, at and above each."""

from __future__ import annotations

from datetime import UTC, datetime, time
from decimal import Decimal
from typing import Any

import pytest

from core.errors import InvalidInput
from rewards.discounts.basket import Context
from tests.rewards.discounts.helpers import (
    AT,
    ask,
    asked,
    basket,
    line,
    off,
    products,
    reason,
    sentence,
    why_not,
)

TEN = {"percent": 10}
# 220,000 in the list, 200,000 to pay, 16,000 of it tax; 110,000 of it drinks.
DRINK = line("D", 60_000, 2, category="drinks", discount=10_000, tax=10_000)
CAKE = line("C", 100_000, 1, category="cakes", discount=10_000, tax=6_000)
BOUGHT = basket(DRINK, CAKE, delivery=30_000)


@pytest.mark.parametrize(
    ("told", "at"),
    [
        ({}, 200_000),
        ({"counted_price": "list"}, 220_000),
        ({"counted_price": "rest"}, 200_000),
        ({"without_tax": True}, 184_000),
        # Of the list prices the same shares are tax: 10,909 and 6,667.
        ({"counted_price": "list", "without_tax": True}, 202_424),
        ({"counted": "products", "on": ["drinks"]}, 110_000),
        ({"counted": "products", "on": ["drinks"], "without_tax": True}, 100_000),
        ({"counted": "products", "on": ["drinks"], "counted_price": "list"}, 120_000),
        ({"counted": "order", "on": ["drinks"]}, 200_000),
        ({"counted": "products", "excluded": products(skus=["C"])}, 110_000),
        ({"counted": "order", "excluded": products(skus=["C"])}, 200_000),
    ],
)
def test_what_a_minimum_and_a_maximum_count(told: dict[str, Any], at: int) -> None:
    assert off(BOUGHT, **TEN, minimum_value=at - 1, **told) > 0
    assert off(BOUGHT, **TEN, minimum_value=at, **told) > 0
    assert off(BOUGHT, **TEN, minimum_value=at + 1, **told) == 0
    assert off(BOUGHT, **TEN, maximum_value=at + 1, **told) > 0
    assert off(BOUGHT, **TEN, maximum_value=at, **told) > 0
    assert off(BOUGHT, **TEN, maximum_value=at - 1, **told) == 0


@pytest.mark.parametrize(
    ("told", "least"),
    [
        ({}, "5.5"),
        ({"on": ["fruit"]}, "5.5"),
        ({"on": ["fruit"], "counted": "products"}, "1.5"),
        ({"excluded": products(categories=["fruit"]), "counted": "products"}, "4"),
    ],
)
def test_quantities_are_added_as_they_are(told: dict[str, Any], least: str) -> None:
    bought = basket(
        line("A", 10_000, 4),
        line("B", 10_000, "0.5", category="fruit"),
        line("C", 10_000, 1, category="fruit"),
    )
    assert off(bought, **TEN, minimum_quantity=least, **told) > 0
    above = str(Decimal(least) + Decimal("0.001"))
    assert reason(bought, **TEN, minimum_quantity=above, **told) == "minimum_quantity"


def test_a_minimum_after_earlier_vouchers() -> None:
    first = asked("A", "amount", amount=50_000, priority=1)
    late = {"minimum_value": 150_000, "counted_price": "rest", **TEN}
    later = {**late, "minimum_value": 150_001}

    assert not why_not(ask(BOUGHT, first, asked("B", **late)))
    assert why_not(ask(BOUGHT, first, asked("B", **later))) == {"B": "minimum_value"}
    before = {**later, "counted_price": "shop"}
    assert not why_not(ask(BOUGHT, first, asked("B", **before)))


def test_bands_count_like_a_minimum() -> None:
    bands = [(184_000, 5), (200_000, 10), (220_000, 20)]

    assert off(BOUGHT, "bands", bands=bands) == 20_000
    assert off(BOUGHT, "bands", bands=bands, without_tax=True) == 10_000
    assert off(BOUGHT, "bands", bands=bands, counted_price="list") == 40_000


@pytest.mark.parametrize(
    ("told", "text"),
    [
        (
            {"minimum_value": 250_000},
            "It works from 250.000 ₫; 50.000 ₫ more is needed.",
        ),
        (
            {"minimum_value": 150_000, "counted": "products", "on": ["drinks"]},
            "It works from 150.000 ₫ of its products; 40.000 ₫ more is needed.",
        ),
        (
            {"maximum_value": 150_000},
            "It works up to 150.000 ₫; this comes to 200.000 ₫.",
        ),
        ({"minimum_quantity": 4}, "It works from 4 pieces; the basket has 3."),
    ],
)
def test_what_is_missing_is_said(told: dict[str, Any], text: str) -> None:
    assert sentence(BOUGHT, **TEN, **told) == text


# --- The occasion -------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("told", "good", "bad", "code"),
    [
        ({"store_ids": [3, 4]}, {"store_id": 4}, {"store_id": 5}, "store"),
        ({"store_ids": [3]}, {"store_id": 3}, {}, "store"),
        ({"channels": ["Web"]}, {"channel": "web"}, {"channel": "app"}, "channel"),
        (
            {"payment_methods": ["momo"]},
            {"payment_method": "MoMo"},
            {"payment_method": ""},
            "payment_method",
        ),
        ({"segment_ids": [7, 8]}, {"segment_ids": {8, 9}}, {"segment_ids": {9}}, "segment"),
        ({"segment_ids": [7]}, {"segment_ids": {7}}, {}, "segment"),
        ({"first_order_only": True}, {"is_first_order": True}, {}, "first_order"),
        ({"weekdays": [1]}, {}, {"at": datetime(2026, 3, 2, 17, tzinfo=UTC)}, "weekday"),
    ],
)
def test_conditions(
    told: dict[str, Any], good: dict[str, Any], bad: dict[str, Any], code: str
) -> None:
    voucher = asked("V", **TEN, **told)

    assert ask(BOUGHT, voucher, **good).taken == 20_000
    refused = ask(BOUGHT, voucher, **bad)
    assert (refused.taken, why_not(refused)) == (0, {"V": code})


@pytest.mark.parametrize(
    ("start", "end", "local", "holds"),
    [
        (time(14), time(16), "13:59", False),
        (time(14), time(16), "14:00", True),
        (time(14), time(16), "15:59", True),
        (time(14), time(16), "16:00", False),
        (time(22), time(2), "21:59", False),
        (time(22), time(2), "22:00", True),
        (time(22), time(2), "01:59", True),
        (time(22), time(2), "02:00", False),
        (None, time(9), "08:59", True),
        (None, time(9), "09:00", False),
        (time(9), None, "08:59", False),
        (time(9), None, "09:00", True),
    ],
)
def test_hours_of_the_programme(
    start: time | None, end: time | None, local: str, holds: bool
) -> None:
    at = datetime.fromisoformat(f"2026-03-02T{local}:00+07:00").astimezone(UTC)
    result = ask(BOUGHT, asked("V", **TEN, from_time=start, until_time=end), at=at)

    assert why_not(result) == ({} if holds else {"V": "hours"})


@pytest.mark.parametrize(
    ("told", "text"),
    [
        ({"store_ids": [1]}, "It does not work in this store."),
        ({"channels": ["web", "app"]}, "It works only through app, web."),
        ({"weekdays": [7, 6]}, "It works only on Saturday, Sunday."),
        (
            {"from_time": time(15), "until_time": time(17, 30)},
            "It works only between 15:00 and 17:30.",
        ),
        ({"payment_methods": ["momo"]}, "It works only when paid by momo."),
        ({"segment_ids": [1]}, "It is for a group of members that you are not in."),
        ({"first_order_only": True}, "It works only on a first order."),
        ({"on": ["toys"]}, "Nothing in the basket is a product that it is for."),
    ],
)
def test_a_sentence_for_every_no(told: dict[str, Any], text: str) -> None:
    assert sentence(BOUGHT, **TEN, **told) == text


# --- What makes no sense is refused -------------------------------------------------------


@pytest.mark.parametrize(
    ("told", "text"),
    [
        ({"quantity": 0}, "quantity is above zero"),
        ({"unit_price": -1}, "no amount is below it"),
        ({"tax": -1}, "no amount is below it"),
        ({"discount": 10_001}, "are not above its price"),
        ({"tax": 10_001}, "are not above its price"),
    ],
)
def test_impossible_lines(told: dict[str, Any], text: str) -> None:
    with pytest.raises(InvalidInput, match=text):
        line("A", **{"unit_price": 10_000, **told})


def test_impossible_baskets_and_occasions() -> None:
    with pytest.raises(InvalidInput, match="same key"):
        basket(line("A", 1), line("A", 1))
    with pytest.raises(InvalidInput, match="delivery fee"):
        basket(delivery=-1)
    with pytest.raises(InvalidInput, match="time zone"):
        Context(at=AT.replace(tzinfo=None))
    with pytest.raises(InvalidInput, match="At least one voucher"):
        Context(at=AT, most_vouchers=0)


def test_a_price_that_the_till_rounds_itself() -> None:
    """0.333 kg at 99,999 is 33,299.667: half up 33,300, or what the till says."""
    kilo = {"unit_price": 99_999, "quantity": "0.333"}

    assert ask(basket(line("A", **kilo))).paid == 33_300
    assert ask(basket(line("A", price=33_299, **kilo))).paid == 33_299
