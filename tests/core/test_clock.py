"""Days are the programme's days; instants are UTC."""

from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.clock import (
    add_months,
    local_date,
    local_midday,
    parse_at,
    start_of_day,
)
from core.errors import InvalidInput
from tests.factories import make_programme

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize(
    ("at", "day"),
    [
        (datetime(2026, 3, 1, 16, 59, 59, tzinfo=UTC), date(2026, 3, 1)),
        (datetime(2026, 3, 1, 17, 0, tzinfo=UTC), date(2026, 3, 2)),
    ],
)
def test_a_day_begins_at_local_midnight(at: datetime, day: date) -> None:
    assert local_date(at) == day


def test_the_programme_names_the_zone() -> None:
    make_programme(time_zone="America/New_York")

    assert local_date(datetime(2026, 3, 2, 3, 0, tzinfo=UTC)) == date(2026, 3, 1)
    assert start_of_day(date(2026, 3, 2)) == datetime(2026, 3, 2, 5, 0, tzinfo=UTC)
    # The clocks go forward in the night to this day.
    assert start_of_day(date(2026, 3, 9)) == datetime(2026, 3, 9, 4, 0, tzinfo=UTC)


def test_midday_and_midnight() -> None:
    assert local_midday(date(2026, 3, 2)) == datetime(2026, 3, 2, 5, 0, tzinfo=UTC)
    assert start_of_day(date(2026, 3, 2)) == datetime(2026, 3, 1, 17, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("text", "at"),
    [
        ("1998-06-30", datetime(1998, 6, 30, 5, 0, tzinfo=UTC)),
        ("2026-12-31T09:30", datetime(2026, 12, 31, 2, 30, tzinfo=UTC)),
        ("2026-12-31 09:30:15", datetime(2026, 12, 31, 2, 30, 15, tzinfo=UTC)),
        ("2026-12-31T09:30Z", datetime(2026, 12, 31, 9, 30, tzinfo=UTC)),
        ("2026-12-31T09:30+02:00", datetime(2026, 12, 31, 7, 30, tzinfo=UTC)),
    ],
)
def test_reads_what_people_type(text: str, at: datetime) -> None:
    assert parse_at(text) == at


@pytest.mark.parametrize(
    "text", ["tomorrow", "2026-02-30", "31/12/2026", "2026-12-31T25:00"]
)
def test_refuses_what_is_no_time(text: str) -> None:
    with pytest.raises(InvalidInput, match="Write 2026-12-31 or 2026-12-31T09:30"):
        parse_at(text)


@pytest.mark.parametrize("text", ["", None])
def test_nothing_is_now(text: str | None) -> None:
    assert abs(parse_at(text) - datetime.now(UTC)) < timedelta(minutes=1)


@pytest.mark.parametrize(
    ("day", "months", "moved"),
    [
        (date(2026, 1, 31), 1, date(2026, 2, 28)),
        (date(2024, 1, 31), 1, date(2024, 2, 29)),
        (date(2024, 2, 29), 12, date(2025, 2, 28)),
        (date(2026, 11, 30), 1, date(2026, 12, 30)),
        (date(2026, 12, 15), 1, date(2027, 1, 15)),
        (date(2026, 3, 31), -1, date(2026, 2, 28)),
        (date(2026, 3, 2), 0, date(2026, 3, 2)),
    ],
)
def test_months_end_on_the_last_day_where_needed(
    day: date, months: int, moved: date
) -> None:
    assert add_months(day, months) == moved


@given(st.dates(date(1900, 1, 1), date(2100, 12, 31)), st.integers(-600, 600))
def test_months_keep_the_day_or_the_end_of_the_month(day: date, months: int) -> None:
    moved = add_months(day, months)

    assert (moved.year * 12 + moved.month) - (day.year * 12 + day.month) == months
    assert moved.day == day.day or (moved + timedelta(days=1)).day == 1
