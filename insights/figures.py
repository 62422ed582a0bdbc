"""The numbers of the overview: today's, and the same ones for the period before."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

from django.core.cache import cache
from django.db.models import Count, Q, QuerySet, Sum
from django.db.models.functions import TruncWeek
from django.utils import timezone

from activities.models import Order, PurchaseSummary
from campaigns.models import Enrolment
from core.clock import local_date, start_of_day
from core.id_ranges import first_id_since
from members.models import Member
from messaging.models import Message
from points.models import Transfer

KEY = "insights.figures.1"
FRESH_SECONDS = 300
RECENT_DAYS = 45
MONTH_DAYS = 30
WEEKS = 12

ARRIVED = (Message.State.DELIVERED, Message.State.SEEN)
LEFT_US = (Message.State.SENT, *ARRIVED)


@dataclass(frozen=True, slots=True)
class Pair:
    """A number and the one of the period before it."""

    now: int
    before: int


@dataclass(frozen=True, slots=True)
class Week:
    """One week of purchases: who bought, how often, and who had been called back."""

    monday: date
    buyers: int
    orders: int
    returned: int


@dataclass(frozen=True, slots=True)
class Figures:
    """Everything on the overview; plain values, so that it can be cached."""

    counted_at: datetime
    members: int
    new_members: Pair
    buyers: Pair
    issued: Pair
    redeemed: Pair
    sent: Pair
    delivered: Pair
    returned: Pair
    weeks: list[Week]


def current_figures(*, at: datetime) -> Figures:
    """Return the figures, at most five minutes old."""
    found: Figures | None = cache.get(KEY)
    if found is None:
        found = count_figures(at=at)
        cache.set(KEY, found, FRESH_SECONDS)
    return found


def count_figures(*, at: datetime) -> Figures:
    """Count everything anew: a dozen statements, whatever the size of the programme."""
    today = local_date(at)
    orders = _orders_since(today - timedelta(days=2 * RECENT_DAYS + 1))
    points = _points(today)
    messages = _messages(today)
    return Figures(
        counted_at=timezone.now(),
        members=Member.objects.filter(merged_into__isnull=True).count(),
        new_members=_new_members(today),
        buyers=_buyers(orders, today),
        issued=points["issued"],
        redeemed=points["redeemed"],
        sent=messages["sent"],
        delivered=messages["delivered"],
        returned=_returned(orders, today),
        weeks=_weeks(orders, today),
    )


def _orders_since(day: date) -> QuerySet[Order]:
    first = first_id_since(Order, "created_at", start_of_day(day))
    return Order.objects.filter(
        pk__gte=first, placed_on__gte=day, status=Order.Status.COMPLETED
    )


def _new_members(today: date) -> Pair:
    middle = start_of_day(today - timedelta(days=MONTH_DAYS - 1))
    start = start_of_day(today - timedelta(days=2 * MONTH_DAYS - 1))
    first = first_id_since(Member, "created_at", start)
    rows = Member.objects.filter(
        pk__gte=first, joined_at__gte=start, merged_into__isnull=True
    )
    return Pair(
        **rows.aggregate(
            now=Count("pk", filter=Q(joined_at__gte=middle)),
            before=Count("pk", filter=Q(joined_at__lt=middle)),
        )
    )


def _buyers(orders: QuerySet[Order], today: date) -> Pair:
    """Count who bought in the last 45 days, and in the 45 days before these."""
    recent = today - timedelta(days=RECENT_DAYS)
    now = PurchaseSummary.objects.filter(last_order_on__gte=recent).count()
    before = orders.filter(
        placed_on__lt=recent, placed_on__gte=recent - timedelta(days=RECENT_DAYS + 1)
    )
    return Pair(now, before.aggregate(people=Count("member", distinct=True))["people"])


def _points(today: date) -> dict[str, Pair]:
    """Add up points of this month so far, and of as many days of the month before."""
    month = today.replace(day=1)
    last_month = (month - timedelta(days=1)).replace(day=1)
    start, until = (
        start_of_day(month),
        start_of_day(last_month)
        + (start_of_day(today + timedelta(days=1)) - start_of_day(month)),
    )
    begin = start_of_day(last_month)
    first = first_id_since(Transfer, "created_at", begin)
    rows = Transfer.objects.filter(pk__gte=first, happened_at__gte=begin)
    now = Q(happened_at__gte=start)
    before = Q(happened_at__lt=min(until, start))
    given, taken = Q(kind=Transfer.Kind.EARN), Q(kind=Transfer.Kind.SPEND)
    sums = rows.aggregate(
        issued_now=Sum("amount", filter=now & given, default=0),
        issued_before=Sum("amount", filter=before & given, default=0),
        redeemed_now=Sum("amount", filter=now & taken, default=0),
        redeemed_before=Sum("amount", filter=before & taken, default=0),
    )
    return {
        name: Pair(int(sums[f"{name}_now"]), int(sums[f"{name}_before"]))
        for name in ("issued", "redeemed")
    }


def _messages(today: date) -> dict[str, Pair]:
    middle = start_of_day(today - timedelta(days=MONTH_DAYS - 1))
    start = start_of_day(today - timedelta(days=2 * MONTH_DAYS - 1))
    first = first_id_since(Message, "planned_at", start)
    # What staff sent to themselves is no message to a member.
    rows = Message.objects.filter(pk__gte=first, sent_at__gte=start)
    rows = rows.exclude(source_type="test")
    now, before = Q(sent_at__gte=middle), Q(sent_at__lt=middle)
    sent, arrived = Q(state__in=LEFT_US), Q(state__in=ARRIVED)
    counts = rows.aggregate(
        sent_now=Count("pk", filter=now & sent),
        sent_before=Count("pk", filter=before & sent),
        delivered_now=Count("pk", filter=now & arrived),
        delivered_before=Count("pk", filter=before & arrived),
    )
    return {
        name: Pair(counts[f"{name}_now"], counts[f"{name}_before"])
        for name in ("sent", "delivered")
    }


def _came_back(orders: QuerySet[Order]) -> QuerySet[Enrolment]:
    """Return the enrolments that ended with one of these orders.

    Who was left alone, to compare, was called back by nobody.
    """
    return Enrolment.objects.filter(
        state=Enrolment.State.RETURNED, is_holdout=False, return_order__in=orders
    )


def _returned(orders: QuerySet[Order], today: date) -> Pair:
    middle = today - timedelta(days=MONTH_DAYS - 1)
    start = today - timedelta(days=2 * MONTH_DAYS - 1)
    rows = _came_back(orders.filter(placed_on__gte=start))
    return Pair(
        **rows.aggregate(
            now=Count("pk", filter=Q(return_order__placed_on__gte=middle)),
            before=Count("pk", filter=Q(return_order__placed_on__lt=middle)),
        )
    )


def _weeks(orders: QuerySet[Order], today: date) -> list[Week]:
    """Count the last whole weeks, oldest first; the running week is not over yet."""
    monday = today - timedelta(days=today.weekday())
    first = monday - timedelta(weeks=WEEKS)
    rows = orders.filter(placed_on__gte=first, placed_on__lt=monday)
    bought: dict[Any, Any] = {
        row["week"]: row
        for row in rows.annotate(week=TruncWeek("placed_on"))
        .values("week")
        .annotate(buyers=Count("member", distinct=True), orders=Count("pk"))
    }
    back: dict[Any, int] = dict(
        _came_back(rows)
        .annotate(week=TruncWeek("return_order__placed_on"))
        .values_list("week")
        .annotate(people=Count("pk"))
    )
    mondays = [first + timedelta(weeks=number) for number in range(WEEKS)]
    return [
        Week(
            day,
            bought.get(day, {}).get("buyers", 0),
            bought.get(day, {}).get("orders", 0),
            back.get(day, 0),
        )
        for day in mondays
    ]
