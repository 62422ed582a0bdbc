"""The page of the books: big figures, a chart that says something, one line a day."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from django.utils.translation import gettext as _

from core.admin_tools import NOTHING, number, when
from core.models import Programme
from insights.admin.period import PeriodForm
from insights.dashboard import CHART_OPTIONS
from points.accounting import BETWEEN, COLUMNS, HELD, Books, PointsReport
from points.amounts import Unit, closed_up

# More lines than this nobody reads: then the page shows months, and the files the days.
MOST_DAYS_SHOWN = 62
CAME = ("earned", "granted", "released", "returned", "adjusted_up")


@dataclass(frozen=True, slots=True)
class Figure:
    """One big number, what it means, and whether it is bad news."""

    title: str
    value: str
    detail: str
    wrong: bool = False


@dataclass(frozen=True, slots=True)
class Line:
    """One line of the table as it is shown."""

    title: str
    cells: list[str]
    is_total: bool = False
    is_wrong: bool = False


def points_context(form: PeriodForm, report: PointsReport | None) -> dict[str, Any]:
    """Return what the page shows; without a report only the form."""
    context: dict[str, Any] = {
        "form": form,
        "shortcuts": form.shortcuts(),
        "query": form.query(),
        "report": report,
    }
    if report is None:
        return context
    names = _used_columns(report)
    unit = Unit.of(report.wallet, Programme.current())
    return {
        **context,
        "unit": unit.label,
        "figures": _figures(report, unit),
        "is_empty": not report.total.moves and not report.total.closing,
        "finding": _finding(report, unit),
        "chart": _chart(report),
        "chart_options": json.dumps(CHART_OPTIONS),
        "by_day": _by_day(report),
        "columns": [str(_all_columns()[name]) for name in names],
        "lines": _lines(report, names, unit),
    }


def books_table(report: PointsReport) -> tuple[list[str], list[list[Any]]]:
    """Return the whole table for a file: every day, every column."""
    columns = {**COLUMNS, **BETWEEN, **HELD}
    header = [
        _("Day"),
        _("Opening"),
        *(str(columns[name]) for name in COLUMNS),
        _("Closing"),
        _("Difference"),
        *(str(columns[name]) for name in (*BETWEEN, *HELD)),
        _("Held at the end"),
        _("Reserved at the end"),
        _("Transfers"),
    ]
    return header, [_row(books) for books in report.days]


def _row(books: Books) -> list[Any]:
    return [
        books.first,
        books.opening,
        *(books.sums[name] for name in COLUMNS),
        books.closing,
        books.difference,
        *(books.sums[name] for name in (*BETWEEN, *HELD)),
        books.held,
        books.reserved,
        books.moves,
    ]


# --- big figures ------------------------------------------------------------------------


def _figures(report: PointsReport, unit: Unit) -> list[Figure]:
    total = report.total
    given = total.sums["earned"] + total.sums["granted"] + total.sums["held_new"]
    return [
        Figure(
            _("Members hold"),
            unit.number(total.closing),
            _("%(count)s at the beginning") % {"count": unit.number(total.opening)},
        ),
        Figure(
            _("Given"),
            unit.number(given),
            _("%(count)s of them held at first")
            % {"count": unit.number(total.sums["held_new"])},
        ),
        Figure(
            _("Spent"),
            unit.number(-total.sums["spent"]),
            _("%(count)s came back") % {"count": unit.number(total.sums["returned"])},
        ),
        Figure(
            _("Expired"),
            unit.number(-total.sums["expired"]),
            _("%(count)s were taken back by refunds and reversals")
            % {"count": unit.number(-total.sums["taken_back"] - total.sums["held_back"])},
        ),
        Figure(
            _("The programme keeps"),
            unit.number(total.held + total.reserved),
            _("%(held)s held, %(reserved)s reserved by tills")
            % {"held": unit.number(total.held), "reserved": unit.number(total.reserved)},
        ),
        _proof(report),
    ]


def _proof(report: PointsReport) -> Figure:
    if report.ok:
        detail = _("Opening and movements meet the closing; accounts hold exactly that.")
        return Figure(_("Difference"), "0", detail)
    count = len(report.differences)
    detail = _("What does not fit stands above.")
    return Figure(_("Differences"), number(count), detail, wrong=True)


# --- the chart --------------------------------------------------------------------------


def _finding(report: PointsReport, unit: Unit) -> str:
    total = report.total
    came, went = _came(total), _went(total)
    facts = {
        "came": unit.number(came),
        "went": unit.number(went),
        "change": unit.number(abs(total.closing - total.opening)),
        "unit": unit.name,
    }
    if not came and not went:
        return _("Nothing moved in this period")
    if total.closing > total.opening:
        text = _("Members hold %(change)s %(unit)s more: %(came)s came, %(went)s went")
    elif total.closing < total.opening:
        text = _("Members hold %(change)s %(unit)s less: %(came)s came, %(went)s went")
    else:
        text = _("Members hold as much as before: %(came)s came, %(went)s went")
    return closed_up(text % facts)


def _came(books: Books) -> int:
    return sum(books.sums[name] for name in CAME)


def _went(books: Books) -> int:
    """Return what left members; with what came it makes the whole change."""
    return -sum(books.sums[name] for name in COLUMNS if name not in CAME)


def _chart(report: PointsReport) -> str:
    by_day = _by_day(report)
    bars = report.days if by_day else report.months
    return json.dumps(
        {
            "labels": [f"{b.first:%d/%m}" if by_day else f"{b.first:%m/%Y}" for b in bars],
            "datasets": [
                {
                    "label": _("Came to members"),
                    "data": [_came(books) for books in bars],
                    "backgroundColor": "var(--color-primary-600)",
                    "stack": "points",
                },
                {
                    "label": _("Left members"),
                    "data": [-_went(books) for books in bars],
                    "backgroundColor": "var(--color-primary-300)",
                    "stack": "points",
                },
            ],
        }
    )


# --- the table --------------------------------------------------------------------------


def _all_columns() -> dict[str, Any]:
    return {**COLUMNS, **BETWEEN, **HELD}


def _used_columns(report: PointsReport) -> list[str]:
    """Name the columns in which anything moved; fifteen of noughts help nobody."""
    return [
        name
        for name in (*COLUMNS, *BETWEEN)
        if any(books.sums[name] for books in report.days)
    ]


def _by_day(report: PointsReport) -> bool:
    return len(report.days) <= MOST_DAYS_SHOWN


def _lines(report: PointsReport, names: list[str], unit: Unit) -> list[Line]:
    """Show each day (where they are not too many), each month and the whole."""
    lines = []
    days = report.days if _by_day(report) else []
    for month in report.months:
        of_month = [day for day in days if month.first <= day.first <= month.last]
        lines += [_line(when(day.first), day, names, unit) for day in of_month]
        title = _("Month %(month)s") % {"month": f"{month.first:%m/%Y}"}
        lines.append(_line(title, month, names, unit, is_total=bool(days)))
    if len(report.months) > 1:
        lines.append(_line(_("Whole period"), report.total, names, unit, is_total=True))
    return lines


def _line(
    title: str, books: Books, names: list[str], unit: Unit, *, is_total: bool = False
) -> Line:
    return Line(
        title,
        [
            unit.bare(books.opening),
            *(_cell(books.sums[name], unit) for name in names),
            unit.bare(books.closing),
            _cell(books.held, unit),
            _cell(books.reserved, unit),
        ],
        is_total,
        bool(books.difference or books.unknown),
    )


def _cell(value: int, unit: Unit) -> str:
    return unit.bare(value) if value else NOTHING
