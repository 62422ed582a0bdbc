"""Public holidays: Tết where the moon puts it, and what staff keep stays theirs."""

from datetime import date, datetime

import pytest
from django.contrib.auth.models import Permission, User
from django.test import Client
from django.urls import reverse

from core.clock import local_midday
from core.holidays import fill_holidays, keep_holidays
from core.models import Holiday

pytestmark = pytest.mark.django_db

# First days of the lunar year, as printed in calendars.
TET = [date(2026, 2, 17), date(2027, 2, 6), date(2028, 1, 26), date(2030, 2, 2)]


def test_tet_is_where_the_moon_puts_it() -> None:
    fill_holidays([day.year for day in TET])

    found = Holiday.objects.filter(name="Tết Nguyên Đán").order_by("day")
    assert list(found.values_list("day", flat=True)) == TET


def test_fixed_holidays_are_there() -> None:
    fill_holidays([2026])

    days = set(Holiday.objects.values_list("day", flat=True))
    assert {date(2026, 1, 1), date(2026, 4, 30), date(2026, 5, 1), date(2026, 9, 2)} <= days


def test_filling_twice_adds_nothing_and_keeps_names() -> None:
    Holiday.objects.create(day=date(2026, 9, 2), name="Ngày hội của quán")
    added = fill_holidays([2026])

    assert added > 10
    assert fill_holidays([2026]) == 0
    assert Holiday.objects.get(day=date(2026, 9, 2)).name == "Ngày hội của quán"


def test_the_night_fills_only_years_that_nobody_keeps(now: datetime) -> None:
    assert keep_holidays(at=now) > 20
    Holiday.objects.filter(day__lt=date(2027, 1, 1)).exclude(day=date(2026, 9, 2)).delete()

    assert keep_holidays(at=now) == 0

    assert Holiday.objects.filter(day__year=2026).count() == 1
    # A year later the next one comes.
    assert keep_holidays(at=local_midday(date(2027, 3, 1))) > 10
    days = Holiday.objects.values_list("day", flat=True)
    assert {day.year for day in days} == {
        2026,
        2027,
        2028,
    }


def test_staff_see_the_days_before_they_are_added(console: Client) -> None:
    page = console.get(reverse("admin:core_holiday_fill"))

    assert "Tết Nguyên Đán" in page.content.decode()
    assert not Holiday.objects.exists()
    console.post(reverse("admin:core_holiday_fill"))
    assert Holiday.objects.filter(name="Tết Nguyên Đán").count() == 2
    again = console.get(reverse("admin:core_holiday_fill")).content.decode()
    assert "known already" in again


def test_who_may_only_look_adds_nothing(helper: User, helper_console: Client) -> None:
    helper.user_permissions.add(Permission.objects.get(codename="view_holiday"))

    assert helper_console.post(reverse("admin:core_holiday_fill")).status_code == 403

    assert not Holiday.objects.exists()
