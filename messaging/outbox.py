"""The outbox as rows: leased, marked, settled, each by one conditional statement.

A relay owns a message only as long as its lease stands in the row. Before a request goes
out the row says so, and that is how a relay's death is judged afterwards: leased and not
yet requested goes back to the queue; requested may have gone out.
"""

from __future__ import annotations

import json
import secrets
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from django.db import transaction
from django.db.models import Case, F, JSONField, Prefetch, Q, Value, When
from django.utils import timezone

from core.batch import Column, fetch_all, is_postgresql, rows_source
from messaging.models import Channel, Message, MessageTemplate, TemplateParameter

State = Message.State
CODE = MessageTemplate.Purpose.ONE_TIME_CODE
# The cause of what staff send to themselves.
TEST = "test"
# Longer than the longest call to Zalo with its token renewed in between.
LEASE = timedelta(seconds=120)
MAX_ATTEMPTS = 5
# What nobody asks of a message that is to be sent.
UNREAD = ("payload", "planned_at", "sent_at", "delivered_at", "seen_at", "clicked_at")
# No more statements of the sweep than this many rows each.
SWEEP = 5000


@dataclass(slots=True)
class Settlement:
    """How one attempt ended, or why there was none."""

    message: Message
    state: str
    reason: str = ""
    error_code: int | None = None
    address: str = ""
    payload: dict[str, str] = field(default_factory=dict)
    provider_id: str = ""
    due_at: datetime | None = None
    sent_at: datetime | None = None
    cost: int = 0
    # An attempt that told us nothing about this message is taken back.
    counts: bool = True


def new_lease() -> str:
    return secrets.token_hex(16)


def lanes(held: Collection[str], closed: Collection[str] = ()) -> list[tuple[int, str]]:
    """List template and channel of what may move now, one-time codes first."""
    templates = MessageTemplate.objects.filter(is_active=True).order_by(
        Case(When(purpose=CODE, then=Value(0)), default=Value(1)), "pk"
    )
    return [
        (template_id, channel)
        for template_id, purpose in templates.values_list("pk", "purpose")
        for channel in Channel.values
        # A used-up quota for offers must not keep a member from signing in.
        if channel not in closed and (channel not in held or purpose == CODE)
    ]


def lease_due(
    *,
    at: datetime,
    limit: int,
    lease: str,
    held: Collection[str] = (),
    closed: Collection[str] = (),
    room: Mapping[str, int] | None = None,
) -> list[Message]:
    """Take up to ``limit`` due messages for this relay, each with its template.

    Offers of ``held`` channels wait, everything of ``closed`` ones does; of a channel in
    ``room`` no more is taken than its room.
    """
    taken: list[int] = []
    left = dict(room or {})
    with transaction.atomic(durable=True):
        for template_id, channel in lanes(held, closed):
            most = min(limit - len(taken), left.get(channel, limit))
            if len(taken) >= limit:
                break
            if most <= 0:
                continue
            leased = _lease_lane(template_id, channel, at, most, lease)
            taken += leased
            if channel in left:
                left[channel] -= len(leased)
    if not taken:
        return []
    parameters = Prefetch("parameters", TemplateParameter.objects.order_by("pk"))
    templates = MessageTemplate.objects.prefetch_related(parameters)
    mine = Message.objects.filter(pk__among=taken, lease=lease).defer(*UNREAD)
    return list(
        mine.prefetch_related(Prefetch("template", templates)).order_by("due_at", "pk")
    )


def _lease_lane(
    template_id: int, channel: str, at: datetime, limit: int, lease: str
) -> list[int]:
    due = Message.objects.filter(
        template=template_id, channel=channel, state=State.PENDING, due_at__lte=at
    ).order_by("due_at", "pk")
    # What another relay has in its hands is passed over; SQLite has one writer anyway.
    # Not a subquery of the update: PostgreSQL may run that more than once, and each time
    # it would pass over what it has just locked.
    locked = due.select_for_update(skip_locked=True).values_list("pk", flat=True)
    chosen = list(locked[:limit])
    if not chosen:
        return []
    Message.objects.filter(pk__among=chosen).update(
        state=State.SENDING,
        lease=lease,
        leased_until=timezone.now() + LEASE,
        requested_at=None,
    )
    return chosen


MARKED = (
    Column("message_id", "bigint"),
    Column("begun_at", "timestamptz"),
    Column("until", "timestamptz"),
)
# A lease stands only in what is being sent: whoever ends that takes it off. Asked for the
# state besides, PostgreSQL would walk through the index of what was ever being sent.
MARK = """
UPDATE messaging_message SET
  requested_at = begun_at, leased_until = until, attempts = attempts + 1
FROM {source}
WHERE id = message_id AND lease = %s
RETURNING id
"""


def mark_requested(*, ids: Sequence[int], lease: str) -> set[int]:
    """Write down that requests begin now; return those that are still ours."""
    if not ids:
        return set()
    now = timezone.now()
    rows = [(pk, now, now + LEASE) for pk in sorted(ids)]
    source, parameters = rows_source(MARKED, rows)
    found = fetch_all(MARK.format(source=source), [*parameters, lease], prepare=True)
    return {row[0] for row in found}


SETTLED = (
    Column("message_id", "bigint"),
    Column("new_state", "text"),
    Column("new_reason", "text"),
    Column("new_error", "integer"),
    Column("new_address", "text"),
    Column("new_payload", "text"),
    Column("new_provider_id", "text"),
    Column("new_due_at", "timestamptz"),
    Column("new_sent_at", "timestamptz"),
    Column("new_cost", "integer"),
    Column("uncounted", "integer"),
    Column("forget", "integer"),
)
# A receipt may be here before our own word that the message was accepted.
SETTLE = """
UPDATE messaging_message SET
  state = CASE
    WHEN new_state IN ('sent', 'unknown') AND seen_at IS NOT NULL THEN 'seen'
    WHEN new_state IN ('sent', 'unknown') AND delivered_at IS NOT NULL THEN 'delivered'
    ELSE new_state END,
  reason = new_reason,
  error_code = new_error,
  address = CASE WHEN new_address = '' THEN address ELSE new_address END,
  payload = {payload},
  context = CASE WHEN forget = 1 THEN {empty} ELSE context END,
  provider_id = new_provider_id,
  due_at = COALESCE(new_due_at, due_at),
  sent_at = new_sent_at,
  cost = new_cost,
  attempts = CASE WHEN attempts >= uncounted THEN attempts - uncounted ELSE 0 END,
  requested_at = CASE WHEN new_state = 'pending' THEN NULL ELSE requested_at END,
  lease = '',
  leased_until = NULL
FROM {source}
WHERE id = message_id AND lease = %s
RETURNING id
"""


def settle(settlements: Sequence[Settlement], *, lease: str) -> set[int]:
    """Write down how attempts ended; return the ids that were still ours to settle."""
    if not settlements:
        return set()
    rows = [_row(s) for s in sorted(settlements, key=lambda s: s.message.pk)]
    source, parameters = rows_source(SETTLED, rows)
    json_cast = "::jsonb" if is_postgresql() else ""
    sql = SETTLE.format(
        payload=f"new_payload{json_cast}", empty=f"'{{}}'{json_cast}", source=source
    )
    return {row[0] for row in fetch_all(sql, [*parameters, lease], prepare=True)}


def _row(settlement: Settlement) -> tuple[Any, ...]:
    message = settlement.message
    is_over = settlement.state != State.PENDING
    is_code = message.template.purpose == CODE
    # Neither a code nor what stood in a test about a member is kept afterwards.
    is_passing = is_code or message.source_type == TEST
    return (
        message.pk,
        str(settlement.state),
        settlement.reason,
        settlement.error_code,
        settlement.address if is_over else "",
        json.dumps({} if is_passing else settlement.payload),
        settlement.provider_id,
        settlement.due_at,
        settlement.sent_at,
        settlement.cost,
        0 if settlement.counts else 1,
        1 if is_passing and is_over else 0,
    )


def take_back_from_the_dead(at: datetime) -> int:
    """Free what relays held that died; return how many messages that were.

    Not requested: nothing happened, so back into the queue. Requested: it may have gone
    out; a one-time code is sent again, anything else is never sent twice.
    """
    stale = Message.objects.filter(state=State.SENDING, leased_until__lt=timezone.now())
    # Nearly always nobody has died; looking costs no lock, writing does.
    if not stale.exists():
        return 0
    again = Q(requested_at__isnull=True) | Q(
        template__in=MessageTemplate.objects.filter(purpose=CODE), attempts__lt=MAX_ATTEMPTS
    )
    nothing = {"lease": "", "leased_until": None}
    back = stale.filter(again).update(state=State.PENDING, requested_at=None, **nothing)
    gone = stale.filter(requested_at__isnull=False).update(
        state=Case(
            When(seen_at__isnull=False, then=Value(State.SEEN.value)),
            When(delivered_at__isnull=False, then=Value(State.DELIVERED.value)),
            default=Value(State.UNKNOWN.value),
        ),
        reason="relay_died",
        sent_at=at,
        **nothing,
    )
    return back + gone


def expire_late(at: datetime) -> int:
    """Close messages whose time is over, whatever they were waiting for."""
    closed = 0
    while True:
        late = Message.objects.filter(state=State.PENDING, expires_at__lte=at)
        ids = late.order_by("expires_at").values("pk")[:SWEEP]
        codes = Q(template__in=MessageTemplate.objects.filter(purpose=CODE))
        count = Message.objects.filter(pk__in=ids, state=State.PENDING).update(
            state=State.EXPIRED,
            reason="too_late",
            context=Case(When(codes, then=Value({}, JSONField())), default=F("context")),
        )
        closed += count
        if count < SWEEP:
            return closed
