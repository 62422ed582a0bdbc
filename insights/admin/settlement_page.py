"""The page of the settlement: what each party pays, for which rule, for which orders."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from itertools import groupby
from typing import Any
from urllib.parse import urlencode

from django.urls import reverse
from django.utils.translation import gettext as _

from core.admin_tools import NOTHING, money, number
from core.clock import start_of_day
from core.models import Programme
from insights.admin.period import PeriodForm
from points.amounts import Unit
from points.days import ONE_DAY
from points.models import Funder
from points.settlement import Settlement, list_funded


@dataclass(frozen=True, slots=True)
class Row:
    """One rule of one party as it is shown."""

    rule: str
    wallet: str
    given: str
    taken_back: str
    net: str
    held: str
    worth: str
    orders: str
    address: str


@dataclass(frozen=True, slots=True)
class Party:
    """One funding party with its rules, and what it owes in all."""

    funder: Funder
    rows: list[Row]
    worth: str
    export: str


def settlement_context(form: PeriodForm, lines: Sequence[Settlement]) -> dict[str, Any]:
    """Return what the page shows."""
    programme = Programme.current()
    days = _written_between(form) if lines else {}
    return {
        "form": form,
        "shortcuts": form.shortcuts(),
        "query": form.query(),
        "parties": [
            _party(form.query(), days, funder, list(of_funder), programme)
            for funder, of_funder in groupby(lines, key=lambda line: line.funder)
        ],
        "worth": _sum(lines, str(programme.currency)),
        "has_funders": Funder.objects.exists(),
    }


def settlement_table(lines: Sequence[Settlement]) -> tuple[list[str], list[list[Any]]]:
    """Return the settlement for a file."""
    header = [
        _("Funding party"),
        _("Code"),
        _("Wallet"),
        _("Rule"),
        _("Given"),
        _("Taken back"),
        _("Net"),
        _("Still held"),
        _("Orders"),
        _("Worth"),
    ]
    rows = [
        [
            line.funder.name,
            line.funder.code,
            line.wallet.name,
            line.rule.name if line.rule else "",
            line.given,
            line.taken_back,
            line.net,
            line.held,
            line.orders,
            line.worth,
        ]
        for line in lines
    ]
    return header, rows


def movements_table(
    funder: Funder, first: date, last: date
) -> tuple[list[str], Iterator[Sequence[Any]]]:
    """Return every movement that a party pays for, for a file."""
    header = [
        _("Written at"),
        _("Happened at"),
        _("Order number"),
        _("Member code"),
        _("Rule"),
        _("Wallet"),
        _("Points"),
    ]
    return header, list_funded(funder=funder, first=first, last=last)


def _party(
    query: str,
    days: Mapping[str, Any],
    funder: Funder,
    lines: Sequence[Settlement],
    programme: Programme,
) -> Party:
    export = reverse("admin:points_settlement_movements", args=[funder.code])
    return Party(
        funder,
        [_row(days, line, programme) for line in lines],
        _sum(lines, str(programme.currency)),
        f"{export}?{query}",
    )


def _row(days: Mapping[str, Any], line: Settlement, programme: Programme) -> Row:
    unit = Unit.of(line.wallet, programme)
    return Row(
        line.rule.name if line.rule else NOTHING,
        line.wallet.name,
        unit.number(line.given),
        unit.number(line.taken_back),
        unit.number(line.net),
        unit.number(line.held),
        money(line.worth, programme.currency),
        number(line.orders),
        _ledger_address(days, line),
    )


def _written_between(form: PeriodForm) -> dict[str, str]:
    """Return the ledger's filter for the days of a period."""
    return {
        "created_at__gte": start_of_day(form.first).isoformat(),
        "created_at__lt": start_of_day(form.last + ONE_DAY).isoformat(),
    }


def _ledger_address(days: Mapping[str, Any], line: Settlement) -> str:
    """Return the ledger with only the movements that make up a row."""
    filters = {**days, "funder__id__exact": line.funder.pk}
    if line.rule:
        filters["rule__id__exact"] = line.rule.pk
    return f"{reverse('admin:points_transfer_changelist')}?{urlencode(filters)}"


def _sum(lines: Sequence[Settlement], currency: str) -> str:
    """Write what lines are worth together; points without a price are worth nothing."""
    known = [line.worth for line in lines if line.worth is not None]
    return money(sum(known, Decimal(0)) if known else None, currency)
