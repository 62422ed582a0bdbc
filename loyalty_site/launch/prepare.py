"""Bring database and static files up to date, and fill an empty database."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from pathlib import Path

from django.conf import settings
from django.contrib.staticfiles.finders import get_finders
from django.core.management import call_command, get_commands
from django.db import OperationalError, connection
from django.utils import timezone

from core.health import WORKER, check_broker, note_heartbeat
from core.models import JobRun, Programme
from loyalty_site.launch.errors import CannotStart
from members.models import Member

DEMO_JOB, DEMO_PERIOD = "demo", "first-start"
STAMP = ".collected-from"

Say = Callable[[str], None]


def prepare_site(*, with_demo: bool, say: Say) -> None:
    """Do all that must be done before the first request; quick when nothing changed."""
    require_database()
    migrate(say=say)
    call_command("createcachetable", verbosity=0)
    collect_static(say=say)
    if with_demo and is_waiting_for_demo():
        fill_with_demo(say=say)
    # The worker's silence is counted from here, not from before the site was switched off.
    note_heartbeat(name=WORKER, at=timezone.now())


def require_database() -> None:
    try:
        connection.ensure_connection()
    except OperationalError as error:
        reason = str(error).strip().splitlines()[0].removeprefix("connection failed: ")
        raise CannotStart(
            f"The database of DATABASE_URL cannot be used: {reason}. Start or create it, "
            "or correct the address."
        ) from error


def require_broker() -> None:
    if not check_broker().ok:
        raise CannotStart(
            "The message broker of CELERY_BROKER_URL does not answer. Start it, correct "
            "the address, or remove the setting to let the site start one of its own."
        )


def migrate(*, say: Say) -> None:
    from django.db.migrations.executor import MigrationExecutor

    executor = MigrationExecutor(connection)
    plan = executor.migration_plan(executor.loader.graph.leaf_nodes())
    if plan:
        say(f"Database: {len(plan)} migrations…")
        call_command("migrate", verbosity=0, interactive=False)


def collect_static(*, say: Say) -> None:
    """Collect the static files when any of them has changed since the last time."""
    root = Path(settings.STATIC_ROOT)
    state, stamp = _static_state(), root / STAMP
    if stamp.exists() and stamp.read_text() == state:
        return
    say("Static files…")
    call_command("collectstatic", verbosity=0, interactive=False, clear=True)
    stamp.write_text(state)


def _static_state() -> str:
    digest = hashlib.sha256()
    for finder in get_finders():
        for path, storage in finder.list(None):
            file = Path(storage.path(path))
            status = file.stat()
            digest.update(f"{path} {status.st_size} {status.st_mtime_ns}\n".encode())
    return digest.hexdigest()


def is_waiting_for_demo() -> bool:
    """Tell an empty database, or one in which filling was interrupted."""
    run = JobRun.objects.filter(job=DEMO_JOB, period=DEMO_PERIOD).first()
    if run is not None:
        return run.state != JobRun.State.DONE
    return not (Programme.objects.exists() or Member.objects.exists())


def fill_with_demo(*, say: Say) -> None:
    """Set up a programme and fill it; what was interrupted is simply done again."""
    now = timezone.now()
    run, _created = JobRun.objects.get_or_create(
        job=DEMO_JOB,
        period=DEMO_PERIOD,
        defaults={"started_at": now, "leased_until": now},
    )
    for command in ("setup_programme", "seed_demo"):
        if command in get_commands():
            say(f"The database is empty: {command}…")
            call_command(command)
    run.state, run.finished_at = JobRun.State.DONE, timezone.now()
    run.save(update_fields=["state", "finished_at"])
