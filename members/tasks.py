"""The worker's doors to segments: "look now"; the rows are the work."""

import logging

from celery import shared_task
from django.utils import timezone

from members.segments.watching import refresh_segments

logger = logging.getLogger(__name__)


@shared_task
def refresh_watched() -> int:
    """Write down who entered and left the watched segments; returns how many did."""
    done = refresh_segments(at=timezone.now())
    if done.entered or done.left:
        logger.info("Segments: %s entered, %s left", done.entered, done.left)
    return done.entered + done.left
