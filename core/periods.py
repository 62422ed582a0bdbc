"""Which period a firing of the clock stands for."""

from __future__ import annotations

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

from django_celery_beat.models import PeriodicTask

from core.jobs import latest_slot


def period_of(entry_name: str | None, *, now: datetime) -> str:
    """Name the period for which an entry of the schedule fires.

    The newest moment at which the entry was due: however many clocks fire it, and however
    late a worker gets to it, they agree. Without an entry (someone pressed "run now") it
    is the minute.
    """
    entry = (
        PeriodicTask.objects.select_related("crontab").filter(name=entry_name).first()
        if entry_name
        else None
    )
    slot = entry and slot_of(entry, now=now)
    return period_text(slot or now)


def slot_of(entry: PeriodicTask, *, now: datetime) -> datetime | None:
    """Return when an entry was last due, at most a day back; None for intervals."""
    if entry.crontab is None:
        return None
    zone = ZoneInfo(str(entry.crontab.timezone))
    return latest_slot(entry.crontab.schedule, now.astimezone(zone))


def period_text(moment: datetime) -> str:
    return f"{moment.astimezone(UTC):%Y-%m-%dT%H:%MZ}"


def period_start(period: str) -> datetime:
    """Return the moment that a period is named after."""
    return datetime.strptime(period, "%Y-%m-%dT%H:%MZ").replace(tzinfo=UTC)
