"""Which days count, and how long a tier holds without another purchase. Pure dates."""

from __future__ import annotations

from datetime import date, timedelta
from typing import NamedTuple

from core.clock import add_months
from tiers.definition import Definition, Downgrade, Window

# Older than any purchase; PostgreSQL and SQLite both sort it first.
FIRST_DAY = date(1900, 1, 1)
LAST_YEAR = 9990
A_DAY = timedelta(days=1)


class Span(NamedTuple):
    """Days that count together, both ends in."""

    first: date
    last: date


def spans(definition: Definition, day: date, joined_on: date) -> list[Span]:
    """Return the spans of which one that meets a tier is enough, the present one first.

    With years, what was reached in one year is kept through the next: so the year before
    counts as well, with its days of grace.
    """
    if definition.window == Window.LIFETIME:
        return [Span(FIRST_DAY, day)]
    if definition.window == Window.ROLLING:
        return [Span(add_months(day, -definition.months) + A_DAY, day)]
    present = period(definition, day, joined_on)
    before = period(definition, present.first - A_DAY, joined_on)
    grace = timedelta(days=definition.grace_days)
    return [
        Span(present.first, day),
        Span(before.first, min(before.last + grace, day)),
    ]


def period(definition: Definition, day: date, joined_on: date) -> Span:
    """Return the year of the calendar, or of membership, that a day lies in."""
    if definition.window == Window.CALENDAR:
        return Span(date(day.year, 1, 1), date(day.year, 12, 31))
    years = day.year - joined_on.year
    if add_months(joined_on, 12 * years) > day:
        years -= 1
    first = add_months(joined_on, 12 * years)
    return Span(first, add_months(joined_on, 12 * (years + 1)) - A_DAY)


def counts_through(day: date, months: int) -> date:
    """Return the last day on which a purchase of ``day`` lies in the rolling window.

    Months have different lengths, so a day is tried from above instead of computed.
    """
    last = add_months(day, months) + timedelta(days=3)
    while add_months(last, -months) >= day:
        last -= A_DAY
    return last


def can_fall(definition: Definition) -> bool:
    """Tell whether time alone can lower a tier of this ladder."""
    return definition.downgrade != Downgrade.NONE and definition.window != Window.LIFETIME


def full_window_end(definition: Definition, day: date, joined_on: date) -> date:
    """Return how long a tier is left alone to whom it was given on a day."""
    if definition.window == Window.ROLLING:
        return add_months(day, definition.months) - A_DAY
    return period(definition, day, joined_on).last


def next_move(
    definition: Definition, day: date, joined_on: date, first_counted: date | None
) -> date | None:
    """Return the next day on which the measure changes without any new purchase."""
    if definition.window == Window.LIFETIME:
        return None
    if definition.window == Window.ROLLING:
        if first_counted is None:
            return None
        return counts_through(first_counted, definition.months) + A_DAY
    return period(definition, day, joined_on).last + A_DAY
