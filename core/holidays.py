"""Vietnam's public holidays, Tết by the lunar calendar among them, for staff to edit."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime

from django.db import transaction

from core.batch import Column, insert_new
from core.clock import local_date
from core.models import Holiday

COUNTRY, LANGUAGE = "VN", "vi"
COLUMNS = (Column("day", "date"), Column("name", "text"))


def public_holidays(years: Collection[int]) -> list[Holiday]:
    """Return Vietnam's public holidays of some years, unsaved and in order of day.

    Their names are Vietnamese, as members read them. Days off that the government moves
    are known only once it has said so; staff add them.
    """
    # Half a second to load, which only those should pay who ask.
    from holidays import country_holidays

    found = country_holidays(COUNTRY, years=years, language=LANGUAGE)
    return [Holiday(day=day, name=name[:80]) for day, name in sorted(found.items())]


@transaction.atomic
def fill_holidays(years: Collection[int]) -> int:
    """Add the public holidays that are missing; returns how many. Safe to repeat."""
    rows = [(holiday.day, holiday.name) for holiday in public_holidays(years)]
    return len(insert_new("core_holiday", COLUMNS, rows, conflict="day", returning="id"))


def keep_holidays(*, at: datetime) -> int:
    """Fill this year and the next where not one day is known; returns days added.

    A year of which staff keep days is theirs: what they took out does not come back.
    """
    year = local_date(at).year
    empty = [
        y for y in (year, year + 1) if not Holiday.objects.filter(day__year=y).exists()
    ]
    return fill_holidays(empty) if empty else 0
