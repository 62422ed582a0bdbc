"""A percent of the amount, and the most that one order may bring."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.models import Programme
from points.amounts import Unit
from points.earning.basket import Basket
from points.earning.context import Context
from points.earning.definition import Definition
from points.earning.sentence import describe
from tests.points.earning.test_engine import COFFEE, HCM, TEA, basket, give, rule, trace

DONG, DOLLARS = Unit("", "VND", 0), Unit("", "USD", 2)


def percent(share: str = "5", code: str = "back", **told: Any) -> Definition:
    return rule(code, method="percent", percent=Decimal(share), **told)


def explained(bought: Basket, *rules: Definition) -> dict[str, tuple[str, ...]]:
    context = Context(zone=HCM, units={1: DONG})
    return {t.definition.code: t.reasons for t in trace(bought, *rules, context=context)}


@pytest.mark.parametrize(
    ("share", "rounding", "total", "money"),
    [
        ("5", "down", 1_234_567, 61_728),
        ("5", "half_up", 1_234_567, 61_728),
        ("5", "half_up", 1_234_570, 61_729),
        ("5", "up", 1_234_567, 61_729),
        ("0.5", "down", 199, None),
        ("0.5", "down", 200, 1),
        ("7.25", "down", 100_000, 7250),
        ("100", "down", 99_999, 99_999),
    ],
)
def test_a_percent_is_rounded_as_the_rule_says(
    share: str, rounding: str, total: int, money: int | None
) -> None:
    expected = {} if money is None else {"back": money}
    assert give(basket(total), percent(share, rounding=rounding)) == expected


def test_dollars_come_back_in_cents() -> None:
    context = Context(zone=HCM, currency="USD", decimals=2)
    assert give(basket("19.99"), percent(), context=context) == {"back": 99}
    half_up = percent(rounding="half_up")
    assert give(basket("19.99"), half_up, context=context) == {"back": 100}


def test_what_was_paid_from_wallets_brings_nothing_back() -> None:
    bought = basket(500_000, points_amount=Decimal(120_000), tax=Decimal(40_000))
    assert give(bought, percent()) == {"back": 19_000}
    assert give(bought, percent(without_points=False)) == {"back": 25_000}
    assert give(bought, percent(without_tax=True)) == {"back": 17_000}


def test_a_percent_of_chosen_products() -> None:
    tea = percent("10", scope="lines", categories=["tea"])
    assert give(basket(lines=(COFFEE, TEA)), tea) == {"back": 2000}
    # An order's discount is shared: tea is a fifth of what is left.
    cheaper = basket(80_000, lines=(COFFEE, TEA))
    assert give(cheaper, tea) == {"back": 1600}


@pytest.mark.parametrize(
    ("total", "money"), [(999_999, 49_999), (1_000_000, 50_000), (9_000_000, 50_000)]
)
def test_one_order_brings_no_more_than_the_limit(total: int, money: int) -> None:
    assert give(basket(total), percent(order_limit=50_000)) == {"back": money}


def test_a_multiplier_has_a_limit_of_its_own() -> None:
    rules = (
        percent(order_limit=50_000),
        rule("x2", method="multiplier", factor=Decimal(2), order_limit=30_000),
    )
    # It multiplies what the base rule really gives.
    assert give(basket(400_000), *rules) == {"back": 20_000, "x2": 20_000}
    assert give(basket(2_000_000), *rules) == {"back": 50_000, "x2": 30_000}


def test_the_best_of_a_group_is_found_among_what_is_really_given() -> None:
    group = {"stacking": "best", "group": "back"}
    rules = (
        percent("10", "loud", order_limit=20_000, **group),
        percent("5", "calm", **group),
    )
    assert give(basket(300_000), *rules) == {"loud": 20_000}
    assert give(basket(1_000_000), *rules) == {"calm": 50_000}


def test_the_sum_is_told_in_money() -> None:
    told = explained(
        basket(1_234_567),
        percent(order_limit=50_000),
        rule("x2", method="multiplier", factor=Decimal("1.5")),
    )
    assert told["back"] == (
        "5 % of 1.234.567 ₫: 61.728,35 ₫, round down.",
        "At most 50.000 ₫ for one order.",
    )
    assert told["x2"] == ("1,5 times the 50.000 ₫ of the base rules.",)


@given(
    total=st.integers(0, 10**9),
    limit=st.integers(1, 10**6),
    cents=st.integers(1, 10_000),
)
def test_never_more_than_the_share_nor_the_limit(
    total: int, limit: int, cents: int
) -> None:
    share = Decimal(cents) / 100
    money = give(basket(total), percent(str(share), order_limit=limit)).get("back", 0)
    assert 0 <= money <= min(limit, total * share / 100)
    assert money == min(limit, int(total * share / 100))


# --- in a sentence ----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("told", "sentence"),
    [
        ({}, "5 % of the amount back, round down."),
        (
            {"percent": Decimal("7.5"), "minimum_total": Decimal(100_000)},
            "7,5 % of the amount back on orders from 100.000 ₫, round down.",
        ),
        (
            {"order_limit": 50_000, "budget": 90_000_000},
            "5 % of the amount back, round down, at most 50.000 ₫ for one order. "
            "The rule gives at most 90.000.000 ₫ in all.",
        ),
        ({"method": "per_amount", "points": 5, "amount": Decimal(100)}, "5 ₫ for every"),
        ({"method": "multiplier"}, "2 times what the other rules give."),
        ({"method": "extra", "points": 20_000}, "20.000 ₫ extra."),
        ({"segment_id": 1}, "for who belongs to “Hạng Vàng” when they buy."),
    ],
)
def test_a_rule_about_money_says_money(told: dict[str, Any], sentence: str) -> None:
    said = describe(
        rule(**{"method": "percent", **told}),
        unit=DONG,
        programme=Programme(),
        group="Hạng Vàng",
    )
    assert sentence in said
    assert "  " not in said
