"""Wake the worker. The rows are the work; a nudge that is lost costs at most one poll."""

from __future__ import annotations

import logging
from functools import partial

from celery import Task
from django.db import transaction

logger = logging.getLogger(__name__)


def nudge_after_commit(task: Task) -> None:
    """Say "look now" once what there is to see can be seen."""
    transaction.on_commit(partial(_publish, task))


def _publish(task: Task) -> None:
    try:
        task.apply_async(expires=60, retry=False)
    except Exception as error:  # whatever the broker's client raises
        logger.warning("%s was not announced: %s", task.name, type(error).__name__)
