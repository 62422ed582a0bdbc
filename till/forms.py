"""What is typed at a till, read into a sale; every refusal says how to write it."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace
from decimal import Decimal

from django.http import QueryDict
from django.utils.translation import gettext as _

from activities.services import MAX_TOTAL
from core.errors import InvalidInput
from core.models import Programme
from core.parsing import parse_amount, parse_quantity, parse_whole
from till.sales import NOTHING, LineTold, Sale
from till.selling import AS_MANY_AS_POSSIBLE
from till.vouchers import Asks

MOST_LINES = 30
MOST_NUMBER = 60
MOST_POINTS = 10**12
# What no database keeps as text, or what would turn a line around.
_NO_TEXT = re.compile(r"[\x00-\x1f\x7f\u202a-\u202e\u2066-\u2069]")


def read_sale(data: QueryDict, told: Sale, asks: Asks, programme: Programme) -> Sale:
    """Add what was typed to what is known of a sale. Raises InvalidInput."""
    delivery = _optional_money(data.get("delivery", ""), _("the delivery fee"), programme)
    lines = _lines(data, asks, programme) if asks.lines else ()
    if lines:
        total = sum((line.total for line in lines), delivery)
    else:
        total = _money(data.get("total", ""), _("the total"), programme)
    if total > MAX_TOTAL:
        raise InvalidInput(_("The total is too large to be true."))
    if delivery > total:
        raise InvalidInput(_("The delivery fee is part of the total, not more than it."))
    method = data.get("payment_method", "")
    return replace(
        told,
        total=total,
        lines=lines,
        delivery_fee=delivery,
        number=read_number(data.get("number", "")),
        payment_method=method if method in asks.payment_methods else "",
        points=_points(data),
        wallet=data.get("wallet", "")[:40],
    )


def read_number(text: str) -> str:
    """Read an order number; spaces at its ends and signs nobody sees are dropped."""
    number = clean(text)
    if len(number) > MOST_NUMBER:
        text = _("An order number has at most %(most)s signs.")
        raise InvalidInput(text % {"most": MOST_NUMBER})
    return number


def clean(text: str) -> str:
    """Return a line of text without what no database keeps."""
    return " ".join(_NO_TEXT.sub(" ", text).split())


def _money(text: str, field: str, programme: Programme) -> Decimal:
    if not text.strip():
        raise InvalidInput(_("Type %(field)s, such as 85.000.") % {"field": field})
    amount = parse_amount(text.strip(), field, currency=programme.currency)
    if amount < 0 or amount != round(amount, programme.decimals):
        text = _("“%(text)s” in %(field)s is no amount of money.")
        raise InvalidInput(text % {"text": str(amount), "field": field})
    return amount


def _optional_money(text: str, field: str, programme: Programme) -> Decimal:
    return _money(text, field, programme) if text.strip() else NOTHING


def _lines(data: QueryDict, asks: Asks, programme: Programme) -> tuple[LineTold, ...]:
    """Read the lines that were filled in; who filled in none is asked for one."""
    known = {word.value for word in asks.words}
    rows = zip(data.getlist("quantity"), data.getlist("price"), _words(data), strict=False)
    lines = [
        _line(quantity, price, word if word in known else "", programme)
        for quantity, price, word in rows
        if price.strip()
    ]
    if not lines:
        raise InvalidInput(_("Type what is bought: how many, and the price of one."))
    if len(lines) > MOST_LINES:
        text = _("At most %(most)s lines fit. Put equal things on one line.")
        raise InvalidInput(text % {"most": MOST_LINES})
    return tuple(lines)


def _words(data: QueryDict) -> Sequence[str]:
    """Return what each line is; a table without such a choice has none."""
    told = data.getlist("word")
    return told or [""] * len(data.getlist("price"))


def _line(quantity: str, price: str, word: str, programme: Programme) -> LineTold:
    many = parse_quantity(quantity.strip() or "1", _("how many"))
    if many <= 0:
        raise InvalidInput(_("How many: write 1 or more."))
    line = LineTold(many, _money(price, _("the price"), programme), word)
    if line.total != round(line.total, 2) or line.total > MAX_TOTAL:
        raise InvalidInput(_("A line comes to no amount of money. Check it."))
    return line


def _points(data: QueryDict) -> int:
    """Read how many points shall pay; a tick without a number asks for all that can."""
    if data.get("pay_points") != "on":
        return 0
    text = data.get("points", "").strip()
    if not text:
        return AS_MANY_AS_POSSIBLE
    points = parse_whole(text, _("the points"))
    if not 1 <= points <= MOST_POINTS:
        raise InvalidInput(_("How many points shall pay: write a whole number above zero."))
    return points
