"""T15 for journeys: birthdays over three years, in zones whose clocks change.

A night of a few days is missed now and then, and a pass is repeated an hour earlier on the
clock; whoever has a birthday is wished well once for it, in the morning, never before.
"""

from collections import defaultdict
from collections.abc import Iterator
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest

from campaigns.gallery import create_from_gallery
from campaigns.services import advance_campaigns, run_campaign, start_campaign
from members.occasions import birthday_in
from messaging.models import Message
from tests import factories

DAY, HOUR = timedelta(days=1), timedelta(hours=1)
YEARS = (2026, 2027, 2028)
# Around the new year, the leap day, and the Sundays on which American clocks change.
BORN = (
    date(1990, 1, 1),
    date(1991, 1, 2),
    date(1992, 2, 29),
    date(1993, 2, 28),
    date(1994, 3, 1),
    date(1995, 3, 11),
    date(1996, 11, 4),
    date(1997, 12, 31),
)
# Nothing runs on these days.
OFF = {date(2026, 12, 29) + n * DAY for n in range(3)} | {
    date(2028, 2, 25) + n * DAY for n in range(3)
}
AHEAD = 3


def days() -> Iterator[date]:
    """Return the days around birthdays; on the others nothing would happen."""
    birthdays = [birthday_in(born, year) for born in BORN for year in (2025, *YEARS, 2029)]
    near = {b + n * DAY for b in birthdays for n in range(-AHEAD - 2, 3)}
    yield from sorted(day for day in near if date(2026, 1, 10) <= day < date(2029, 1, 10))


def wishes(zone: ZoneInfo) -> dict[date | None, list[datetime]]:
    """Return by the day of birth when wishes were queued, local time."""
    found: dict[date | None, list[datetime]] = defaultdict(list)
    for born, due_at in Message.objects.values_list("member__birth_date", "due_at"):
        found[born].append(due_at.astimezone(zone).replace(tzinfo=None))
    return {born: sorted(moments) for born, moments in found.items()}


@pytest.mark.parametrize("name", ["Asia/Ho_Chi_Minh", "America/New_York"])
def test_each_birthday_is_wished_well_once(db: None, name: str) -> None:
    zone = ZoneInfo(name)
    factories.make_programme(time_zone=name)
    for number, born in enumerate(BORN):
        factories.make_member(
            code=f"M{number}", phone=f"09{12345670 + number}", birth_date=born
        )
    start = datetime(2026, 1, 5, tzinfo=UTC)
    campaign = start_campaign(campaign=create_from_gallery("birthday"), at=start)

    for day in days():
        if day in OFF:
            continue
        night = datetime.combine(day, time(2), zone).astimezone(UTC)
        morning = datetime.combine(day, time(9), zone).astimezone(UTC)
        # The clock is put back an hour, and forth again.
        for at in (night, night - HOUR, night, morning - HOUR, morning, morning + HOUR):
            run_campaign(campaign=campaign, at=at, trigger="command")
            advance_campaigns(at=at)

    found = wishes(zone)
    assert set(found) == set(BORN)
    for born in BORN:
        birthdays = [birthday_in(born, year) for year in (*YEARS, 2029)]
        expected = [b - AHEAD * DAY for b in birthdays]
        expected = [d for d in expected if date(2026, 1, 10) <= d < date(2029, 1, 10)]
        on_time = [_next_that_runs(d) for d in expected]
        assert found[born] == [datetime.combine(d, time(9)) for d in on_time], born


def _next_that_runs(day: date) -> date:
    """Return the first day from this one on which something runs."""
    while day in OFF:
        day += DAY
    return day
