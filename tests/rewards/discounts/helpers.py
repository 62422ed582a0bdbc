"""Baskets and vouchers in a few words, so that the numbers of a test stand out."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from rewards.discounts.basket import Asked, Basket, Context, Line
from rewards.discounts.engine import evaluate
from rewards.discounts.results import Result
from rewards.discounts.terms import READERS, Band, Products, Terms

# A Monday, two in the afternoon in Ho Chi Minh City.
AT = datetime(2026, 3, 2, 7, 0, tzinfo=UTC)
MONEY = {"unit_price", "price", "discount", "tax", "floor", "quantity"}
NUMBERS = {
    *("percent", "amount", "at_most", "given_percent"),
    *("minimum_value", "maximum_value", "minimum_quantity"),
}
CHOICES = ("kind", "scope", "price", "rounding", "counted", "counted_price", "bands_by")


def products(**told: Iterable[str]) -> Products:
    return Products(**{name: frozenset(words) for name, words in told.items()})


def line(key: str, unit_price: int | str, quantity: int | str = 1, **told: Any) -> Line:
    """A line whose SKU is its key."""
    facts = {"sku": key, "unit_price": unit_price, "quantity": quantity, **told}
    numbers = {n: Decimal(v) for n, v in facts.items() if n in MONEY and v is not None}
    return Line(key=key, **{**facts, **numbers})


def basket(*lines: Line, delivery: int | str = 0) -> Basket:
    return Basket(lines, Decimal(delivery))


def terms(kind: str = "percent", **told: Any) -> Terms:
    """Terms from plain numbers; ``on`` are the categories that they are about."""
    for name in ("weekdays", "store_ids", "segment_ids", "channels", "payment_methods"):
        if name in told:
            told[name] = frozenset(told[name])
    if "on" in told:
        told["products"] = products(categories=told.pop("on"))
        told.setdefault("scope", "lines")
    if "bands" in told:
        told["bands"] = tuple(
            Band(*(None if n is None else Decimal(n) for n in band))
            for band in told["bands"]
        )
    told["kind"] = kind
    numbers = {n: Decimal(v) for n, v in told.items() if n in NUMBERS and v is not None}
    choices = {name: READERS[name](told[name]) for name in CHOICES if name in told}
    return Terms(**{**told, **numbers, **choices})


def asked(code: str, kind: str = "percent", **told: Any) -> Asked:
    return Asked(code, terms(kind, **told))


def context(**told: Any) -> Context:
    return Context(**{"at": AT, **told})


def ask(bought: Basket, *vouchers: Asked, **told: Any) -> Result:
    return evaluate(bought, vouchers, context(**told))


def taken(result: Result) -> dict[str, int]:
    """Return what each voucher takes off, by code."""
    return {v.asked.code: int(v.taken) for v in result.vouchers}


def off(bought: Basket, kind: str = "percent", **told: Any) -> int:
    """Return what one voucher takes off."""
    return int(ask(bought, asked("V", kind, **told)).taken)


def off_lines(bought: Basket, kind: str = "percent", **told: Any) -> list[int]:
    return [int(row.taken) for row in ask(bought, asked("V", kind, **told)).lines]


def why_not(result: Result) -> dict[str, str]:
    """Return the reason of each voucher that takes nothing off, by code."""
    return {v.asked.code: v.why_not.code for v in result.vouchers if v.why_not}


def reason(bought: Basket, kind: str = "percent", **told: Any) -> str:
    (voucher,) = ask(bought, asked("V", kind, **told)).vouchers
    return voucher.why_not.code if voucher.why_not else ""


def sentence(bought: Basket, kind: str = "percent", **told: Any) -> str:
    (voucher,) = ask(bought, asked("V", kind, **told)).vouchers
    return voucher.said[0].sentence
