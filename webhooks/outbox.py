"""Deliveries as rows: leased, settled, taken back, each by one conditional statement.

A relay owns a delivery only as long as its lease stands in the row. One that dies in the
middle of a request leaves a lease that runs out; then it is sent again, under the same
webhook-id, by which the receiver can tell the repeat.
"""

from __future__ import annotations

import random
import secrets
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db import transaction
from django.db.models import Exists, F, OuterRef
from django.db.models.functions import Coalesce
from django.utils import timezone

from core.batch import Column, fetch_all, rows_source
from core.retry import retry_on_conflict
from webhooks.models import TEST, WebhookDelivery, WebhookEndpoint
from webhooks.posting import Answer

State = WebhookDelivery.State
Problem = WebhookDelivery.Problem
Stopped = WebhookEndpoint.Stopped

# Far longer than a slow search for the name and the longest request together.
LEASE = timedelta(seconds=120)
# After each failed attempt; together a little more than three days.
PAUSES = (
    timedelta(seconds=5),
    timedelta(minutes=5),
    timedelta(minutes=30),
    timedelta(hours=2),
    timedelta(hours=5),
    timedelta(hours=10),
    timedelta(hours=14),
    timedelta(hours=20),
    timedelta(hours=24),
)
# So that what failed together does not come back together.
JITTER = 0.1
# An endpoint that accepts nothing for so long is switched off.
PATIENCE = timedelta(days=5)


@dataclass(frozen=True, slots=True)
class Settlement:
    """How one attempt ended, and when the next one is due, if there is one."""

    delivery: WebhookDelivery
    answer: Answer
    state: str
    due_at: datetime


def new_lease() -> str:
    return secrets.token_hex(16)


def endpoints_with_work(at: datetime) -> list[WebhookEndpoint]:
    """Return the endpoints in use for which something is due."""
    due = WebhookDelivery.objects.filter(
        endpoint=OuterRef("pk"), state=State.PENDING, due_at__lte=at
    )
    working = WebhookEndpoint.objects.filter(Exists(due), is_on=True)
    return list(working.order_by("pk"))


def lease_due(
    *, endpoint_id: int, at: datetime, limit: int, lease: str
) -> list[WebhookDelivery]:
    """Take up to ``limit`` deliveries of one endpoint that are due, the oldest first."""
    due = WebhookDelivery.objects.filter(
        endpoint=endpoint_id, state=State.PENDING, due_at__lte=at
    ).order_by("due_at", "pk")
    with transaction.atomic(durable=True):
        # What another relay has in its hands is passed over; SQLite has one writer anyway.
        locked = due.select_for_update(skip_locked=True).values_list("pk", flat=True)
        chosen = list(locked[:limit])
        if not chosen:
            return []
        WebhookDelivery.objects.filter(pk__in=chosen, state=State.PENDING).update(
            state=State.SENDING,
            lease=lease,
            leased_until=timezone.now() + LEASE,
            attempts=F("attempts") + 1,
        )
    ours = WebhookDelivery.objects.filter(pk__in=chosen, lease=lease)
    return list(ours.order_by("due_at", "pk"))


def judge(delivery: WebhookDelivery, answer: Answer, *, at: datetime) -> Settlement:
    """Say what an answer means for its delivery."""
    if not answer.problem:
        return Settlement(delivery, answer, State.DELIVERED, at)
    is_last = delivery.attempts > len(PAUSES) or delivery.kind == TEST
    if is_last or answer.problem == Problem.GONE:
        return Settlement(delivery, answer, State.GIVEN_UP, at)
    pause = PAUSES[delivery.attempts - 1] * _jitter()
    return Settlement(delivery, answer, State.PENDING, at + max(pause, answer.retry_after))


def _jitter() -> float:
    return random.uniform(1 - JITTER, 1 + JITTER)


SETTLED = (
    Column("delivery_id", "bigint"),
    Column("new_state", "text"),
    Column("new_due_at", "timestamptz"),
    Column("new_status", "smallint"),
    Column("new_problem", "text"),
    Column("new_answer", "text"),
    Column("new_ended_at", "timestamptz"),
)
# Only what is being sent has a lease: asked for the state besides, PostgreSQL would walk
# through the index of what was ever being sent.
SETTLE = """
UPDATE webhooks_webhookdelivery SET
  state = new_state, due_at = new_due_at, last_status = new_status,
  last_problem = new_problem, answer = new_answer, ended_at = new_ended_at,
  lease = '', leased_until = NULL
FROM {source}
WHERE id = delivery_id AND lease = %s
RETURNING id
"""


@retry_on_conflict
def settle(settlements: Sequence[Settlement], *, lease: str, at: datetime) -> set[int]:
    """Write down how attempts ended and what follows for their endpoints.

    Returns the deliveries that were still ours to settle.
    """
    if not settlements:
        return set()
    rows = [_row(one, at) for one in sorted(settlements, key=lambda s: s.delivery.pk)]
    source, parameters = rows_source(SETTLED, rows)
    with transaction.atomic(durable=True):
        sql = SETTLE.format(source=source)
        found = fetch_all(sql, [*parameters, lease], prepare=True)
        ours = {row[0] for row in found}
        _note([one for one in settlements if one.delivery.pk in ours], at=at)
    return ours


def _row(one: Settlement, at: datetime) -> tuple[object, ...]:
    ended_at = None if one.state == State.PENDING else at
    answer = one.answer
    return (
        one.delivery.pk,
        str(one.state),
        one.due_at,
        answer.status,
        str(answer.problem),
        answer.text,
        ended_at,
    )


def _note(settlements: Sequence[Settlement], *, at: datetime) -> None:
    """Keep the health of endpoints; switch off what is gone, or has failed for too long.

    A test says nothing about what happens by itself.
    """
    real = [one for one in settlements if one.delivery.kind != TEST]
    good = {s.delivery.endpoint_id for s in real if s.state == State.DELIVERED}
    bad = {s.delivery.endpoint_id for s in real if s.answer.problem}
    gone = {s.delivery.endpoint_id for s in real if s.answer.problem == Problem.GONE}
    if good:
        WebhookEndpoint.objects.filter(pk__in=good).update(
            last_success_at=at, failing_since=None
        )
    if not bad:
        return
    failed = WebhookEndpoint.objects.filter(pk__in=bad)
    failed.update(last_failure_at=at)
    failed.exclude(pk__in=good).update(failing_since=Coalesce("failing_since", at))
    stop(gone, Stopped.GONE, at=at)
    late = failed.filter(is_on=True, failing_since__lte=at - PATIENCE)
    stop(set(late.values_list("pk", flat=True)), Stopped.FAILING, at=at)


def stop(endpoint_ids: Collection[int], because: str, *, at: datetime) -> None:
    """Switch endpoints off for a reason; what waits for them is not sent any more."""
    on = WebhookEndpoint.objects.filter(pk__in=endpoint_ids, is_on=True)
    if endpoint_ids and on.update(
        is_on=False, stopped_because=because, stopped_at=at, told_at=None
    ):
        cancel_waiting(endpoint_ids, at=at)


def cancel_waiting(endpoint_ids: Collection[int], *, at: datetime) -> int:
    """Call off what waits for endpoints that are switched off."""
    waiting = WebhookDelivery.objects.filter(endpoint__in=endpoint_ids, state=State.PENDING)
    return waiting.update(
        state=State.CANCELLED, last_problem=Problem.SWITCHED_OFF, ended_at=at
    )


@retry_on_conflict
def tidy(*, at: datetime) -> None:
    """Take back what dead relays held, and call off what nobody wants to hear any more.

    Nearly always there is neither; looking costs no lock, writing does.
    """
    stale = WebhookDelivery.objects.filter(
        state=State.SENDING, leased_until__lt=timezone.now()
    )
    if stale.exists():
        stale.update(state=State.PENDING, lease="", leased_until=None)
    # A fact may have been on its way to an endpoint while that was switched off.
    off = WebhookEndpoint.objects.filter(is_on=False, deliveries__state=State.PENDING)
    if ids := set(off.values_list("pk", flat=True)):
        cancel_waiting(ids, at=at)
