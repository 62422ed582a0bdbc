"""Terms from JSON and back, what is wrong with them, and how they read."""

from __future__ import annotations

import json
from datetime import time
from decimal import Decimal
from typing import Any

import pytest
from django.utils import translation

from core.errors import InvalidInput
from core.money import Rounding
from rewards.discounts.faults import faults
from rewards.discounts.sentence import describe
from rewards.discounts.terms import Band, Basis, Kind, Measure, Products, Scope, Terms
from tests.rewards.discounts.helpers import products, terms

WRITTEN = {
    "kind": "bands",
    "scope": "lines",
    "at_most": "50000",
    "bands": [["3", "10", None], [5, None, 20000.5]],
    "bands_by": "quantity",
    "products": {"categories": ["Trà ", "", "Cà phê"]},
    "price": "list",
    "rounding": "half_up",
    "minimum_value": 200000,
    "store_ids": [3, 1],
    "weekdays": [6, 7],
    "from_time": "14:00",
    "exclusive": True,
    "group": "tea",
    "times": None,
}


def test_from_json() -> None:
    read = Terms.from_json(WRITTEN)

    assert read == Terms(
        kind=Kind.BANDS,
        scope=Scope.LINES,
        at_most=Decimal(50_000),
        bands=(
            Band(Decimal(3), Decimal(10)),
            Band(Decimal(5), amount=Decimal("20000.5")),
        ),
        bands_by=Measure.QUANTITY,
        products=Products(categories=frozenset({"Trà", "Cà phê"})),
        price=Basis.LIST,
        rounding=Rounding.HALF_UP,
        minimum_value=Decimal(200_000),
        store_ids=frozenset({1, 3}),
        weekdays=frozenset({6, 7}),
        from_time=time(14),
        exclusive=True,
        group="tea",
    )


def test_to_json_and_back() -> None:
    read = Terms.from_json(WRITTEN)
    plain = json.loads(json.dumps(read.to_json()))

    assert Terms.from_json(plain) == read
    assert plain["bands"] == [["3", "10", None], ["5", None, "20000.5"]]
    assert plain["products"]["categories"] == ["Cà phê", "Trà"]
    assert (plain["minimum_value"], plain["from_time"]) == ("200000", "14:00:00")


def test_what_is_not_told_has_its_default() -> None:
    assert Terms.from_json({}) == Terms()
    assert Terms.from_json({"percent": None, "unknown": 1}) == Terms()


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("kind", "gift"),
        ("percent", "ten"),
        ("percent", "NaN"),
        ("amount", "Infinity"),
        ("buy", 1.5),
        ("buy", True),
        ("times", "x"),
        ("exclusive", "yes"),
        ("channels", "web"),
        ("weekdays", ["Monday"]),
        ("store_ids", 7),
        ("from_time", "25:00"),
        ("bands", [[1, 2, 3, 4]]),
        ("bands", 5),
        ("products", {"colours": ["red"]}),
        ("products", ["red"]),
    ],
)
def test_a_value_that_makes_no_sense_is_refused_by_name(name: str, value: Any) -> None:
    with pytest.raises(InvalidInput, match=f"is no “{name}” of a voucher"):
        Terms.from_json({name: value})


@pytest.mark.parametrize(
    ("told", "fields"),
    [
        ({"percent": 100}, []),
        ({"percent": "0.1"}, []),
        ({"percent": 0}, ["percent"]),
        ({"percent": "100.1"}, ["percent"]),
        ({"kind": "amount", "amount": 1}, []),
        ({"kind": "amount"}, ["amount"]),
        ({"percent": 5, "scope": "lines"}, ["products"]),
        ({"kind": "free_product"}, ["products"]),
        ({"kind": "free_product", "products": products(skus=["A"]), "get": 0}, ["get"]),
        ({"kind": "buy_get"}, []),
        ({"kind": "buy_get", "buy": 0}, ["buy"]),
        ({"kind": "buy_get", "times": 0}, ["times"]),
        ({"kind": "buy_get", "given_percent": 0}, ["given_percent"]),
        ({"kind": "cheapest", "every": 2}, []),
        ({"kind": "cheapest", "every": 1}, ["every"]),
        ({"kind": "bands"}, ["bands"]),
        ({"kind": "bands", "bands": [(0, 5)]}, []),
        ({"kind": "bands", "bands": [(0, 5)], "bands_by": "quantity"}, ["bands"]),
        ({"kind": "bands", "bands": [(-1, 5)]}, ["bands"]),
        ({"kind": "bands", "bands": [(2, 5), (2, 6)]}, ["bands"]),
        ({"kind": "bands", "bands": [(2, 5), (1, 6)]}, ["bands"]),
        ({"kind": "bands", "bands": [(2, 5, 5)]}, ["bands"]),
        ({"kind": "bands", "bands": [(2,)]}, ["bands"]),
        ({"kind": "bands", "bands": [(2, 101)]}, ["bands"]),
        ({"kind": "bands", "bands": [(2, None, 0)]}, ["bands"]),
        ({"kind": "free_delivery"}, []),
        ({"kind": "partner"}, []),
        ({"percent": 5, "at_most": 0}, ["at_most"]),
        ({"percent": 5, "minimum_value": -1}, ["minimum_value"]),
        ({"percent": 5, "minimum_quantity": -1}, ["minimum_quantity"]),
        ({"percent": 5, "minimum_value": 10, "maximum_value": 10}, []),
        ({"percent": 5, "minimum_value": 10, "maximum_value": 9}, ["maximum_value"]),
        ({"percent": 5, "weekdays": [0]}, ["weekdays"]),
        ({"percent": 5, "weekdays": [7]}, []),
        ({"percent": 5, "from_time": time(9), "until_time": time(9)}, ["until_time"]),
    ],
)
def test_faults(told: dict[str, Any], fields: list[str]) -> None:
    found = faults(terms(**told))

    assert list(found) == fields
    assert all(text.endswith(".") for text in found.values())


@pytest.mark.parametrize(
    ("told", "text"),
    [
        (
            {
                "percent": 20,
                "on": ["drinks"],
                "at_most": 50_000,
                "minimum_value": 200_000,
                "exclusive": True,
            },
            "20% off drinks, at most 50.000 ₫, for orders from 200.000 ₫; "
            "not together with other vouchers.",
        ),
        (
            {"percent": "12.5", "excluded": products(labels=["sale"])},
            "12,5% off the order, without sale.",
        ),
        (
            {
                "kind": "amount",
                "amount": 30_000,
                "products": products(skus=["CF"]),
                "minimum_value": 100_000,
                "maximum_value": 300_000,
                "without_tax": True,
            },
            "30.000 ₫ off the order, with CF in the basket, "
            "for orders from 100.000 ₫ to 300.000 ₫, counted without tax.",
        ),
        (
            {"kind": "amount", "amount": 30_000, "on": ["drinks", "cakes"]},
            "30.000 ₫ off cakes, drinks together.",
        ),
        (
            {"kind": "free_delivery", "at_most": 30_000, "minimum_value": 200_000},
            "Free delivery, at most 30.000 ₫, for orders from 200.000 ₫.",
        ),
        (
            {"percent": 50, "scope": "delivery", "maximum_value": 500_000},
            "50% off delivery, for orders up to 500.000 ₫.",
        ),
        (
            {"kind": "free_product", "products": products(skus=["CF"]), "get": 2},
            "2 × CF free, the cheapest in the basket.",
        ),
        (
            {"kind": "buy_get", "on": ["drinks"], "buy": 2, "times": 3},
            "Buy 2 × drinks, get 1 more free, at most 3 times in an order.",
        ),
        (
            {
                "kind": "buy_get",
                "on": ["drinks"],
                "given_products": products(categories=["cakes"]),
                "given_percent": 50,
            },
            "Buy 1 × drinks, get 1 × cakes 50% off.",
        ),
        (
            {"kind": "cheapest", "every": 3, "price": "list"},
            "Of every 3 × any product the cheapest free, "
            "of the price before all discounts.",
        ),
        (
            {"kind": "bands", "bands": [(200_000, 10), (500_000, None, 80_000)]},
            "Off the order from 200.000 ₫: 10%; from 500.000 ₫: 80.000 ₫.",
        ),
        (
            {
                "kind": "bands",
                "bands_by": "quantity",
                "bands": [(3, "7.5")],
                "on": ["tea"],
                "rounding": "half_up",
            },
            "Off tea from 3 pieces: 7,5%, round half up.",
        ),
        (
            {
                "percent": 10,
                "counted": "products",
                "minimum_value": 50_000,
                "minimum_quantity": 2,
                "counted_price": "rest",
                "on": ["a", "b", "c", "d", "e", "f"],
            },
            "10% off a, b, c, d and 2 more, for these products from 50.000 ₫, "
            "for these products from 2 pieces, counted after all earlier discounts.",
        ),
        (
            {
                "percent": 10,
                "weekdays": [1, 7],
                "from_time": time(14),
                "until_time": time(16, 30),
                "first_order_only": True,
                "segment_ids": [1],
                "store_ids": [1, 2],
                "channels": ["web"],
                "payment_methods": ["momo", "card"],
                "group": "birthday",
            },
            "10% off the order, on Monday, Sunday, between 14:00 and 16:30, "
            "on a member's first order, for certain groups of members, in 2 stores, "
            "through web, paid by card, momo; one voucher of “birthday” for an order.",
        ),
        ({"kind": "partner"}, "A code for a partner; it takes nothing off here."),
    ],
)
def test_one_sentence(told: dict[str, Any], text: str) -> None:
    assert describe(terms(**told), currency="VND") == text


def test_a_sentence_in_dollars() -> None:
    with translation.override("en"):
        text = describe(terms("amount", amount="4.5"), currency="USD")

    assert text == "4,50 $ off the order."
