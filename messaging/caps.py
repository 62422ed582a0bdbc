"""How many offers somebody was sent lately, over all channels and campaigns."""

from __future__ import annotations

from datetime import datetime, timedelta

from django.db.models import Count, Q, QuerySet

from members.models import Member
from messaging.models import Channel, Message, MessageTemplate, SendingPolicy

DAY = timedelta(days=1)
WEEK = timedelta(days=7)
# What has reached somebody, or may have.
GONE_OUT = (
    Message.State.SENT,
    Message.State.DELIVERED,
    Message.State.SEEN,
    Message.State.UNKNOWN,
)


def offers_of_the_week(at: datetime) -> QuerySet[Message]:
    """Return the offers that count in a cap; what waits in the inbox disturbed no one."""
    offers = Message.objects.filter(
        sent_at__gt=at - WEEK,
        state__in=GONE_OUT,
        template__purpose=MessageTemplate.Purpose.MARKETING,
    )
    return offers.exclude(channel=Channel.INBOX)


def had_enough(members: QuerySet[Member], *, at: datetime) -> QuerySet[Member]:
    """Return those to whom the gate would let no further offer go now."""
    policy = SendingPolicy.current()
    counted = (
        offers_of_the_week(at)
        .order_by()
        .values("member")
        .annotate(week=Count("pk"), day=Count("pk", filter=Q(sent_at__gt=at - DAY)))
    )
    full = counted.filter(
        Q(day__gte=policy.max_marketing_per_day)
        | Q(week__gte=policy.max_marketing_per_week)
    )
    return members.filter(pk__in=full.values("member"))
