"""A form as it was typed, for who comes back to change it."""

from __future__ import annotations

from decimal import Decimal
from itertools import zip_longest
from typing import Any

from django.http import HttpRequest

from core.models import Programme
from core.money import group_digits
from till.forms import MOST_LINES
from till.sales import Sale
from till.shown import peek

FIELDS = (
    "total",
    "number",
    "delivery",
    "payment_method",
    "pay_points",
    "points",
    "wallet",
    "code",
)
# So many lines wait to be filled in; a script adds more.
FIRST_ROWS = 2


def filled(
    request: HttpRequest, programme: Programme, *, first_word: str = ""
) -> dict[str, Any]:
    """Return the fields as they were typed just now, or before the confirmation page."""
    if request.method == "POST":
        fields: dict[str, Any] = {name: request.POST.get(name, "") for name in FIELDS}
        columns = [request.POST.getlist(name) for name in ("quantity", "price", "word")]
        rows = [list(row) for row in zip_longest(*columns, fillvalue="")][:MOST_LINES]
    else:
        facts = peek(request, request.GET.get("from", ""), "sale")
        sale = Sale.from_json(facts["sale"]) if facts else None
        fields = _fields(sale, programme) if sale else {}
        rows = _rows(sale, programme) if sale else []
    empty = [
        ["1", "", "" if number or rows else first_word] for number in range(FIRST_ROWS)
    ]
    return {**fields, "rows": [*rows, *empty[len(rows) :]]}


def _fields(sale: Sale, programme: Programme) -> dict[str, str]:
    return {
        "total": _amount(sale.total, programme),
        "number": sale.number,
        "delivery": _amount(sale.delivery_fee, programme) if sale.delivery_fee else "",
        "payment_method": sale.payment_method,
        "pay_points": "on" if sale.points else "",
        "points": str(sale.points) if sale.points > 0 else "",
        "wallet": sale.wallet,
        "code": sale.code,
    }


def _rows(sale: Sale, programme: Programme) -> list[list[str]]:
    return [
        [f"{line.quantity.normalize():f}", _amount(line.price, programme), line.word]
        for line in sale.lines
    ]


def _amount(amount: Decimal, programme: Programme) -> str:
    if programme.decimals:
        return f"{amount:.{programme.decimals}f}"
    return group_digits(int(amount))
