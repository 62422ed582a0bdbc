"""A voucher in one sentence, as it would stand in the terms and conditions."""

from __future__ import annotations

from collections.abc import Collection
from decimal import Decimal

from django.utils.translation import gettext as _

from core.money import Rounding, format_money, plain_number
from rewards.discounts.conditions import hours, weekdays
from rewards.discounts.terms import (
    PIECE_KINDS,
    Band,
    Basis,
    Counted,
    Kind,
    Measure,
    Products,
    Scope,
    Terms,
)

MOST_WORDS = 4


def describe(terms: Terms, *, currency: str) -> str:
    """Say what a voucher takes off, from what, when, for whom and beside which others."""
    if terms.kind == Kind.PARTNER:
        return _("A code for a partner; it takes nothing off here.")
    parts = [
        _what(terms, currency),
        *_how_much(terms, currency),
        *_from_what(terms),
        *_thresholds(terms, currency),
        *_when(terms),
        *_for_whom(terms),
    ]
    text = "; ".join([", ".join(parts), *_beside(terms)]) + "."
    return text[:1].upper() + text[1:]


def _what(terms: Terms, currency: str) -> str:
    if terms.kind in PIECE_KINDS:
        return _pieces(terms)
    facts = {
        "percent": plain_number(terms.percent),
        "amount": format_money(terms.amount, currency),
        "what": _off_what(terms),
        "bands": "; ".join(_band(terms, band, currency) for band in terms.bands),
    }
    texts = {
        Kind.PERCENT: _("%(percent)s%% off %(what)s"),
        Kind.AMOUNT: _("%(amount)s off %(what)s"),
        Kind.FREE_DELIVERY: _("free delivery"),
        Kind.BANDS: _("off %(what)s %(bands)s"),
    }
    return texts[terms.kind] % facts


def _off_what(terms: Terms) -> str:
    if terms.scope == Scope.DELIVERY:
        return _("delivery")
    if terms.scope == Scope.ORDER:
        return _("the order")
    products = _products(terms.products)
    if terms.kind == Kind.AMOUNT:
        return _("%(products)s together") % {"products": products}
    return products


def _band(terms: Terms, band: Band, currency: str) -> str:
    by_value = terms.bands_by == Measure.VALUE
    facts = {
        "start": format_money(band.start, currency) if by_value else "",
        "count": plain_number(band.start),
        "off": (
            f"{plain_number(band.percent)}%"
            if band.percent is not None
            else format_money(band.amount or Decimal(0), currency)
        ),
    }
    if by_value:
        return _("from %(start)s: %(off)s") % facts
    return _("from %(count)s pieces: %(off)s") % facts


def _pieces(terms: Terms) -> str:
    free = terms.given_percent == 100
    facts: dict[str, object] = {
        "products": _products(terms.products),
        "given": _products(terms.given_products),
        "buy": terms.buy,
        "get": terms.get,
        "every": terms.every,
        "percent": plain_number(terms.given_percent),
    }
    facts["off"] = _("free") if free else _("%(percent)s%% off") % facts
    if terms.kind == Kind.FREE_PRODUCT:
        return _("%(get)s × %(products)s %(off)s, the cheapest in the basket") % facts
    if terms.kind == Kind.CHEAPEST:
        return _("of every %(every)s × %(products)s the cheapest %(off)s") % facts
    if terms.gives_what_is_bought:
        return _("buy %(buy)s × %(products)s, get %(get)s more %(off)s") % facts
    return _("buy %(buy)s × %(products)s, get %(get)s × %(given)s %(off)s") % facts


def _how_much(terms: Terms, currency: str) -> list[str]:
    parts = []
    if terms.kind in (Kind.BUY_GET, Kind.CHEAPEST) and terms.times is not None:
        parts.append(_("at most %(times)s times in an order") % {"times": terms.times})
    if terms.at_most is not None:
        money = format_money(terms.at_most, currency)
        parts.append(_("at most %(money)s") % {"money": money})
    if terms.kind in (Kind.AMOUNT, Kind.FREE_DELIVERY):
        return parts
    if terms.price != Basis.REST:
        parts.append(_("of the price %(basis)s") % {"basis": terms.price.label})
    if terms.rounding != Rounding.DOWN:
        parts.append(str(terms.rounding.label))
    return parts


def _from_what(terms: Terms) -> list[str]:
    parts = []
    if terms.products and terms.where != Scope.LINES:
        words = {"products": _products(terms.products)}
        parts.append(_("with %(products)s in the basket") % words)
    if terms.excluded:
        parts.append(_("without %(products)s") % {"products": _products(terms.excluded)})
    return parts


def _thresholds(terms: Terms, currency: str) -> list[str]:
    parts = []
    of_order = terms.counted == Counted.ORDER
    facts = {
        "start": format_money(terms.minimum_value, currency),
        "end": format_money(terms.maximum_value or terms.minimum_value, currency),
        "count": plain_number(terms.minimum_quantity),
        "what": _("orders") if of_order else _("these products"),
        "basis": terms.counted_price.label,
    }
    if terms.minimum_value and terms.maximum_value is not None:
        parts.append(_("for %(what)s from %(start)s to %(end)s") % facts)
    elif terms.minimum_value:
        parts.append(_("for %(what)s from %(start)s") % facts)
    elif terms.maximum_value is not None:
        parts.append(_("for %(what)s up to %(end)s") % facts)
    if terms.minimum_quantity:
        parts.append(_("for %(what)s from %(count)s pieces") % facts)
    if not (terms.minimum_value or terms.maximum_value is not None or _by_value(terms)):
        return parts
    if terms.counted_price != Basis.SHOP:
        parts.append(_("counted %(basis)s") % facts)
    if terms.without_tax:
        parts.append(_("counted without tax"))
    return parts


def _by_value(terms: Terms) -> bool:
    return terms.kind == Kind.BANDS and terms.bands_by == Measure.VALUE


def _when(terms: Terms) -> list[str]:
    parts = []
    if terms.weekdays:
        parts.append(_("on %(days)s") % {"days": weekdays(terms)})
    if terms.from_time or terms.until_time:
        parts.append(_("between %(start)s and %(end)s") % hours(terms))
    return parts


def _for_whom(terms: Terms) -> list[str]:
    parts = []
    if terms.first_order_only:
        parts.append(_("on a member's first order"))
    if terms.segment_ids:
        parts.append(_("for certain groups of members"))
    if terms.store_ids:
        parts.append(_("in %(count)s stores") % {"count": len(terms.store_ids)})
    if terms.channels:
        parts.append(_("through %(channels)s") % {"channels": _words(terms.channels)})
    if terms.payment_methods:
        parts.append(_("paid by %(methods)s") % {"methods": _words(terms.payment_methods)})
    return parts


def _beside(terms: Terms) -> list[str]:
    parts = []
    if terms.exclusive:
        parts.append(_("not together with other vouchers"))
    elif terms.group:
        parts.append(_("one voucher of “%(group)s” for an order") % {"group": terms.group})
    return parts


def _products(products: Products) -> str:
    return _words(products.words) or _("any product")


def _words(words: Collection[str]) -> str:
    listed = sorted(words)
    if len(listed) <= MOST_WORDS:
        return ", ".join(listed)
    some, rest = listed[:MOST_WORDS], len(listed) - MOST_WORDS
    return _("%(some)s and %(rest)s more") % {"some": ", ".join(some), "rest": rest}
