"""Jobs whose only effect is a row, for beats and workers of their own.

As a program: makes the entries of the schedule, or edits them at an exact moment.

    python -m tests.battery.beat_probe prepare GUARDED BARE
    python -m tests.battery.beat_probe edit UNIX_TIME
"""

from __future__ import annotations

import json
import sys
import time
from typing import Any

import django

from loyalty_site.celery import app

django.setup()

from django.db import connection  # noqa: E402 - needs the setup
from django.utils import timezone  # noqa: E402
from django_celery_beat.models import CrontabSchedule, PeriodicTask  # noqa: E402

from core.jobs import run_once  # noqa: E402
from core.periods import period_of  # noqa: E402

TASK = "battery.probe"
TABLES = ("battery_firing", "battery_effect")
# Long enough for two workers to be at it at the same time.
WORK_SECONDS = 0.2


@app.task(bind=True, name=TASK)  # type: ignore[untyped-decorator]
def probe(self: Any, job: str, is_guarded: bool) -> None:
    period = period_of(self.request.periodic_task_name, now=timezone.now())

    def work() -> dict[str, Any]:
        time.sleep(WORK_SECONDS)
        note("battery_effect", job, period)
        return {}

    note("battery_firing", job, period)
    if is_guarded:
        run_once(job=job, period=period, work=work)
    else:
        # The negative control: what would happen without unique (job, period).
        work()


def note(table: str, job: str, period: str) -> None:
    with connection.cursor() as cursor:
        cursor.execute(f"INSERT INTO {table} VALUES (%s, %s)", [job, period])


def prepare(num_guarded: int, num_bare: int) -> None:
    with connection.cursor() as cursor:
        for table in TABLES:
            cursor.execute(f"CREATE TABLE {table} (job varchar(40), period varchar(40))")
    every_minute = CrontabSchedule.objects.create(timezone="Asia/Ho_Chi_Minh")
    for number in range(num_guarded + num_bare):
        is_guarded = number < num_guarded
        job = f"{'guarded' if is_guarded else 'bare'}-{number:02}"
        PeriodicTask.objects.create(
            name=f"Probe {number:02}",
            task=TASK,
            crontab=every_minute,
            # An entry that has run before: what it missed, a beat that returns fires.
            last_run_at=timezone.now(),
            kwargs=json.dumps({"job": job, "is_guarded": is_guarded}),
        )


def edit(moment: float) -> None:
    """Save every entry at this moment, as the console does; all beats read them anew."""
    entries = list(PeriodicTask.objects.filter(task=TASK))
    time.sleep(max(0.0, moment - time.time()))
    for entry in entries:
        entry.description = f"edited at {time.time():.3f}"
        entry.save()


if __name__ == "__main__":
    verb, *numbers = sys.argv[1:]
    if verb == "prepare":
        prepare(int(numbers[0]), int(numbers[1]))
    else:
        edit(float(numbers[0]))
