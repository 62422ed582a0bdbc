"""Limits by span: counted and refused by one statement, so that no race fits between."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from datetime import date
from typing import NamedTuple

from django.db.models import F, QuerySet

from core.batch import Column, fetch_all, rows_source, sql_value
from points.earning.caps import as_date, first_day
from rewards.models import Tally


class Limit(NamedTuple):
    """At most ``most`` times in a span: for one member, or (None) for everyone together."""

    subject: str
    member_id: int | None
    period: str
    most: int


# What a limit counts in one span.
Count = tuple[str, int | None, str, date]

_TAKE = """
INSERT INTO rewards_tally (subject, member_id, period, starts_on, times)
VALUES (%s, %s, %s, %s, 1)
ON CONFLICT ({columns}) {where} DO UPDATE SET times = rewards_tally.times + 1
WHERE rewards_tally.times < %s
RETURNING times
"""
TAKE_OF_MEMBER = _TAKE.format(
    columns="subject, member_id, period, starts_on", where="WHERE member_id IS NOT NULL"
)
TAKE_OF_EVERYONE = _TAKE.format(
    columns="subject, period, starts_on", where="WHERE member_id IS NULL"
)

# In two parts, because the keys of members and of everyone are two partial indexes.
COUNTED_COLUMNS = (Column("subject", "text"), Column("member_id", "bigint"))
COUNTED = """
SELECT t.subject, t.member_id, t.period, t.starts_on, t.times
FROM {source} JOIN rewards_tally t ON t.subject = r.subject AND t.member_id = r.member_id
UNION ALL
SELECT t.subject, t.member_id, t.period, t.starts_on, t.times
FROM {source} JOIN rewards_tally t ON t.subject = r.subject AND t.member_id IS NULL
"""


def take(limits: Iterable[Limit], *, day: date) -> Limit | None:
    """Count one use under each limit; returns the first that is reached, else None.

    Call it in a transaction that a refusal rolls back. A member's own counts come first:
    those that everyone shares are locked for the shortest time.
    """
    for limit in sorted(limits, key=order_of):
        sql = TAKE_OF_EVERYONE if limit.member_id is None else TAKE_OF_MEMBER
        starts_on = first_day(limit.period, day)
        values = [limit.subject, limit.member_id, limit.period, sql_value(starts_on)]
        if limit.most < 1 or not fetch_all(sql, [*values, limit.most]):
            return limit
    return None


def give_back(limits: Iterable[Limit], *, day: date) -> None:
    """Take back one use under each limit, in the span of the day that counted it."""
    for limit in sorted(limits, key=order_of):
        _of(limit.member_id).filter(
            subject=limit.subject,
            period=limit.period,
            starts_on=first_day(limit.period, day),
            times__gt=0,
        ).update(times=F("times") - 1)


def counts(
    subjects: Collection[str], *, member_id: int | None, day: date
) -> dict[Count, int]:
    """Return how often each limit was used in the spans that hold a day. One query."""
    rows = [(subject, member_id) for subject in sorted(subjects)]
    source, parameters = rows_source(COUNTED_COLUMNS, rows)
    found = fetch_all(COUNTED.format(source=source), parameters * 2, prepare=True)
    return {
        (subject, member, period, as_date(starts_on)): times
        for subject, member, period, starts_on, times in found
        if as_date(starts_on) == first_day(period, day)
    }


def is_reached(limit: Limit, used: dict[Count, int], day: date) -> bool:
    """Tell from what ``counts`` read whether a limit leaves no room."""
    return used.get(count_of(limit, day), 0) >= limit.most


def count_of(limit: Limit, day: date) -> Count:
    """Name the count of a limit in the span that holds a day."""
    return limit.subject, limit.member_id, limit.period, first_day(limit.period, day)


def _of(member_id: int | None) -> QuerySet[Tally]:
    if member_id is None:
        return Tally.objects.filter(member__isnull=True)
    return Tally.objects.filter(member_id=member_id)


def order_of(limit: Limit) -> tuple[bool, str, int, str]:
    """Return where a limit stands in the order in which all are locked."""
    return (
        limit.member_id is None,
        limit.subject,
        limit.member_id or 0,
        limit.period,
    )
