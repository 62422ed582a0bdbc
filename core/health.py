"""What the health pages ask: who answers, and who has been silent for too long."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from celery import current_app
from django.core.cache import cache
from django.db import DatabaseError, connection
from django.db.migrations.executor import MigrationExecutor

from core.models import Heartbeat

WORKER = "worker"
# Beat asks for a sign every 30 seconds; two missed ones and a half are a fault.
SILENT_AFTER = timedelta(seconds=75)


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was asked, and what it answered."""

    ok: bool
    says: str = "ok"


def note_heartbeat(*, name: str, at: datetime) -> None:
    """Write down that this process did its work just now."""
    Heartbeat.objects.update_or_create(name=name, defaults={"beat_at": at})


def check_database() -> Finding:
    try:
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1")
    except DatabaseError:
        return Finding(ok=False, says="does not answer")
    return Finding(ok=True)


def check_worker(*, at: datetime) -> Finding:
    """Tell how long ago the worker gave a sign of life; unknown is no fault."""
    try:
        heartbeat = Heartbeat.objects.filter(name=WORKER).first()
    except DatabaseError:
        return Finding(ok=True, says="unknown")
    if heartbeat is None:
        return Finding(ok=True, says="unknown")
    silent_for = at - heartbeat.beat_at
    seconds = max(0, int(silent_for.total_seconds()))
    return Finding(ok=silent_for <= SILENT_AFTER, says=f"{seconds} s ago")


def check_migrations() -> Finding:
    try:
        executor = MigrationExecutor(connection)
        plan = executor.migration_plan(executor.loader.graph.leaf_nodes())
    except DatabaseError:
        return Finding(ok=False, says="unknown")
    if plan:
        return Finding(ok=False, says=f"{len(plan)} not applied")
    return Finding(ok=True)


def check_broker() -> Finding:
    try:
        with current_app.connection_for_write() as broker:
            broker.ensure_connection(max_retries=0, timeout=1)
    # Each transport raises errors of its own kind; whichever it is, there is no broker.
    except Exception:
        return Finding(ok=False, says="does not answer")
    return Finding(ok=True)


def check_cache() -> Finding:
    try:
        cache.set("readiness", 1, timeout=5)
        found = cache.get("readiness")
    # As with the broker: whatever goes wrong, there is no cache.
    except Exception:
        return Finding(ok=False, says="does not answer")
    return Finding(ok=found == 1, says="ok" if found == 1 else "forgets")
