"""The last day of things that end: as people say it, not as the database keeps it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from core.models import Programme


@dataclass(frozen=True, slots=True)
class LastDay:
    """The last day on which something can be used, and its hour when the day has one."""

    day: date
    hour: str = ""


def last_day(until: datetime | None, zone: ZoneInfo) -> LastDay | None:
    """Turn an end that is not included into the last day that is; None has no end."""
    if until is None:
        return None
    local = until.astimezone(zone)
    if local.time() == time.min:
        return LastDay(local.date() - timedelta(days=1))
    return LastDay(local.date(), f"{local:%H:%M}")


def day_of(at: datetime, programme: Programme) -> date:
    """Return the programme's day of an instant."""
    return at.astimezone(programme.zone).date()
