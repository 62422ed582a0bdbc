"""The worker's doors to points: "look now"; the rows are the work."""

import logging

from celery import shared_task
from django.db import transaction
from django.utils import timezone

from points.backtests import has_work, work_on_back_tests
from points.services import release_stale

logger = logging.getLogger(__name__)

# A long back-test goes to the end of the queue again: messages do not wait for it.
SLICE_SECONDS = 20


@shared_task
def release_reservations() -> int:
    """Give back what tills reserved and never used."""
    return release_stale(at=timezone.now())


@shared_task
def run_back_tests() -> None:
    """Work on back-tests in line for a while; what is left is announced again."""
    if work_on_back_tests(seconds=SLICE_SECONDS):
        nudge_back_tests()


def nudge_back_tests() -> None:
    """Wake a worker after commit; a nudge that is lost costs at most one poll."""
    transaction.on_commit(_publish)


def poll_back_tests() -> None:
    """Announce once more what waits for a worker, or whose worker died."""
    if has_work():
        nudge_back_tests()


def _publish() -> None:
    try:
        run_back_tests.apply_async(expires=60, retry=False)
    except Exception as error:  # whatever the broker's client raises
        logger.warning("Back-tests were not announced: %s", type(error).__name__)
