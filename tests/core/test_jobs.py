"""Jobs by the clock: one effective run for each period, whoever asks and when."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from celery.schedules import crontab
from django.utils import timezone

from core.jobs import MAX_ATTEMPTS, latest_slot, run_once
from core.models import JobRun

pytestmark = pytest.mark.django_db
HANOI = ZoneInfo("Asia/Ho_Chi_Minh")


def work() -> dict[str, Any]:
    return {"points": 5}


def never() -> dict[str, Any]:
    raise AssertionError("this period is done or taken")


def fail() -> dict[str, Any]:
    raise RuntimeError("no power")


def take(period: str, *, leased_until: datetime, attempts: int = 1) -> JobRun:
    """Make a run that another process has begun."""
    return JobRun.objects.create(
        job="day",
        period=period,
        attempts=attempts,
        leased_until=leased_until,
        started_at=timezone.now(),
    )


def test_does_the_work_once_for_a_period() -> None:
    run = run_once(job="day", period="2026-03-02", work=work)

    assert run is not None
    assert (run.state, run.result, run.attempts) == ("done", {"points": 5}, 1)
    assert run.finished_at is not None
    assert run_once(job="day", period="2026-03-02", work=never) is None
    assert run_once(job="day", period="2026-03-03", work=work) is not None
    assert run_once(job="other", period="2026-03-02", work=work) is not None
    assert JobRun.objects.count() == 3


def test_leaves_a_run_to_the_process_that_has_it() -> None:
    take("2026-03-02", leased_until=timezone.now() + timedelta(minutes=1))

    assert run_once(job="day", period="2026-03-02", work=never) is None
    assert JobRun.objects.get().state == "running"


def test_takes_over_from_a_process_that_died() -> None:
    take("2026-03-02", leased_until=timezone.now() - timedelta(seconds=1))

    run = run_once(job="day", period="2026-03-02", work=work)

    assert run is not None
    assert (run.state, run.attempts) == ("done", 2)


def test_a_failed_run_says_why_and_is_tried_again() -> None:
    with pytest.raises(RuntimeError):
        run_once(job="day", period="2026-03-02", work=fail)
    failed = JobRun.objects.get()
    assert (failed.state, failed.error) == ("failed", "RuntimeError('no power')")

    run = run_once(job="day", period="2026-03-02", work=work)

    assert run is not None
    assert (run.state, run.error, run.attempts) == ("done", "", 2)


def test_is_given_up_after_some_attempts() -> None:
    take(
        "2026-03-02",
        leased_until=timezone.now() - timedelta(days=1),
        attempts=MAX_ATTEMPTS,
    )

    assert run_once(job="day", period="2026-03-02", work=never) is None


def test_who_was_overtaken_does_not_write_the_result() -> None:
    """The lease ended while the work went on, and another process took the run."""

    def slow_work() -> dict[str, Any]:
        JobRun.objects.update(attempts=2)
        return {"points": 7}

    assert run_once(job="day", period="2026-03-02", work=slow_work) is None

    run = JobRun.objects.get()
    assert (run.state, run.result, run.attempts) == ("running", {}, 2)


@pytest.mark.parametrize(
    ("schedule", "now", "slot"),
    [
        (crontab(minute=0, hour=3), (2026, 3, 2, 3, 0, 40), (2026, 3, 2, 3, 0)),
        (crontab(minute=0, hour=3), (2026, 3, 2, 9, 15, 0), (2026, 3, 2, 3, 0)),
        (crontab(minute=0, hour=3), (2026, 3, 2, 2, 59, 59), (2026, 3, 1, 3, 0)),
        (crontab(minute="*/15"), (2026, 3, 2, 9, 44, 0), (2026, 3, 2, 9, 30)),
        # The second of March 2026 is a Monday, the first a Sunday.
        (
            crontab(minute=0, hour=3, day_of_week="sun"),
            (2026, 3, 2, 2, 0, 0),
            (2026, 3, 1, 3, 0),
        ),
    ],
)
def test_finds_the_moment_a_crontab_was_due(
    schedule: crontab, now: tuple[int, ...], slot: tuple[int, ...]
) -> None:
    found = latest_slot(schedule, datetime(*now, tzinfo=HANOI))

    assert found == datetime(*slot, tzinfo=HANOI)


def test_looks_back_a_day_and_no_further() -> None:
    schedule = crontab(minute=0, hour=3, day_of_month="1")

    assert latest_slot(schedule, datetime(2026, 3, 5, tzinfo=HANOI)) is None
