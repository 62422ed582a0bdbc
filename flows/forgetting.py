"""What the house forgets by night: working records, once they are as old as staff say.

The ledger, orders, messages, enrolments, approvals and the audit trail are never forgotten.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from datetime import datetime, timedelta

from campaigns.forgetting import forget_happenings, forget_passes, forget_runs
from core.forgetting import forget_older
from core.models import JobRun, Programme
from flows.clock import WORK
from members.segments.watching import forget_changes
from messaging.webhooks import forget_events

logger = logging.getLogger(__name__)


def forget_records(*, at: datetime) -> dict[str, int]:
    """Forget what is older than the programme keeps records; return how many of each.

    Safe to repeat, and on two machines at once. One that fails keeps no other from it; the
    next night tries it again.
    """
    before = at - timedelta(days=Programme.current().records_days)
    forgotten: dict[str, int] = {}
    for name, forget in FORGET.items():
        try:
            forgotten[name] = forget(before=before)
        except Exception:
            logger.exception("Old %s were not forgotten", name)
    return forgotten


def _forget_jobs(*, before: datetime) -> int:
    """Forget how the clock's jobs went; other rows say that something was done once."""
    jobs = JobRun.objects.filter(job__in=WORK).exclude(state=JobRun.State.RUNNING)
    return forget_older(jobs, when="started_at", before=before)


FORGET: dict[str, Callable[..., int]] = {
    "segment_changes": forget_changes,
    "campaign_runs": forget_runs,
    "counter_passes": forget_passes,
    "happenings": forget_happenings,
    "provider_events": forget_events,
    "job_runs": _forget_jobs,
}
