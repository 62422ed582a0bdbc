"""What a member was given or still has to pay: gifts on their way, bookings, the rest.

One thing is a redemption, or a gift or booking that came without one: from a tier, a
campaign, the staff.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db.models import Q, TextChoices
from django.urls import reverse
from django.utils.translation import gettext_lazy as _

from members.models import Member
from portal.redeeming import may_cancel
from rewards.models import (
    Benefit,
    Booking,
    Fulfilment,
    FulfilmentEvent,
    GivenBenefit,
    Redemption,
)

PAST = timedelta(days=90)
MOST_PAST = 50


class State(TextChoices):
    """Where a thing stands: of the gift or the booking, else of the redemption."""

    UNPAID = "unpaid", _("to be paid")
    ASKED = "asked", _("address wanted")
    OPEN = "open", _("choose a time")
    NEW = "new", _("being prepared")
    PACKED = "packed", _("packed")
    SHIPPED = "shipped", _("on its way")
    READY = "ready", _("ready for pick-up")
    RETURNED = "returned", _("came back to us")
    BOOKED = "booked", _("booked")
    DONE = "done", _("received")
    ATTENDED = "attended", _("you were there")
    MISSED = "missed", _("missed")
    OVER = "over", _("over")
    LAPSED = "lapsed", _("not paid in time")
    CANCELLED = "cancelled", _("cancelled")


# Whose turn it is; the rest is done.
YOURS = frozenset((State.UNPAID, State.ASKED, State.OPEN))
OURS = frozenset(
    (State.NEW, State.PACKED, State.SHIPPED, State.READY, State.RETURNED, State.BOOKED)
)


@dataclass(frozen=True, slots=True)
class Thing:
    """A redemption, a gift or a booking, with all that hangs together with it."""

    benefit: Benefit
    name: str
    state: State
    at: datetime
    redemption: Redemption | None = None
    given: GivenBenefit | None = None
    gift: Fulfilment | None = None
    booking: Booking | None = None

    @property
    def address(self) -> str:
        if self.redemption is not None:
            return reverse("portal:redemption", args=[self.redemption.code])
        assert self.given is not None, "what was not redeemed was given"
        return reverse("portal:gift", args=[self.given.pk])

    @property
    def may_cancel(self) -> bool:
        if self.redemption is None or self.state == State.LAPSED:
            return False
        return may_cancel(self.redemption, self.gift)


@dataclass(frozen=True, slots=True)
class Things:
    """A member's things by whose turn it is, the newest first."""

    yours: list[Thing]
    ours: list[Thing]
    done: list[Thing]


@dataclass(frozen=True, slots=True)
class Step:
    """One step of a gift on its way, and when it was reached."""

    state: State
    reached_at: datetime | None
    is_reached: bool


def things_of(member: Member, *, at: datetime) -> Things:
    """Return what waits for the member, what is on its way, and what ended of late.

    Vouchers have a page of their own. Three queries.
    """
    given = [*_gifts(member, at), *_bookings(member, at)]
    known = {thing.redemption.pk for thing in given if thing.redemption is not None}
    others = _redemptions(member, at, but=known)
    found = sorted([*given, *others], key=lambda thing: thing.at, reverse=True)
    return Things(
        yours=[thing for thing in found if thing.state in YOURS],
        ours=[thing for thing in found if thing.state in OURS],
        done=[t for t in found if t.state not in YOURS | OURS][:MOST_PAST],
    )


def thing_of_redemption(member: Member, code: str, *, at: datetime) -> Thing | None:
    """Return one redemption of a member's own; None for anybody else's."""
    rows = Redemption.objects.filter(member=member, code=code.upper())
    redemption = rows.select_related(
        "reward__benefit__wallet", "reward__wallet", "given__benefit"
    ).first()
    if redemption is None:
        return None
    if redemption.given is None:
        return _of_redemption(redemption, at)
    return _of_given(redemption.given, redemption, at)


def thing_of_given(member: Member, given_id: int, *, at: datetime) -> Thing | None:
    """Return one gift or booking that a member was given; None for anybody else's."""
    rows = GivenBenefit.objects.filter(member=member, pk=given_id)
    given = rows.select_related(
        "benefit", "redemption__reward__benefit__wallet", "redemption__reward__wallet"
    ).first()
    if given is None:
        return None
    thing = _of_given(given, redemption_behind(given), at)
    return thing if thing.redemption or thing.gift or thing.booking else None


def redemption_behind(given: GivenBenefit) -> Redemption | None:
    """Return the redemption that gave something; read it together with the row."""
    redemption: Redemption | None = getattr(given, "redemption", None)
    return redemption


def steps_of(gift: Fulfilment) -> list[Step]:
    """Return the way of a gift, the days where it has been. One query."""
    events = FulfilmentEvent.objects.filter(fulfilment=gift).order_by("-pk")
    reached = dict(events.values_list("state", "happened_at"))
    is_sent = gift.method == Fulfilment.Method.DELIVERY
    way = State.SHIPPED if is_sent else State.READY
    order = [State.NEW, State.PACKED, way, State.DONE]
    now = order.index(State(gift.state)) if gift.state in order else -1
    return [
        Step(state, reached.get(state) if number <= now else None, number <= now)
        for number, state in enumerate(order)
    ]


def _gifts(member: Member, at: datetime) -> list[Thing]:
    closed = (Fulfilment.State.DONE, Fulfilment.State.CANCELLED)
    rows = Fulfilment.objects.filter(
        ~Q(state__in=closed) | Q(changed_at__gt=at - PAST), member=member
    ).select_related("store", "given__benefit", "given__redemption__reward")
    return [
        _thing(gift.given, redemption_behind(gift.given), at, gift=gift) for gift in rows
    ]


def _bookings(member: Member, at: datetime) -> list[Thing]:
    rows = Booking.objects.filter(
        Q(state=Booking.State.OPEN)
        | Q(slot__ends_at__gt=at - PAST)
        | Q(changed_at__gt=at - PAST),
        member=member,
    ).select_related("slot__store", "given__benefit", "given__redemption__reward")
    return [
        _thing(booking.given, redemption_behind(booking.given), at, booking=booking)
        for booking in rows
    ]


def _redemptions(member: Member, at: datetime, *, but: set[int]) -> list[Thing]:
    """Return redemptions that gave nothing yet, or nothing with a page of its own."""
    shown = ~Q(state=Redemption.State.DONE) | ~Q(reward__benefit__kind=Benefit.Kind.VOUCHER)
    recent = Q(state=Redemption.State.UNPAID) | Q(redeemed_at__gt=at - PAST)
    rows = Redemption.objects.filter(shown, recent, member=member)
    rows = rows.select_related("reward__benefit").order_by("-pk")
    newest = rows[: 2 * MOST_PAST]
    return [_of_redemption(row, at) for row in newest if row.pk not in but]


def _of_redemption(redemption: Redemption, at: datetime) -> Thing:
    return Thing(
        benefit=redemption.reward.benefit,
        name=redemption.reward.name,
        state=_paid_state(redemption, at),
        at=redemption.redeemed_at,
        redemption=redemption,
    )


def _of_given(given: GivenBenefit, redemption: Redemption | None, at: datetime) -> Thing:
    """Read the gift or the booking as well. Two queries at most."""
    gift = booking = None
    if given.benefit.kind == Benefit.Kind.GIFT:
        gift = Fulfilment.objects.filter(given=given).select_related("store").first()
    if given.benefit.kind == Benefit.Kind.EXPERIENCE:
        booking = Booking.objects.filter(given=given).select_related("slot__store").first()
    return _thing(given, redemption, at, gift=gift, booking=booking)


def _thing(
    given: GivenBenefit,
    redemption: Redemption | None,
    at: datetime,
    *,
    gift: Fulfilment | None = None,
    booking: Booking | None = None,
) -> Thing:
    return Thing(
        benefit=given.benefit,
        name=redemption.reward.name if redemption else given.benefit.name,
        state=_state(redemption, gift, booking, at),
        at=redemption.redeemed_at if redemption else given.given_at,
        redemption=redemption,
        given=given,
        gift=gift,
        booking=booking,
    )


def _state(
    redemption: Redemption | None,
    gift: Fulfilment | None,
    booking: Booking | None,
    at: datetime,
) -> State:
    if gift is not None:
        return State(gift.state)
    if booking is not None:
        is_booked = booking.state == Booking.State.BOOKED and booking.slot is not None
        if is_booked and booking.slot is not None and booking.slot.ends_at <= at:
            return State.OVER
        return State(booking.state)
    return _paid_state(redemption, at) if redemption else State.DONE


def _paid_state(redemption: Redemption, at: datetime) -> State:
    """Say where a redemption stands; too late to pay is too late, also before the night."""
    is_unpaid = redemption.state == Redemption.State.UNPAID
    if is_unpaid and redemption.pay_until is not None and redemption.pay_until < at:
        return State.LAPSED
    return State(redemption.state)
