"""Any basket and any voucher; few values, so that they meet at their limits."""

from __future__ import annotations

from datetime import time
from decimal import Decimal
from typing import Any

from hypothesis import strategies as st

from core.money import Rounding
from rewards.discounts.basket import Asked, Basket, Line
from rewards.discounts.terms import Band, Basis, Kind, Products, Terms
from tests.rewards.discounts.helpers import products

CATEGORIES, LABELS = ["drinks", "cakes"], ["new", "sale"]
QUANTITIES = [Decimal(text) for text in ("1", "2", "3", "0.5", "1.25", "7", "0.333")]
PRICES = [Decimal(text) for text in ("100", "33", "1", "250", "99", "7", "0")]
PERCENTS = [Decimal(text) for text in ("10", "50", "100", "33.3", "1")]
KINDS = [kind for kind in Kind if kind != Kind.PARTNER]
# Most vouchers have few conditions; each of these is one voucher's.
CONDITIONS: list[dict[str, Any]] = [
    *({} for _ in range(6)),
    {"minimum_value": Decimal(150)},
    {"minimum_value": Decimal(150), "counted_price": Basis.REST},
    {"minimum_value": Decimal(100), "counted_price": Basis.REST, "without_tax": True},
    {"minimum_value": Decimal(100), "counted": "products"},
    {"minimum_quantity": Decimal(2), "counted": "products"},
    {"maximum_value": Decimal(400), "counted_price": Basis.LIST},
    {"maximum_value": Decimal(200), "counted_price": Basis.REST},
    {"weekdays": frozenset({2})},
    {"until_time": time(14, 1)},
]
CHOICES = [
    products(categories=["drinks"]),
    products(labels=["sale"]),
    products(categories=["cakes"], labels=["new"]),
    products(skus=["L0", "L1"]),
]
BANDS = [
    (Band(Decimal(1), Decimal(10)), Band(Decimal(150), amount=Decimal(40))),
    (Band(Decimal(2), amount=Decimal(50)), Band(Decimal(4), Decimal(50))),
]


@st.composite
def lines(draw: Any, key: str, cents: Decimal) -> Line:
    price = draw(st.sampled_from(PRICES)) + draw(st.sampled_from([0, cents]))
    quantity = draw(st.sampled_from(QUANTITIES))
    return Line(
        key=key,
        sku=key,
        category=draw(st.sampled_from(CATEGORIES)),
        labels=draw(st.sampled_from([(), ("new",), ("sale", "new")])),
        quantity=quantity,
        unit_price=price,
        discount=price * quantity * draw(st.sampled_from([0, 0, 0, 10, 50, 100])) / 100,
        tax=price * quantity * draw(st.sampled_from([0, 8])) / 100,
        floor=price * draw(st.sampled_from([0, 0, 30, 80, 120])) / 100,
    )


@st.composite
def baskets(draw: Any, *, cents: str = "0") -> Basket:
    count = draw(st.sampled_from([3, 2, 1, 4, 5]))
    told = tuple(draw(lines(f"L{n}", Decimal(cents))) for n in range(count))
    return Basket(told, draw(st.sampled_from([Decimal(30), Decimal(0)])))


@st.composite
def terms(draw: Any) -> Terms:
    kind = draw(st.sampled_from(KINDS))
    chosen = draw(st.sampled_from([None, *CHOICES]))
    told: dict[str, Any] = {
        "scope": draw(st.sampled_from(["order", "order", "delivery"])),
        "products": chosen or Products(),
        "price": draw(st.sampled_from(Basis)),
        "rounding": draw(st.sampled_from(Rounding)),
        "at_most": draw(st.sampled_from([None, None, Decimal(40), Decimal(1)])),
        "priority": draw(st.integers(1, 3)),
        "exclusive": draw(st.sampled_from([False, False, False, True])),
        "group": draw(st.sampled_from(["", "", "g"])),
        "excluded": draw(st.sampled_from([Products()] * 3 + CHOICES[:1])),
        **draw(st.sampled_from(CONDITIONS)),
        **draw(_of_kind(kind)),
    }
    if chosen and draw(st.booleans()):
        told["scope"] = "lines"
    if kind == Kind.FREE_PRODUCT and not chosen:
        told["products"] = CHOICES[0]
    return Terms.from_json(Terms(kind=kind, **told).to_json())


@st.composite
def _of_kind(draw: Any, kind: Kind) -> dict[str, Any]:
    if kind == Kind.PERCENT:
        return {"percent": draw(st.sampled_from(PERCENTS))}
    if kind == Kind.AMOUNT:
        return {"amount": Decimal(draw(st.sampled_from([50, 1, 33, 150, 1000])))}
    if kind == Kind.BANDS:
        by = draw(st.sampled_from(["quantity", "value"]))
        return {"bands": draw(st.sampled_from(BANDS)), "bands_by": by}
    if kind == Kind.FREE_DELIVERY:
        return {}
    return {
        "buy": draw(st.integers(1, 2)),
        "get": draw(st.integers(1, 2)),
        "every": draw(st.integers(2, 3)),
        "times": draw(st.sampled_from([None, 1, 2])),
        "given_percent": draw(st.sampled_from([Decimal(100), Decimal("33.3")])),
        "given_products": draw(st.sampled_from([Products(), *CHOICES])),
    }


def vouchers(most: int) -> st.SearchStrategy[list[Asked]]:
    """Return at least two, so that they have to get along."""
    return st.lists(terms(), min_size=2, max_size=most).map(
        lambda told: [Asked(f"V{n}", one) for n, one in enumerate(told)]
    )
