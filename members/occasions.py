"""Days of a member's own: the birthday, and the day on which they joined."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import date, datetime, timedelta

from django.db.models import Q, QuerySet
from django.db.models.functions import ExtractDay, ExtractMonth

from core.clock import local_date, programme_zone
from members.models import Member

# A night that never ran is caught up for so long.
CATCH_UP = timedelta(days=7)


def birthday_in(born: date, year: int) -> date:
    """Return the day on which a birthday is kept; 29 February becomes the 28th."""
    try:
        return born.replace(year=year)
    except ValueError:
        return date(year, 2, 28)


def joined_lately(*, at: datetime) -> Iterator[tuple[int, datetime]]:
    """Find the active members who joined in the last days: (member, when)."""
    joined = _active().filter(joined_at__gte=at - CATCH_UP, joined_at__lte=at)
    yield from joined.values_list("pk", "joined_at").iterator()


def birthdays_lately(*, at: datetime) -> Iterator[tuple[int, date]]:
    """Find the active members whose birthday was on one of the last days: (member, day)."""
    found = _active().filter(birth_date__isnull=False)
    marked = found.annotate(
        month=ExtractMonth("birth_date"), of_month=ExtractDay("birth_date")
    )
    days = _last_days(local_date(at))
    rows = marked.filter(_on_one_of(days)).values_list("pk", "birth_date")
    for pk, born in rows.iterator():
        assert born is not None, "only members with the day were asked for"
        yield from _kept_on(pk, born, days)


def anniversaries_lately(*, at: datetime) -> Iterator[tuple[int, date]]:
    """Find the active members who joined on one of the last days of an earlier year."""
    zone = programme_zone()
    marked = _active().annotate(
        month=ExtractMonth("joined_at", tzinfo=zone),
        of_month=ExtractDay("joined_at", tzinfo=zone),
    )
    days = _last_days(local_date(at))
    rows = marked.filter(_on_one_of(days)).values_list("pk", "joined_at")
    for pk, joined_at in rows.iterator():
        yield from _kept_on(pk, joined_at.astimezone(zone).date(), days)


def _active() -> QuerySet[Member]:
    return Member.objects.filter(state=Member.State.ACTIVE)


def _last_days(today: date) -> list[date]:
    return [today - timedelta(days=n) for n in range(CATCH_UP.days + 1)]


def _kept_on(pk: int, begun: date, days: Sequence[date]) -> Iterator[tuple[int, date]]:
    for day in days:
        if day.year > begun.year and birthday_in(begun, day.year) == day:
            yield pk, day


def _on_one_of(days: Sequence[date]) -> Q:
    wanted = Q()
    for day in days:
        wanted |= Q(month=day.month, of_month=day.day)
        if (day.month, day.day) == (2, 28):
            wanted |= Q(month=2, of_month=29)
    return wanted
