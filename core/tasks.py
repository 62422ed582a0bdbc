"""The worker's own sign of life, and what it tidies up at night."""

import logging

from celery import shared_task
from django.utils import timezone

from core.health import WORKER, note_heartbeat
from core.pictures import forget_unused_pictures

logger = logging.getLogger(__name__)


@shared_task
def heartbeat() -> None:
    note_heartbeat(name=WORKER, at=timezone.now())


@shared_task
def forget_pictures() -> None:
    """Forget the pictures that nothing shows any more."""
    logger.info("Forgotten: %s pictures", forget_unused_pictures(at=timezone.now()))
