"""T15 for messages: hours and holidays over three years, clocks put on and back."""

from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest

from messaging.gate import next_opening, opening_tomorrow
from messaging.models import SendingPolicy

ZONES = ("Asia/Ho_Chi_Minh", "America/New_York", "Europe/London", "Asia/Kolkata")
FROM, UNTIL = time(8), time(21)
POLICY = SendingPolicy(marketing_from=FROM, marketing_until=UNTIL)
# A leap day, a new year, three days in a row, and both Sundays on which clocks change.
HOLIDAYS = frozenset(
    {
        date(2028, 2, 29),
        date(2027, 1, 1),
        date(2026, 4, 30),
        date(2026, 5, 1),
        date(2026, 5, 2),
        date(2026, 3, 8),
        date(2026, 10, 25),
    }
)
STEP = timedelta(minutes=97)
START, END = datetime(2026, 1, 1, tzinfo=UTC), datetime(2029, 1, 1, tzinfo=UTC)


def is_open(moment: datetime, zone: ZoneInfo) -> bool:
    local = moment.astimezone(zone)
    return FROM <= local.time() < UNTIL and local.date() not in HOLIDAYS


@pytest.mark.parametrize("name", ZONES)
def test_every_offer_waits_for_the_first_moment_that_is_allowed(name: str) -> None:
    zone, at = ZoneInfo(name), START
    while at < END:
        opening = next_opening(at, POLICY, zone, HOLIDAYS)
        if is_open(at, zone):
            assert opening is None, at
        else:
            assert opening is not None
            assert opening > at
            assert is_open(opening, zone), (at, opening)
            assert opening.astimezone(zone).time() == FROM
            # Nothing between the two would have been allowed.
            assert not is_open(opening - timedelta(minutes=1), zone)
            days = (opening.astimezone(zone).date() - at.astimezone(zone).date()).days
            between = [at.astimezone(zone).date() + timedelta(n) for n in range(1, days)]
            assert set(between) <= HOLIDAYS, (at, opening)
        at += STEP


@pytest.mark.parametrize("name", ZONES)
def test_tomorrow_is_the_next_local_day(name: str) -> None:
    zone, at = ZoneInfo(name), START
    while at < END:
        opening = opening_tomorrow(at, POLICY, zone).astimezone(zone)
        assert opening.date() == at.astimezone(zone).date() + timedelta(days=1)
        assert opening.time() == FROM
        at += timedelta(hours=7)


@pytest.mark.parametrize("step", [timedelta(hours=-1), timedelta(hours=1)])
def test_a_clock_that_jumps_an_hour_never_opens_early(step: timedelta) -> None:
    zone = ZoneInfo("Asia/Ho_Chi_Minh")
    night = datetime(2026, 3, 1, 22, tzinfo=UTC)  # five in the morning
    opening = next_opening(night, POLICY, zone)
    jumped = next_opening(night + step, POLICY, zone)
    assert opening == jumped == datetime(2026, 3, 2, 1, tzinfo=UTC)
