"""What the worker tidies up at night."""

import logging

from celery import shared_task
from django.utils import timezone

from portal.sign_in import forget_old_sign_ins

logger = logging.getLogger(__name__)


@shared_task
def forget_old() -> None:
    """Forget codes, limits and sessions that are over."""
    logger.info("Forgotten: %s rows of sign-ins", forget_old_sign_ins(at=timezone.now()))
