"""What is wrong with terms before anybody gets a voucher with them, field by field."""

from __future__ import annotations

from decimal import Decimal

from django.utils.translation import gettext as _

from rewards.discounts.terms import PIECE_KINDS, Kind, Measure, Scope, Terms


def faults(terms: Terms) -> dict[str, str]:
    """Return a sentence for each field that has to be corrected; none when all is well."""
    found = {**_of_kind(terms), **_of_pieces(terms), **_of_limits(terms)}
    if _needs_products(terms) and not terms.products:
        found["products"] = _("Choose at least one product, category, brand or label.")
    if any(not 1 <= day <= 7 for day in terms.weekdays):
        found["weekdays"] = _("Weekdays are numbers from 1 (Monday) to 7 (Sunday).")
    if terms.from_time is not None and terms.from_time == terms.until_time:
        found["until_time"] = _("The hours end when they begin. Choose another end.")
    return found


def _needs_products(terms: Terms) -> bool:
    if terms.kind in (Kind.PERCENT, Kind.AMOUNT, Kind.BANDS):
        return terms.scope == Scope.LINES
    return terms.kind == Kind.FREE_PRODUCT


def _is_percent(number: Decimal) -> bool:
    return 0 < number <= 100


def _of_kind(terms: Terms) -> dict[str, str]:
    if terms.kind == Kind.PERCENT and not _is_percent(terms.percent):
        return {"percent": _("Write a percentage above 0, up to 100.")}
    if terms.kind == Kind.AMOUNT and terms.amount <= 0:
        return {"amount": _("Write an amount above zero.")}
    if terms.kind == Kind.BANDS and (fault := _of_bands(terms)):
        return {"bands": fault}
    return {}


def _of_bands(terms: Terms) -> str:
    starts = [band.start for band in terms.bands]
    if not starts:
        return _("Fill in at least one band.")
    if starts != sorted(set(starts)) or starts[0] < 0:
        return _("Each band begins above the one before it.")
    for band in terms.bands:
        if (band.percent is None) == (band.amount is None):
            return _("Each band has either a percentage or an amount.")
        if band.percent is not None and not _is_percent(band.percent):
            return _("Write a percentage above 0, up to 100.")
        if band.amount is not None and band.amount <= 0:
            return _("Write an amount above zero.")
    if terms.bands_by == Measure.QUANTITY and starts[0] == 0:
        return _("The first band begins above zero pieces.")
    return ""


def _of_pieces(terms: Terms) -> dict[str, str]:
    found: dict[str, str] = {}
    if terms.kind not in PIECE_KINDS:
        return found
    if not _is_percent(terms.given_percent):
        found["given_percent"] = _("Write a percentage above 0, up to 100.")
    if terms.kind == Kind.CHEAPEST and terms.every < 2:
        found["every"] = _("Write at least 2 pieces.")
    if terms.kind == Kind.BUY_GET and terms.buy < 1:
        found["buy"] = _("Write at least 1 piece.")
    if terms.get < 1:
        found["get"] = _("Write at least 1 piece.")
    if terms.times is not None and terms.times < 1:
        found["times"] = _("Write at least once, or leave it empty.")
    return found


def _of_limits(terms: Terms) -> dict[str, str]:
    found = {}
    if terms.at_most is not None and terms.at_most <= 0:
        found["at_most"] = _("Write an amount above zero, or leave it empty.")
    for name in ("minimum_value", "minimum_quantity"):
        if getattr(terms, name) < 0:
            found[name] = _("It is not below zero.")
    if terms.maximum_value is not None and terms.maximum_value < terms.minimum_value:
        found["maximum_value"] = _("The highest value is not below the lowest.")
    return found
