"""The same request sent again: one effect, and the first answer word for word.

The key is committed in the same transaction as its effect, so there is no moment at which
one stands without the other:

1. Insert the key. If it is there, wait for its owner and answer what was answered then.
2. Do the work inside a savepoint. A refusal by the business takes the work back but is an
   answer, and is kept like one.
3. Keep the answer, commit, and only then send it.

A fault or a busy database takes everything back, the key too: the repeat is a first time.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.db import OperationalError, transaction
from django.utils.translation import gettext as _
from rest_framework.renderers import JSONRenderer

from api.errors import (
    KeyMalformed,
    KeyMissing,
    KeyReused,
    StillWorking,
    database_busy,
)
from api.models import ApiRequest, TillKey
from api.problems import describe, is_lock_timeout
from core.batch import Column, execute, insert_new
from core.errors import DomainError
from core.forgetting import forget_all
from core.retry import retry_on_conflict

MAX_KEY = 255
KEPT_FOR = timedelta(days=30)

COLUMNS = (
    Column("till_key_id", "text"),
    Column("key", "text"),
    Column("content_hash", "text"),
    Column("body", "text"),
    Column("created_at", "timestamptz"),
)


KEEP = "UPDATE api_apirequest SET status = %s, body = %s WHERE id = %s"


@dataclass(frozen=True, slots=True)
class Answer:
    """What was answered: the status and the body's exact text."""

    status: int
    body: str
    is_replay: bool = False


@dataclass(frozen=True, slots=True)
class Attempt:
    """One sending of a request: by whom, under which key, with what content."""

    till_key: TillKey
    key: str
    content_hash: str


def make_answer(status: int, body: Mapping[str, Any]) -> Answer:
    """Write an answer's text once, so that every reader gets the same."""
    return Answer(status, JSONRenderer().render(body).decode())


def read_key(sent: str | None, *, is_required: bool) -> str | None:
    """Check an Idempotency-Key; None when none was sent and none is needed."""
    if sent is None:
        if is_required:
            raise KeyMissing(
                _("Send an Idempotency-Key header: a new random text for each new request.")
            )
        return None
    if not 0 < len(sent) <= MAX_KEY or not (sent.isascii() and sent.isprintable()):
        raise KeyMalformed(
            _("The Idempotency-Key must have 1 to 255 plain letters, digits or signs.")
        )
    return sent


def hash_content(method: str, path: str, body: Any) -> str:
    """Fingerprint what was asked; the order of fields and the spacing do not matter."""
    text = json.dumps(body, sort_keys=True, ensure_ascii=False, default=str)
    return hashlib.sha256(f"{method} {path}\n{text}".encode()).hexdigest()


@retry_on_conflict
def answer_once(*, attempt: Attempt, act: Callable[[], Answer], at: datetime) -> Answer:
    """Do a request's work the first time, and give the first answer ever after."""
    with transaction.atomic(durable=True):
        request_id = _claim(attempt, at)
        if request_id is None:
            return _first_answer(attempt)
        answer = _act_or_refuse(act)
        execute(KEEP, [answer.status, answer.body, request_id], prepare=True)
    return answer


def _claim(attempt: Attempt, at: datetime) -> int | None:
    """Take the key, or return None when it is taken.

    On PostgreSQL this waits for a first request that is still at work, for as long as the
    lock timeout allows; on SQLite the transaction itself has waited.
    """
    row = (attempt.till_key.pk, attempt.key, attempt.content_hash, "", at)
    try:
        new = insert_new(
            ApiRequest._meta.db_table,
            COLUMNS,
            [row],
            conflict="till_key_id, key",
            returning="id",
        )
    except OperationalError as error:
        if is_lock_timeout(error):
            raise StillWorking(
                _("The first request with this Idempotency-Key is still at work.")
            ) from error
        raise
    return new[0][0] if new else None


def _first_answer(attempt: Attempt) -> Answer:
    stored = ApiRequest.objects.filter(till_key=attempt.till_key, key=attempt.key).first()
    if stored is None or stored.status is None:
        # Its thirty days ended in this very moment.
        raise database_busy()
    if stored.content_hash != attempt.content_hash:
        raise KeyReused(
            _(
                "This Idempotency-Key was used for another request. Use a new key for "
                "each new request, and the same key only to repeat one."
            )
        )
    return Answer(stored.status, stored.body, is_replay=True)


def _act_or_refuse(act: Callable[[], Answer]) -> Answer:
    """Do the work; a final refusal takes the work back and becomes the answer."""
    try:
        with transaction.atomic():
            return act()
    except DomainError as refusal:
        if refusal.retry_after or refusal.status >= 500:
            raise
        problem, _headers = describe(refusal)
        return make_answer(refusal.status, problem)


def delete_old_requests(*, at: datetime) -> int:
    """Forget answers older than thirty days, in chunks; return how many."""
    return forget_all(ApiRequest.objects.filter(created_at__lt=at - KEPT_FOR))
