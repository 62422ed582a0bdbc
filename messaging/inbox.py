"""The messages that wait on a member's own page."""

from __future__ import annotations

from datetime import datetime, timedelta

from django.db.models import Q, QuerySet

from messaging.models import Channel, Message

# Older ones are over; the page stays short.
KEPT = timedelta(days=90)
State = Message.State


def inbox_of(member_id: int, *, at: datetime) -> QuerySet[Message]:
    """Return what has come to a member's inbox and is not over, newest first."""
    arrived = Message.objects.filter(
        member=member_id,
        channel=Channel.INBOX,
        sent_at__gt=at - KEPT,
        sent_at__lte=at,
        state__in=[State.SENT, State.DELIVERED, State.SEEN],
    )
    return arrived.filter(Q(expires_at__isnull=True) | Q(expires_at__gt=at)).order_by("-pk")


def count_unread(member_id: int, *, at: datetime) -> int:
    """Count what the member has not opened yet. One query."""
    return inbox_of(member_id, at=at).filter(seen_at__isnull=True).count()


def open_message(message: Message, *, at: datetime) -> bool:
    """Note that a member has opened a message; return whether this was the first time."""
    unseen = Message.objects.filter(
        pk=message.pk, channel=Channel.INBOX, seen_at__isnull=True
    )
    return bool(unseen.update(state=State.SEEN, seen_at=at, delivered_at=at))
