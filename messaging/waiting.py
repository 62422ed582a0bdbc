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


def cancel_for_member(*, member_id: int, reason: str) -> list[int]:
    """Call off what waits for a member and has not gone out yet; return the numbers."""
    waiting = Message.objects.filter(member=member_id, state=Message.State.PENDING)
    ids = list(waiting.order_by("pk").values_list("pk", flat=True))
    # One that a relay has just taken goes out, or the gate stops it.
    waiting.filter(pk__in=ids).update(state=Message.State.CANCELLED, reason=reason)
    called_off = Message.objects.filter(pk__in=ids, state=Message.State.CANCELLED)
    return list(called_off.order_by("pk").values_list("pk", flat=True))


def _pending(source_type: str, source_id: int) -> QuerySet[Message]:
    return Message.objects.filter(
        source_type=source_type, source_id=source_id, state=Message.State.PENDING
    )
