"""What a request says, and the row that keeps it until it is said."""

from __future__ import annotations

import json
import secrets
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from core.batch import Column
from webhooks.models import WebhookDelivery

COLUMNS = (
    Column("endpoint_id", "bigint"),
    Column("message_id", "text"),
    Column("kind", "text"),
    Column("payload", "text"),
    Column("state", "text"),
    Column("attempts", "smallint"),
    Column("due_at", "timestamptz"),
    Column("created_at", "timestamptz"),
    Column("lease", "text"),
    Column("last_problem", "text"),
    Column("answer", "text"),
)


def write_payload(kind: str, at: datetime, data: Mapping[str, Any]) -> str:
    """Write the body of a request; times as the API writes them."""
    moment = at.astimezone(UTC).isoformat().replace("+00:00", "Z")
    body = {"type": kind, "timestamp": moment, "data": dict(data)}
    return json.dumps(body, ensure_ascii=False)


def new_message_id() -> str:
    return f"msg_{secrets.token_hex(16)}"


def delivery_row(
    endpoint_id: int, kind: str, payload: str, now: datetime
) -> tuple[Any, ...]:
    """Return a delivery that waits, as a row for COLUMNS."""
    pending = WebhookDelivery.State.PENDING.value
    identity = (endpoint_id, new_message_id(), kind, payload)
    return (*identity, pending, 0, now, now, "", "", "")
