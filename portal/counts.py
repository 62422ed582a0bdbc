"""What a member has, in numbers: one question for the tabs and for the first page."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from datetime import datetime

from django.db.models import Case, CharField, Q, QuerySet, Value, When

from members.models import Member
from portal.vouchers import usable
from rewards.models import Booking, Fulfilment, Redemption

VOUCHER, PAY, ASKED, OPEN, GOING = "voucher", "pay", "asked", "open", "going"


@dataclass(frozen=True, slots=True)
class Counts:
    """``waiting``: gifts that wait for the member: to be paid, sent somewhere, booked."""

    vouchers: int
    waiting: int
    going: int

    @property
    def gifts(self) -> int:
        return self.waiting + self.going


def counts(member: Member, *, at: datetime) -> Counts:
    """Return how much a member has of each. One query."""
    rows = _said(usable(member, at=at), Value(VOUCHER)).union(
        _said(_to_pay(member, at), Value(PAY)),
        _said(_open_gifts(member), _asked_or_going(Fulfilment.State.ASKED)),
        _said(_open_bookings(member, at), _asked_or_going(Booking.State.OPEN)),
        all=True,
    )
    found = Counter(said for (said,) in rows)
    return Counts(
        vouchers=found[VOUCHER], waiting=found[PAY] + found[ASKED], going=found[GOING]
    )


def _to_pay(member: Member, at: datetime) -> QuerySet[Redemption]:
    unpaid = Redemption.objects.filter(member=member, state=Redemption.State.UNPAID)
    return unpaid.filter(pay_until__gte=at)


def _open_gifts(member: Member) -> QuerySet[Fulfilment]:
    gone = (Fulfilment.State.DONE, Fulfilment.State.CANCELLED)
    return Fulfilment.objects.filter(member=member).exclude(state__in=gone)


def _open_bookings(member: Member, at: datetime) -> QuerySet[Booking]:
    to_come = Q(state=Booking.State.BOOKED, slot__ends_at__gt=at)
    return Booking.objects.filter(Q(state=Booking.State.OPEN) | to_come, member=member)


def _asked_or_going(asked: str) -> Case:
    return Case(When(state=asked, then=Value(ASKED)), default=Value(GOING))


def _said(rows: QuerySet, word: Value | Case) -> QuerySet:
    """Return one word for each row, as a union wants it."""
    word.output_field = CharField()
    return rows.order_by().annotate(said=word).values_list("said")
