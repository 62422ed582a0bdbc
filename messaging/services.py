"""The verbs of messaging: plan messages, send what is due, keep in step with Zalo."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

from messaging.accounts import connect_official_account
from messaging.planning import MessagePlan, queue_messages
from messaging.registry import Synced, sync_templates
from messaging.relay import Dispatched, Relay

__all__ = [
    "Dispatched",
    "MessagePlan",
    "Synced",
    "connect_official_account",
    "dispatch_messages",
    "queue_messages",
    "sync_templates",
]


def dispatch_messages(
    *,
    at: datetime,
    limit: int | None = None,
    seconds: float | None = None,
    on_progress: Callable[[int], None] | None = None,
) -> Dispatched:
    """Send what is due at a moment: lease, ask the gate, fill in, send, settle.

    Any number of processes may do this at once. ``seconds`` ends a long run between two
    batches; what is left stays due.
    """
    return Relay(at=at, limit=limit, seconds=seconds, on_progress=on_progress).run()
