"""Paying from a wallet at a till: ask, reserve, and spend or give back."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal

from django.db import transaction
from django.db.models import QuerySet
from django.utils.translation import gettext as _

from api.errors import OrderRefused, ReservationNotFound, WalletNotFound
from api.models import TillKey
from members.models import Member
from members.services import merged_ids
from points.errors import KeyReused
from points.models import Reservation, Wallet
from points.queries import active_wallets
from points.services import (
    PaymentQuote,
    capture_points,
    default_wallet,
    quote_payment,
    release_points,
    reserve_points,
)

PAYING = (Reservation.State.OPEN, Reservation.State.CAPTURED)


def find_wallet(code: str) -> Wallet:
    """Return the wallet in use with this code; without one, that of "my points"."""
    if not code:
        return default_wallet()
    wallet = active_wallets().filter(code=code).first()
    if wallet is None:
        raise WalletNotFound(_("There is no wallet with the code “%s”.") % code)
    return wallet


def quote(
    *,
    till_key: TillKey,
    member: Member,
    order_total: Decimal,
    points: int | None,
    wallet: Wallet,
    beside: Sequence[str] = (),
    at: datetime,
) -> PaymentQuote:
    """Say what a member's wallet can pay on an order of this total.

    ``beside`` are reservations that pay for the same order: their share is not paid twice.
    """
    others = [find_reservation(till_key, reference, member) for reference in beside]
    return quote_payment(
        member=member,
        order_total=order_total,
        wallet=wallet,
        points=points,
        already_paid=value_of([one for one in others if one.state in PAYING]),
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
    wallet: Wallet,
    beside: Sequence[str] = (),
    at: datetime,
) -> Reservation:
    """Hold as much of a wallet as the server finds right for this order.

    A repeat of the reference answers the reservation that stands. Raises KeyReused when
    that one is of another wallet, OrderRefused when nothing can be paid.
    """
    if _of_till(till_key, reference).exists():
        standing = find_reservation(till_key, reference, member)
        if standing.transfer.from_account.wallet_id != wallet.pk:
            raise KeyReused(reference)
        return standing
    offer = quote(
        till_key=till_key,
        member=member,
        order_total=order_total,
        points=points,
        wallet=wallet,
        beside=beside,
        at=at,
    )
    if not offer.points:
        raise OrderRefused(offer.reason, reason="cannot_pay", usable=offer.usable)
    reserve_points(
        member=member,
        amount=offer.points,
        source=till_key.source,
        reference=reference,
        value=offer.value,
        wallet=wallet,
        at=at,
        actor=till_key.name,
    )
    return find_reservation(till_key, reference)


def find_reservation(
    till_key: TillKey, reference: str, member: Member | None = None
) -> Reservation:
    """Return a reservation of the key's own source; of this member when one is named."""
    found = _of_till(till_key, reference)
    if member is not None:
        own = {member.pk, *merged_ids([member.pk]).get(member.pk, ())}
        found = found.filter(transfer__from_account__member__in=own)
    reservation = found.select_related("transfer__from_account__wallet").first()
    if reservation is None:
        raise ReservationNotFound(
            _("There is no reservation of this reference from this till.")
        )
    return reservation


def value_of(reservations: Sequence[Reservation]) -> Decimal:
    """Return the money that reservations pay together."""
    return sum((one.value for one in reservations), Decimal(0))


def capture(
    *, till_key: TillKey, reference: str, points: int | None, at: datetime
) -> Reservation:
    """Spend what is reserved, all or some; the rest goes back."""
    reservation = find_reservation(till_key, reference)
    capture_points(reservation=reservation, amount=points, at=at, actor=till_key.name)
    return find_reservation(till_key, reference)


def capture_for_order(
    reservations: Sequence[Reservation], *, order_id: int | None, at: datetime
) -> None:
    """Spend all that paid for an order; accounts in the order in which all lock them."""
    for one in sorted(reservations, key=lambda one: one.transfer.from_account_id):
        capture_points(reservation=one, at=at, order_id=order_id)


def release(*, till_key: TillKey, reference: str, at: datetime) -> Reservation:
    """Give what is reserved back."""
    reservation = find_reservation(till_key, reference)
    release_points(reservation=reservation, at=at, actor=till_key.name)
    return find_reservation(till_key, reference)


def _of_till(till_key: TillKey, reference: str) -> QuerySet[Reservation]:
    return Reservation.objects.filter(source=till_key.source, reference=reference)
