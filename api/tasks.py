"""Background work of the API."""

import logging

from celery import shared_task
from django.utils import timezone

from api.idempotency import delete_old_requests

logger = logging.getLogger(__name__)


@shared_task(ignore_result=True)
def delete_old_answers() -> None:
    """Forget the answers that no till asks for any more."""
    logger.info("Deleted %d old answers", delete_old_requests(at=timezone.now()))
