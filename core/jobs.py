"""Jobs that the clock starts: once for each period, whoever asks and however often."""

import logging
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

from django.db import transaction
from django.db.models import F, Q
from django.utils import timezone

from core.models import JobRun

logger = logging.getLogger(__name__)

LEASE = timedelta(minutes=10)
MAX_ATTEMPTS = 5


def run_once(
    *, job: str, period: str, work: Callable[[], dict[str, Any]], lease: timedelta = LEASE
) -> JobRun | None:
    """Do a job's work for a period unless it is done or someone else is at it.

    Returns the finished run, or None when there was nothing to do. A run whose process
    died is taken over when its lease ends, so ``work`` must be safe to repeat. The time
    here is the machine's own: a lease is about processes, not about programme days.
    """
    attempt = _claim(job, period, lease)
    if attempt is None:
        return None
    try:
        result = work()
    except Exception as error:
        _finish(job, period, attempt, state=JobRun.State.FAILED, error=repr(error)[:2000])
        logger.exception("Job %s failed for %s", job, period)
        raise
    # The lease may have passed to another worker; its result is the one that counts.
    if not _finish(job, period, attempt, state=JobRun.State.DONE, result=result):
        return None
    return JobRun.objects.get(job=job, period=period)


def _claim(job: str, period: str, lease: timedelta) -> int | None:
    """Take the run for this period and return its attempt number, or None."""
    now = timezone.now()
    with transaction.atomic():
        _run, created = JobRun.objects.get_or_create(
            job=job,
            period=period,
            defaults={"leased_until": now + lease, "started_at": now},
        )
    if created:
        return 1
    stale = Q(state=JobRun.State.RUNNING, leased_until__lt=now)
    failed = Q(state=JobRun.State.FAILED)
    free = JobRun.objects.filter(stale | failed, job=job, period=period)
    # The attempt number in the filter is the fence: only one claimant can move it on.
    for attempts in free.filter(attempts__lt=MAX_ATTEMPTS).values_list(
        "attempts", flat=True
    ):
        taken = free.filter(attempts=attempts).update(
            state=JobRun.State.RUNNING,
            attempts=F("attempts") + 1,
            leased_until=now + lease,
            started_at=now,
            error="",
        )
        if taken:
            return int(attempts) + 1
    return None


def _finish(
    job: str,
    period: str,
    attempt: int,
    *,
    state: str,
    result: dict[str, Any] | None = None,
    error: str = "",
) -> bool:
    run = JobRun.objects.filter(
        job=job, period=period, attempts=attempt, state=JobRun.State.RUNNING
    )
    return bool(
        run.update(
            state=state, finished_at=timezone.now(), result=result or {}, error=error
        )
    )


def latest_slot(schedule: Any, now: datetime) -> datetime | None:
    """Return the newest moment, at most a day back, at which a crontab was due.

    ``schedule`` is Celery's crontab; ``now`` is in the crontab's own time zone. Two beats
    that fire the same entry thus agree on the period they run for.
    """
    minute = now.replace(second=0, microsecond=0)
    for _step in range(24 * 60):
        if _matches(schedule, minute):
            return minute
        minute -= timedelta(minutes=1)
    return None


def _matches(schedule: Any, minute: datetime) -> bool:
    return (
        minute.minute in schedule.minute
        and minute.hour in schedule.hour
        and minute.day in schedule.day_of_month
        and minute.month in schedule.month_of_year
        and minute.isoweekday() % 7 in schedule.day_of_week
    )
