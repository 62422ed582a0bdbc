"""The worker's doors to the outbox and the inbox: "look now"; the rows are the work."""

import logging

from celery import Task, shared_task
from django.utils import timezone

from core.errors import DomainError
from core.nudge import nudge_after_commit
from messaging.registry import sync_templates
from messaging.services import dispatch_messages
from messaging.webhooks import process_events

logger = logging.getLogger(__name__)

# A run ends before the next poll would pile up behind it; what is left is still due.
RUN_SECONDS = 50


@shared_task
def dispatch() -> int:
    """Send what is due; any number of workers may do so at once."""
    result = dispatch_messages(at=timezone.now(), seconds=RUN_SECONDS)
    if result.total:
        logger.info("Messages: %s", dict(result.states))
    return result.total


@shared_task
def process_webhooks() -> int:
    """Work off what providers have told us."""
    return process_events(at=timezone.now()).done


@shared_task
def sync_zalo_templates() -> int:
    """Ask Zalo about every template; what cannot be asked today is asked tomorrow."""
    try:
        return sync_templates(at=timezone.now()).templates
    except DomainError as error:
        logger.warning("Zalo's templates were not read: %s", error.code)
        return 0


def nudge(task: Task = dispatch) -> None:
    """Wake the worker after commit."""
    nudge_after_commit(task)


def nudge_webhooks() -> None:
    nudge(process_webhooks)
