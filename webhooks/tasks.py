"""The worker's doors to the webhooks: "look now"; the rows are the work."""

import logging

from celery import shared_task
from django.utils import timezone

from webhooks.services import delete_old_deliveries, mail_stopped, send_webhooks

logger = logging.getLogger(__name__)

# A run ends before many polls would pile up behind it; what is left is still due.
RUN_SECONDS = 50


@shared_task(name="webhooks.tasks.dispatch")
def dispatch() -> int:
    """Send what is due; any number of workers may do so at once."""
    sent = send_webhooks(at=timezone.now(), seconds=RUN_SECONDS)
    if sent:
        logger.info("Webhooks: %s", dict(sent))
        mail_stopped(at=timezone.now())
    return sent.total()


@shared_task(name="webhooks.tasks.forget_old")
def forget_old() -> None:
    """Forget what ended long ago, and mail what nobody has been told of yet."""
    logger.info("Deleted %d old deliveries", delete_old_deliveries(at=timezone.now()))
    mail_stopped(at=timezone.now())
