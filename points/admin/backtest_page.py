"""What the result page of a back-test shows: figures, a chart, winners and losers."""

from __future__ import annotations

import json
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from django.http import HttpRequest
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _

from core.admin_tools import NOTHING, link, money, number, percent, programme_of, signed
from core.money import Rounding, round_whole
from members.models import Member
from points.admin.publishing import field_label, page_address
from points.amounts import Unit, closed_up
from points.backtests.findings import TestedRule, finding_of, tested_rules
from points.backtests.frozen import unit_of
from points.models import BackTest, BackTestMember, EarnRule
from points.rules import unpublished_changes

GRAY = "#808896"  # readable on the light ground and on the dark one
CHART_OPTIONS = {
    "animation": False,
    "locale": "vi",
    "responsive": True,
    "maintainAspectRatio": False,
    "datasets": {"bar": {"borderRadius": 3, "maxBarThickness": 32}},
    "plugins": {
        "legend": {
            "align": "start",
            "position": "bottom",
            "labels": {"color": GRAY, "boxWidth": 12, "boxHeight": 12},
        }
    },
    "scales": {
        "x": {"grid": {"display": False}, "ticks": {"color": GRAY}},
        "y": {"beginAtZero": True, "ticks": {"color": GRAY, "precision": 0}},
    },
}


@dataclass(frozen=True, slots=True)
class Tile:
    """One number of the result, and what it is to be read beside."""

    title: str
    value: str | SafeString
    detail: str


def result_page(test: BackTest, request: HttpRequest) -> dict[str, Any]:
    """Return what the page of a finished back-test needs beyond its frame."""
    finding = finding_of(test)
    names = _names(test) if request.user.has_perm("members.view_member") else {}
    frozen = {wallet["id"]: wallet for wallet in test.definitions["wallets"]}
    currency = str(programme_of(request).currency)
    is_empty = not test.result["orders"]
    return {
        "title": _("Result of the back-test"),
        "finding": finding,
        "orders": number(test.result["orders"]),
        "members": number(test.result["members"]),
        "is_empty": is_empty,
        "tested": _tested(test, request),
        "chart_options": json.dumps(CHART_OPTIONS),
        "wallets": []
        if is_empty
        else [
            _wallet(told, frozen[told["id"]], test, names, currency)
            for told in _worth_showing(test.result["wallets"])
        ],
        "has_members": request.user.has_perm("members.view_member")
        and BackTestMember.objects.filter(back_test=test).exists(),
    }


def _worth_showing(wallets: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Leave out the wallets in which nothing changes; their sentence says it all."""
    changed = [told for told in wallets if told["more"] or told["less"]]
    return changed or wallets


def _tested(test: BackTest, request: HttpRequest) -> list[dict[str, Any]]:
    """Say each draft; where it still waits to be published, lead there."""
    may_publish = request.user.has_perm("points.publish_earnrule")
    rules = EarnRule.objects.filter(
        code__in=[one["code"] for one in test.definitions["changed"]]
    ).prefetch_related("bands", "caps", "stores", "versions")
    by_code = {rule.code: rule for rule in rules.select_related("wallet")}
    codes = [one["code"] for one in test.definitions["changed"]]
    return [
        _tested_rule(tested, by_code.get(code), may_publish=may_publish)
        for code, tested in zip(codes, tested_rules(test), strict=True)
    ]


def _tested_rule(
    tested: TestedRule, rule: EarnRule | None, *, may_publish: bool
) -> dict[str, Any]:
    waits = rule is not None and bool(unpublished_changes(rule) or not rule.version)
    return {
        "tested": tested,
        "fields": [str(field_label(name)) for name in tested.fields],
        "address": link(rule, tested.name) if rule else tested.name,
        "publish": page_address("publish", rule.pk)
        if rule is not None and waits and may_publish
        else "",
    }


def _names(test: BackTest) -> dict[int, Member]:
    ids = {
        row[0]
        for told in test.result["wallets"]
        for row in (*told["winners"], *told["losers"])
    }
    return Member.objects.in_bulk(ids)


def _wallet(
    told: dict[str, Any],
    wallet: dict[str, Any],
    test: BackTest,
    names: dict[int, Member],
    currency: str,
) -> dict[str, Any]:
    unit = unit_of(wallet)
    return {
        "name": wallet["name"],
        "tiles": _tiles(told, wallet, test, currency),
        "chart": _chart(told["months"]),
        "months": [_numbers(_month(month), row, unit) for month, row in told["months"]],
        "rules": [
            {
                **_numbers(rule["name"], rule["points"], unit),
                "times": [number(count) for count in rule["times"][:2]],
            }
            for rule in told["rules"]
        ],
        "winners": [_member(row, names, unit) for row in told["winners"]],
        "losers": [_member(row, names, unit) for row in told["losers"]],
        "label": _("Money back a month, by the rules in force and with the drafts")
        if unit.currency
        else _("Points a month, by the rules in force and with the drafts"),
    }


def _tiles(
    told: dict[str, Any], wallet: dict[str, Any], test: BackTest, currency: str
) -> list[Tile]:
    before, after, given = told["points"]
    orders = test.result["orders"]
    unit = unit_of(wallet)
    worth = None if wallet["worth"] is None else Decimal(wallet["worth"])
    earning, earning_after, _given = told["earning"]
    tiles = [
        Tile(
            _("Difference in money") if unit.currency else _("Difference in points"),
            _signed(after - before, unit),
            _instead(before, after, unit),
        ),
        Tile(
            _("Members who get more"),
            number(told["more"]),
            _("%(less)s get less, %(same)s the same")
            % {"less": number(told["less"]), "same": number(told["same"])},
        ),
        Tile(
            _("Orders that earn"),
            percent(earning_after, orders),
            _("%(share)s by the rules in force") % {"share": percent(earning, orders)},
        ),
        Tile(
            _("Average for an order"),
            _average(after, orders, unit),
            _("%(average)s by the rules in force")
            % {"average": _average(before, orders, unit)},
        ),
        Tile(
            _("Really given"),
            unit.number(given),
            _("by the versions and limits of their time, less refunds"),
        ),
    ]
    if worth is not None and not unit.currency:
        cost = _signed_money((after - before) * worth, currency)
        detail = _("one is worth %(worth)s") % {"worth": _worth(worth, currency)}
        tiles.insert(1, Tile(_("Cost of the difference"), cost, detail))
    return tiles


def _signed(points: int, unit: Unit) -> str | SafeString:
    return signed(points, unit.signed(points)) if points else "0"


def _instead(before: int, after: int, unit: Unit) -> str:
    text = _("%(after)s instead of %(before)s %(unit)s (%(share)s)") % {
        "after": unit.number(after),
        "before": unit.number(before),
        "unit": unit.name,
        "share": _change(before, after),
    }
    return closed_up(text)


def _change(before: int, after: int) -> str:
    if not before:
        return NOTHING
    sign = "+" if after > before else "−" if after < before else ""
    return sign + percent(abs(after - before), before)


def _average(points: int, orders: int, unit: Unit) -> str:
    if not orders:
        return NOTHING
    if unit.currency:
        return unit.number(round_whole(Decimal(points) / orders, Rounding.HALF_UP))
    return f"{points / orders:.1f}".replace(".", ",")


def _worth(worth: Decimal, currency: str) -> str:
    # A point may be worth a fraction of the smallest coin.
    if currency == "VND" and worth != worth.to_integral_value():
        return f"{worth.normalize():f}".replace(".", ",") + " ₫"
    return money(worth, currency)


def _signed_money(amount: Decimal, currency: str) -> str:
    sign = "+" if amount > 0 else "−" if amount < 0 else ""
    return sign + money(abs(amount), currency)


def _month(month: str) -> str:
    year, _dash, number_of_month = month.partition("-")
    return f"{number_of_month}/{year}"


def _numbers(name: str, row: list[int], unit: Unit) -> dict[str, Any]:
    before, after, given = row
    return {
        "name": name,
        "before": unit.number(before),
        "after": unit.number(after),
        "difference": _signed(after - before, unit),
        "given": unit.number(given),
    }


def _member(row: list[int], names: dict[int, Member], unit: Unit) -> dict[str, Any]:
    member_id, before, after = row
    member = names.get(member_id)
    return {
        "member": link(member)
        if member
        else _("member %(number)s") % {"number": member_id},
        "before": unit.number(before),
        "after": unit.number(after),
        "difference": signed(after - before, unit.signed(after - before)),
    }


def _chart(months: list[Any]) -> str:
    """Return the data of the chart as the console's chart component reads it."""
    datasets = [
        (_("Rules in force"), 0, "var(--color-primary-300)"),
        (_("With the drafts"), 1, "var(--color-primary-600)"),
        (_("Really given"), 2, GRAY),
    ]
    return json.dumps(
        {
            "labels": [_month(month) for month, _row in months],
            "datasets": [
                {
                    "label": label,
                    "data": [row[column] for _name, row in months],
                    "backgroundColor": color,
                }
                for label, column, color in datasets
            ],
        }
    )
