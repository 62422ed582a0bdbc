"""Jobs that the clock starts: once for each period, whatever beat and broker do.

Beat only says "look now". Which period that means is read from the schedule, and a row in
the table of job runs, unique for job and period, is what makes one effective run of it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict
from datetime import datetime, timedelta
from typing import Any

from django.db.models import Q
from django.utils import timezone
from django_celery_beat.models import PeriodicTask

from campaigns.models import CampaignRun
from campaigns.services import run_campaigns
from core.errors import DomainError
from core.jobs import MAX_ATTEMPTS, run_once
from core.models import JobRun
from core.periods import period_of, period_text, slot_of
from flows.day import run_day
from points.sealing import seal_ledger

DAY = "day"
CAMPAIGNS = "campaigns"
SEAL = "seal"

# Celery kills a task after half an hour, so a run never outlives its lease.
LEASE = timedelta(minutes=31)
# After a failure (a database that was away, a lock) it is tried again, not at once.
PAUSE_AFTER_FAILURE = timedelta(minutes=2)
LOOK_BACK = timedelta(hours=23)


class DayFailed(DomainError):
    """A step of the programme day failed; the report says which."""

    code = "day_failed"
    status = 500


def _day(at: datetime) -> dict[str, Any]:
    report = run_day(at=at, trigger=CampaignRun.Trigger.CLOCK.value)
    if not report.ok:
        failed = [step for step in report.steps if not step.ok]
        raise DayFailed("; ".join(f"{step.name}: {step.error}" for step in failed))
    return report.as_json()


def _campaigns(at: datetime) -> dict[str, Any]:
    return run_campaigns(at=at, trigger=CampaignRun.Trigger.CLOCK.value)


def _seal(at: datetime) -> dict[str, Any]:
    return asdict(seal_ledger(at=at))


WORK: dict[str, Callable[[datetime], dict[str, Any]]] = {
    DAY: _day,
    CAMPAIGNS: _campaigns,
    SEAL: _seal,
}
# The task by which the schedule knows a job.
TASKS = {
    "flows.tasks.run_day": DAY,
    "campaigns.tasks.run_campaigns": CAMPAIGNS,
    "flows.tasks.seal_ledger": SEAL,
}


def run_by_clock(job: str, *, entry_name: str | None) -> JobRun | None:
    """Do a job for the period that an entry of the schedule fires for; None: it is done."""
    return _run(job, period_of(entry_name, now=timezone.now()))


def catch_up() -> list[JobRun]:
    """Do again what failed or died, and what beat announced but no worker ever heard."""
    done = [_run(job, period) for job, period in (*_unfinished(), *_unheard())]
    return [run for run in done if run is not None]


def _run(job: str, period: str) -> JobRun | None:
    return run_once(
        job=job, period=period, work=lambda: WORK[job](timezone.now()), lease=LEASE
    )


def _unfinished() -> list[tuple[str, str]]:
    now = timezone.now()
    failed = Q(state=JobRun.State.FAILED, finished_at__lt=now - PAUSE_AFTER_FAILURE)
    died = Q(state=JobRun.State.RUNNING, leased_until__lt=now)
    runs = JobRun.objects.filter(
        failed | died,
        job__in=WORK,
        attempts__lt=MAX_ATTEMPTS,
        started_at__gt=now - LOOK_BACK,
    )
    return list(runs.order_by("pk").values_list("job", "period"))


def _unheard() -> list[tuple[str, str]]:
    """Find slots that beat has fired, a minute ago or longer, and that nobody worked on."""
    now = timezone.now()
    entries = PeriodicTask.objects.select_related("crontab").filter(
        enabled=True, task__in=TASKS, crontab__isnull=False, last_run_at__isnull=False
    )
    fired: list[tuple[str, str]] = []
    for entry in entries:
        slot = slot_of(entry, now=now)
        if slot and slot <= entry.last_run_at < now - timedelta(minutes=1):
            fired.append((TASKS[entry.task], period_text(slot)))
    known = set(
        JobRun.objects.filter(period__in=[period for _job, period in fired]).values_list(
            "job", "period"
        )
    )
    return [pair for pair in fired if pair not in known]
