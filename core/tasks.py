"""The worker's own sign of life."""

from celery import shared_task
from django.utils import timezone

from core.health import WORKER, note_heartbeat


@shared_task
def heartbeat() -> None:
    note_heartbeat(name=WORKER, at=timezone.now())
