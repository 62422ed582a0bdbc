"""The worker's doors to rewards: "look now"; the rows are the work."""

from celery import shared_task
from django.utils import timezone

from rewards.services import lapse_unpaid, release_stale_holds


@shared_task
def release_held() -> int:
    """Give back what was held for a till or a payment and whose time is over."""
    at = timezone.now()
    return release_stale_holds(at=at) + lapse_unpaid(at=at)
