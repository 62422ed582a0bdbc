"""The answer of a back-test in sentences, and what was tested."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from django.utils.formats import date_format
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from core.models import Programme
from core.money import format_money, group_digits
from points.amounts import Unit, closed_up
from points.backtests.frozen import AFTER, BEFORE, definitions_of, unit_of
from points.earning.sentence import describe
from points.models import BackTest
from points.rules import group_names


@dataclass(frozen=True, slots=True)
class TestedRule:
    """A draft that was tested: how it is worded now, and how it would be."""

    name: str
    before: str
    after: str
    fields: list[str]


def finding_of(test: BackTest) -> list[str]:
    """Say in a sentence for each wallet what the drafts would change."""
    days = {
        "start": date_format(test.first_day, "d/m/Y"),
        "end": date_format(test.last_day, "d/m/Y"),
    }
    if not test.result.get("orders"):
        text = _(
            "There is no completed order from %(start)s to %(end)s. Choose other days."
        )
        return [text % days]
    currency = str(Programme.current().currency)
    frozen = {wallet["id"]: wallet for wallet in test.definitions["wallets"]}
    return [
        _sentence(wallet, frozen[wallet["id"]], days, currency)
        for wallet in test.result["wallets"]
    ]


def _sentence(
    told: dict[str, Any], wallet: dict[str, Any], days: dict[str, str], currency: str
) -> str:
    before, after, _given = told["points"]
    unit = unit_of(wallet)
    facts = {**days, "wallet": wallet["name"]}
    if not told["more"] and not told["less"]:
        text = _(
            "In the wallet “%(wallet)s” nothing would change: no member would have got "
            "more or less from %(start)s to %(end)s."
        )
        return text % facts
    facts["who"] = _who(told["more"], told["less"])
    facts["difference"] = _difference(after - before, unit)
    # What is money already costs what it says.
    worth = None if unit.currency else wallet["worth"]
    facts["cost"] = _cost(after - before, worth, currency)
    return (
        _("With the drafts, %(who)s: %(difference)s from %(start)s to %(end)s%(cost)s.")
        % facts
    )


def _who(more: int, less: int) -> str:
    gains = ngettext(
        "%(count)s member would get more", "%(count)s members would get more", more
    ) % {"count": group_digits(more)}
    if not less:
        return gains
    losses = ngettext(
        "%(count)s member would get less", "%(count)s members would get less", less
    ) % {"count": group_digits(less)}
    if not more:
        return losses
    return _("%(gains)s and %(losses)s") % {"gains": gains, "losses": losses}


def _difference(points: int, unit: Unit) -> str:
    facts = {"points": unit.number(abs(points)), "unit": unit.name}
    text = _("%(points)s %(unit)s more") if points > 0 else _("%(points)s %(unit)s less")
    if not points:
        text = _("as many %(unit)s in all")
        if unit.currency:
            text = _("as much in all")
    return closed_up(text % facts)


def _cost(points: int, worth: str | None, currency: str) -> str:
    if worth is None or not points:
        return ""
    money = format_money(abs(points) * Decimal(worth), currency)
    return _(", about %(money)s") % {"money": money}


def tested_rules(test: BackTest) -> list[TestedRule]:
    """Say each draft that differs from what is published, before and after."""
    programme = Programme.current()
    units = {wallet["id"]: unit_of(wallet) for wallet in test.definitions["wallets"]}
    before, after = (
        {definition.code: definition for definition in definitions_of(test, side)}
        for side in (BEFORE, AFTER)
    )
    groups = group_names([*before.values(), *after.values()])

    def said(definition: Any) -> str:
        if definition is None:
            return ""
        return describe(
            definition,
            unit=units[definition.wallet_id],
            programme=programme,
            group=groups.get(definition.segment_id or 0, ""),
        )

    return [
        TestedRule(
            (after.get(code) or before[code]).name or code,
            said(before.get(code)),
            said(after.get(code)),
            fields,
        )
        for code, fields in (
            (one["code"], one["fields"]) for one in test.definitions["changed"]
        )
    ]
