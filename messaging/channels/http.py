"""What a provider's answer over HTTP means, whichever provider it is."""

from __future__ import annotations

import json
from collections.abc import Callable
from concurrent.futures import Future
from typing import Any, TypeVar

from core.http import HttpClient, Reply, Request
from messaging.channels.answers import Outcome

FORM = "application/x-www-form-urlencoded"

Result = TypeVar("Result")
Body = dict[str, Any] | None


def ask(
    client: HttpClient, request: Request, read: Callable[[Outcome, Body], Result]
) -> Future[Result]:
    """Ask for one JSON object; every other end is named by its outcome.

    The future holds what ``read`` makes of both.
    """
    return client.ask(request, lambda reply: read(*_understood(reply)))


def whole(value: Any) -> int | None:
    """Read a number that a provider may give as a number or as text."""
    try:
        return None if isinstance(value, bool | float) else int(value)
    except (TypeError, ValueError):
        return None


def _understood(reply: Reply) -> tuple[Outcome, Body]:
    if not reply.was_sent:
        return Outcome.NOT_SENT, None
    if reply.status not in (0, 200):
        return _unanswered(reply.status), None
    if reply.problem:
        return Outcome.AMBIGUOUS, None
    try:
        body = json.loads(reply.body)
    except (ValueError, RecursionError):
        return Outcome.AMBIGUOUS, None
    if not isinstance(body, dict):
        return Outcome.AMBIGUOUS, None
    return Outcome.ACCEPTED, body


def _unanswered(status: int) -> Outcome:
    """A provider's own refusals come with status 200; 3xx and 4xx are a gateway's."""
    return Outcome.NOT_SENT if 300 <= status < 500 else Outcome.AMBIGUOUS
