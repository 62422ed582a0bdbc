"""What beat calls at night, and the watch over it."""

import logging
from typing import Any

from celery import shared_task
from django.utils import timezone

from flows.clock import DAY, SEAL, catch_up, run_by_clock
from flows.forgetting import forget_records
from points.tasks import poll_back_tests
from rewards.tasks import poll_batches

logger = logging.getLogger(__name__)


@shared_task(bind=True, name="flows.tasks.run_day")
def run_day(self: Any) -> None:
    run_by_clock(DAY, entry_name=getattr(self.request, "periodic_task_name", None))


@shared_task(bind=True, name="flows.tasks.seal_ledger")
def seal_ledger(self: Any) -> None:
    run_by_clock(SEAL, entry_name=getattr(self.request, "periodic_task_name", None))


@shared_task(name="flows.tasks.forget_records")
def forget_old_records() -> None:
    """Forget the working records that are older than the programme keeps them."""
    logger.info("Forgotten: %s", forget_records(at=timezone.now()))


@shared_task(name="flows.tasks.catch_up")
def catch_up_jobs() -> None:
    poll_back_tests()
    poll_batches()
    catch_up()
