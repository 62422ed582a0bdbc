"""Paying with points from a till: ask, reserve, and spend or give back."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal

from django.db import transaction
from django.utils.translation import gettext as _

from api.errors import OrderRefused, ReservationNotFound
from api.models import TillKey
from members.models import Member
from members.services import merged_ids
from points.models import Reservation
from points.services import (
    PaymentQuote,
    capture_points,
    default_wallet,
    quote_payment,
    release_points,
    reserve_points,
)


def quote(
    *, member: Member, order_total: Decimal, points: int | None, at: datetime
) -> PaymentQuote:
    """Say what a member's points can pay on an order of this total."""
    return quote_payment(
        member=member,
        order_total=order_total,
        wallet=default_wallet(),
        points=points,
        at=at,
    )


@transaction.atomic
def reserve(
    *,
    till_key: TillKey,
    reference: str,
    member: Member,
    order_total: Decimal,
    points: int | None,
    at: datetime,
) -> Reservation:
    """Hold as many points as the server finds right for this order.

    A repeat of the reference answers the reservation that stands. Raises OrderRefused when
    nothing can be paid.
    """
    earlier = Reservation.objects.filter(
        source=till_key.source, reference=reference
    ).first()
    if earlier is not None:
        return find_reservation(till_key, reference, member)
    offer = quote(member=member, order_total=order_total, points=points, at=at)
    if not offer.points:
        raise OrderRefused(offer.reason, reason="cannot_pay", usable=offer.usable)
    return reserve_points(
        member=member,
        amount=offer.points,
        source=till_key.source,
        reference=reference,
        value=offer.value,
        at=at,
        actor=till_key.name,
    )


def find_reservation(
    till_key: TillKey, reference: str, member: Member | None = None
) -> Reservation:
    """Return a reservation of the key's own source; of this member when one is named."""
    found = Reservation.objects.filter(source=till_key.source, reference=reference)
    if member is not None:
        own = {member.pk, *merged_ids([member.pk]).get(member.pk, ())}
        found = found.filter(transfer__from_account__member__in=own)
    reservation = found.select_related("transfer__from_account__member").first()
    if reservation is None:
        raise ReservationNotFound(
            _("There is no reservation of this reference from this till.")
        )
    return reservation


def capture(
    *, till_key: TillKey, reference: str, points: int | None, at: datetime
) -> Reservation:
    """Spend reserved points, all or some; the rest goes back."""
    reservation = find_reservation(till_key, reference)
    return capture_points(
        reservation=reservation, amount=points, at=at, actor=till_key.name
    )


def release(*, till_key: TillKey, reference: str, at: datetime) -> Reservation:
    """Give reserved points back."""
    reservation = find_reservation(till_key, reference)
    return release_points(reservation=reservation, at=at, actor=till_key.name)
