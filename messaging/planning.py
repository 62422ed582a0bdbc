"""Planning messages: rows in the outbox, each key once."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from django.core.serializers.json import DjangoJSONEncoder
from django.db import transaction
from django.utils import timezone

from core.batch import Column, chunks, insert_new
from messaging.models import Message

TABLE = Message._meta.db_table


@dataclass(frozen=True, slots=True)
class MessagePlan:
    """One message to be: ``key`` is what makes it be planned only once."""

    key: str
    member_id: int | None
    template_id: int
    channel: str
    due_at: datetime
    expires_at: datetime | None
    context: Mapping[str, Any] = field(default_factory=dict)
    source_type: str = ""
    source_id: int | None = None
    # Only where the planner knows it better: the phone a one-time code goes to.
    address: str = ""
    fallback_of_id: int | None = None


COLUMNS = (
    Column("key", "text"),
    Column("member_id", "bigint"),
    Column("template_id", "bigint"),
    Column("channel", "text"),
    Column("state", "text"),
    Column("reason", "text"),
    Column("address", "text"),
    Column("context", "jsonb"),
    Column("payload", "jsonb"),
    Column("source_type", "text"),
    Column("source_id", "bigint"),
    Column("fallback_of_id", "bigint"),
    Column("due_at", "timestamptz"),
    Column("expires_at", "timestamptz"),
    Column("attempts", "smallint"),
    Column("lease", "text"),
    Column("provider_id", "text"),
    Column("cost", "integer"),
    Column("planned_at", "timestamptz"),
)


@transaction.atomic
def queue_messages(plans: Sequence[MessagePlan]) -> int:
    """Write messages into the outbox; return how many were not planned before."""
    planned_at = timezone.now()
    # In key order, so that two planners of the same messages cannot deadlock.
    rows = (_row(plan, planned_at) for plan in sorted(plans, key=lambda plan: plan.key))
    return sum(
        len(insert_new(TABLE, COLUMNS, chunk, conflict="key", returning="id"))
        for chunk in chunks(rows)
    )


def _row(plan: MessagePlan, planned_at: datetime) -> tuple[Any, ...]:
    return (
        plan.key,
        plan.member_id,
        plan.template_id,
        plan.channel,
        Message.State.PENDING.value,
        "",
        plan.address,
        json.dumps(plan.context, cls=DjangoJSONEncoder),
        "{}",
        plan.source_type,
        plan.source_id,
        plan.fallback_of_id,
        plan.due_at,
        plan.expires_at,
        0,
        "",
        "",
        0,
        planned_at,
    )
