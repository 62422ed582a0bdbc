"""The worker's doors to points: "look now"; the rows are the work."""

from celery import shared_task
from django.utils import timezone

from core.nudge import nudge_after_commit
from points.backtests import has_work, work_on_back_tests
from points.services import release_stale

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
    nudge_after_commit(run_back_tests)


def poll_back_tests() -> None:
    """Announce once more what waits for a worker, or whose worker died."""
    if has_work():
        nudge_back_tests()
