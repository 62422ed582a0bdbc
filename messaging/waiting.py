"""Messages of one cause that must wait, may go on, or are called off."""

from __future__ import annotations

from datetime import datetime

from django.db.models import F, QuerySet

from messaging.models import Message


def hold_waiting(*, source_type: str, source_id: int, reason: str) -> int:
    """Keep a cause's messages back until they are released or too old; return how many."""
    waiting = _pending(source_type, source_id).filter(expires_at__isnull=False)
    return waiting.update(due_at=F("expires_at"), reason=reason)


def release_waiting(*, source_type: str, source_id: int, reason: str, at: datetime) -> int:
    """Let messages that were held for this reason go on; return how many."""
    held = _pending(source_type, source_id).filter(reason=reason)
    return held.update(due_at=at, reason="")


def cancel_waiting(*, source_type: str, source_id: int, reason: str) -> int:
    """Call off a cause's messages that have not gone out yet; return how many."""
    waiting = _pending(source_type, source_id)
    return waiting.update(state=Message.State.CANCELLED, reason=reason)


def _pending(source_type: str, source_id: int) -> QuerySet[Message]:
    return Message.objects.filter(
        source_type=source_type, source_id=source_id, state=Message.State.PENDING
    )
