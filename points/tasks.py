"""The worker's doors to points: "look now"; the rows are the work."""

from celery import shared_task
from django.utils import timezone

from points.services import release_stale


@shared_task
def release_reservations() -> int:
    """Give back what tills reserved and never used."""
    return release_stale(at=timezone.now())
