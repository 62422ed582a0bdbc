"""The worker's doors to rewards: "look now"; the rows are the work."""

from celery import shared_task
from django.utils import timezone

from core.nudge import nudge_after_commit
from rewards.batches import has_work, work_on_batches
from rewards.handouts.running import has_handouts, work_on_handouts
from rewards.services import lapse_unpaid, release_stale_holds

# A large batch goes to the end of the queue again: messages do not wait for it.
SLICE_SECONDS = 20


@shared_task
def release_held() -> int:
    """Give back what was held for a till or a payment and whose time is over."""
    at = timezone.now()
    return release_stale_holds(at=at) + lapse_unpaid(at=at)


@shared_task
def run_batches() -> None:
    """Work on handouts and batches in line for a while; what is left is announced again."""
    is_left = work_on_handouts(seconds=SLICE_SECONDS)
    if work_on_batches(seconds=SLICE_SECONDS) or is_left:
        nudge_batches()


def nudge_batches() -> None:
    """Wake a worker after commit; a nudge that is lost costs at most one poll."""
    nudge_after_commit(run_batches)


def poll_batches() -> None:
    """Announce once more what waits for a worker, or whose worker died."""
    if has_work() or has_handouts():
        nudge_batches()
