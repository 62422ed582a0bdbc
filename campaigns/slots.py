"""The days on which a recurring campaign runs."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta

from campaigns.models import Campaign
from core.clock import local_date, programme_zone

# A day that could not be kept (a machine that was off) is still kept a day later.
LATEST = timedelta(days=1)


def due_slot(campaign: Campaign, *, at: datetime) -> datetime | None:
    """Return the moment (UTC) for which a recurring campaign has yet to run, or None."""
    slot = last_slot(campaign, at=at)
    if slot is None or slot < at - LATEST:
        return None
    if campaign.started_at is not None and slot < campaign.started_at:
        return None
    done = campaign.ran_slot_at
    return slot if done is None or done < slot else None


def last_slot(campaign: Campaign, *, at: datetime) -> datetime | None:
    """Return the last of a campaign's moments (UTC) up to ``at``; None: none in a month."""
    zone = programme_zone()
    for day in _days_back(local_date(at)):
        if not _falls_on(campaign, day):
            continue
        slot = datetime.combine(day, campaign.at_time, tzinfo=zone).astimezone(UTC)
        if slot <= at:
            return slot
    return None


def _days_back(today: date) -> Iterator[date]:
    return (today - timedelta(days=n) for n in range(63))


def _falls_on(campaign: Campaign, day: date) -> bool:
    if campaign.recurs == Campaign.Recurs.WEEKLY:
        return day.weekday() == campaign.weekday
    if campaign.recurs == Campaign.Recurs.MONTHLY:
        is_last = (day + timedelta(days=1)).day == 1
        return day.day == campaign.month_day or (is_last and day.day < campaign.month_day)
    return True
