"""Any basket and any voucher, odd ones included."""

from __future__ import annotations

from datetime import time
from decimal import Decimal
from typing import Any

from hypothesis import strategies as st

from core.money import Rounding
from rewards.discounts.basket import Asked, Basket, Line
from rewards.discounts.terms import (
    Band,
    Basis,
    Counted,
    Kind,
    Measure,
    Products,
    Scope,
    Terms,
)

CATEGORIES, LABELS = ["drinks", "cakes", "fruit"], ["new", "sale"]
QUANTITIES = [Decimal(text) for text in ("1", "2", "3", "0.5", "1.25", "7", "0.333")]
PERCENTS = st.decimals(Decimal("0.1"), 100, places=1)


def money(most: int, decimals: int) -> st.SearchStrategy[Decimal]:
    return st.decimals(0, most, places=decimals)


@st.composite
def lines(draw: Any, key: str, decimals: int) -> Line:
    price, quantity = draw(money(300, decimals)), draw(st.sampled_from(QUANTITIES))
    whole = price * quantity
    return Line(
        key=key,
        sku=key,
        category=draw(st.sampled_from(CATEGORIES)),
        labels=tuple(draw(st.sets(st.sampled_from(LABELS)))),
        quantity=quantity,
        unit_price=price,
        discount=whole * draw(st.sampled_from([0, 0, 0, 10, 50, 100])) / 100,
        tax=whole * draw(st.sampled_from([0, 8, 10])) / 100,
        floor=price * draw(st.sampled_from([0, 0, 30, 80, 120])) / 100,
    )


@st.composite
def baskets(draw: Any, decimals: int = 0) -> Basket:
    count = draw(st.integers(0, 5))
    told = tuple(draw(lines(f"L{n}", decimals)) for n in range(count))
    return Basket(told, draw(money(50, decimals)))


@st.composite
def choices(draw: Any, *, may_be_empty: bool = True) -> Products:
    categories = draw(st.sets(st.sampled_from(CATEGORIES), min_size=not may_be_empty))
    return Products(
        categories=frozenset(categories),
        labels=frozenset(draw(st.sets(st.sampled_from(LABELS), max_size=1))),
    )


@st.composite
def terms(draw: Any) -> Terms:
    return Terms(
        kind=draw(st.sampled_from(Kind)),
        scope=draw(st.sampled_from(Scope)),
        percent=draw(PERCENTS),
        amount=draw(money(300, 0)),
        at_most=draw(st.none() | st.integers(1, 200).map(Decimal)),
        price=draw(st.sampled_from(Basis)),
        rounding=draw(st.sampled_from(Rounding)),
        buy=draw(st.integers(1, 3)),
        get=draw(st.integers(1, 3)),
        every=draw(st.integers(2, 4)),
        times=draw(st.none() | st.integers(1, 3)),
        given_percent=draw(st.sampled_from([Decimal(100), Decimal("33.3")])),
        bands=draw(bands()),
        bands_by=draw(st.sampled_from(Measure)),
        products=draw(choices(may_be_empty=draw(st.booleans()))),
        excluded=draw(st.just(Products()) | choices()),
        given_products=draw(choices()),
        minimum_value=draw(st.sampled_from([Decimal(0), Decimal(0), Decimal(150)])),
        maximum_value=draw(st.sampled_from([None, None, Decimal(400)])),
        minimum_quantity=draw(st.sampled_from([Decimal(0), Decimal(0), Decimal(2)])),
        counted=draw(st.sampled_from(Counted)),
        counted_price=draw(st.sampled_from(Basis)),
        without_tax=draw(st.booleans()),
        weekdays=draw(st.sampled_from([frozenset(), frozenset(), frozenset({1, 3})])),
        until_time=draw(st.sampled_from([None, None, time(14, 1)])),
        priority=draw(st.integers(1, 3)),
        exclusive=draw(st.sampled_from([False, False, False, True])),
        group=draw(st.sampled_from(["", "", "g"])),
    )


@st.composite
def bands(draw: Any) -> tuple[Any, ...]:
    starts = sorted(draw(st.sets(st.integers(1, 300), min_size=1, max_size=3)))
    return tuple(
        Band(Decimal(start), draw(PERCENTS))
        if draw(st.booleans())
        else Band(Decimal(start), amount=Decimal(draw(st.integers(1, 90))))
        for start in starts
    )


def vouchers(most: int) -> st.SearchStrategy[list[Asked]]:
    return st.lists(terms(), max_size=most).map(
        lambda told: [Asked(f"V{n}", one) for n, one in enumerate(told)]
    )
