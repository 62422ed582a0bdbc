"""Reserve, capture, release: a till holds points while its customer pays."""

from __future__ import annotations

from contextlib import suppress
from datetime import datetime, timedelta
from decimal import Decimal

from django.db import transaction
from django.utils.translation import gettext as _

from core.batch import CHUNK
from core.errors import InvalidInput
from core.retry import retry_on_conflict
from members.models import Member
from points.errors import ReservationClosed
from points.ledger import Posting, lock_accounts, post
from points.models import Account, Reservation, Transfer, Wallet
from points.services.accounts import default_wallet, lock_sides, programme_account

ORDER = "order"
MAX_REFERENCE = 60


@retry_on_conflict
@transaction.atomic
def reserve_points(
    *,
    member: Member,
    amount: int,
    source: str,
    reference: str,
    at: datetime,
    value: Decimal = Decimal(0),
    wallet: Wallet | None = None,
    actor: str = "",
) -> Reservation:
    """Hold points for a till; they cannot be spent elsewhere until released or timed out.

    ``value`` is the money they pay. A repeat of the same reference answers the first
    reservation; with another amount it raises KeyReused. Raises NotEnoughPoints.
    """
    if not 1 <= len(reference) <= MAX_REFERENCE:
        raise InvalidInput(_("The reference must have 1 to 60 characters."))
    wallet = wallet or default_wallet()
    held = Account.Kind.HELD.value
    sides = lock_sides(wallet, member_ids=[member.pk], kinds=[held])
    key = f"reserve:{source}:{reference}"
    posting = Posting(
        key=key,
        kind=Transfer.Kind.RESERVE.value,
        from_account=sides.members[member.pk],
        to_account=sides.programme[held],
        amount=amount,
        happened_at=at,
        actor=actor,
    )
    posted = post([posting], locked=sides.locked)[key]
    if not posted.is_new:
        return Reservation.objects.get(pk=posted.transfer_id)
    return Reservation.objects.create(
        transfer_id=posted.transfer_id,
        source=source,
        reference=reference,
        amount=amount,
        value=value,
        expires_at=at + timedelta(minutes=wallet.reservation_minutes),
    )


@retry_on_conflict
@transaction.atomic
def capture_points(
    *,
    reservation: Reservation,
    at: datetime,
    amount: int | None = None,
    order_id: int | None = None,
    actor: str = "",
) -> Reservation:
    """Spend reserved points, all or ``amount`` of them; the rest goes back to its lots.

    ``order_id`` is the order they paid for, so that a refund finds them. A repeat with the
    same amount changes nothing. Raises ReservationClosed when it was released, timed out
    or captured with another amount.
    """
    reserve = reservation.transfer
    lock_accounts([reserve.from_account_id])
    now = Reservation.objects.get(pk=reservation.pk)
    wanted = now.amount if amount is None else amount
    if not 1 <= wanted <= now.amount:
        raise InvalidInput(_("Capture at least 1 point and no more than were reserved."))
    if now.state == Reservation.State.CAPTURED and now.captured == wanted:
        return now
    if now.state != Reservation.State.OPEN or at > now.expires_at:
        raise ReservationClosed.of(now)
    wallet = Account.objects.select_related("wallet").get(pk=reserve.to_account_id).wallet
    key = f"capture:{now.pk}"
    postings = [
        Posting(
            key=key,
            kind=Transfer.Kind.CAPTURE.value,
            from_account=reserve.to_account_id,
            to_account=programme_account(wallet, Account.Kind.REDEEMED),
            amount=wanted,
            happened_at=at,
            source_type=ORDER if order_id else "",
            source_id=order_id,
            actor=actor,
        )
    ]
    if wanted < now.amount:
        postings.append(_release(now, reserve, now.amount - wanted, at=at, actor=actor))
    posted = post(postings)
    _settle(
        now,
        at=at,
        state=Reservation.State.CAPTURED,
        captured=wanted,
        capture_id=posted[key].transfer_id,
    )
    return Reservation.objects.get(pk=now.pk)


@retry_on_conflict
@transaction.atomic
def release_points(
    *, reservation: Reservation, at: datetime, timed_out: bool = False, actor: str = ""
) -> Reservation:
    """Give reserved points back into their lots. A repeat changes nothing.

    Raises ReservationClosed when they were spent.
    """
    reserve = reservation.transfer
    lock_accounts([reserve.from_account_id])
    now = Reservation.objects.get(pk=reservation.pk)
    if now.state == Reservation.State.CAPTURED:
        raise ReservationClosed.of(now)
    if now.state != Reservation.State.OPEN:
        return now
    post([_release(now, reserve, now.amount, at=at, actor=actor)])
    states = Reservation.State
    _settle(now, at=at, state=states.EXPIRED if timed_out else states.RELEASED)
    return Reservation.objects.get(pk=now.pk)


def release_stale(*, at: datetime, limit: int = CHUNK) -> int:
    """Release every reservation whose time is over; returns how many. Safe to repeat."""
    released = 0
    while stale := list(
        Reservation.objects.filter(state=Reservation.State.OPEN, expires_at__lt=at)
        .select_related("transfer")
        .order_by("expires_at")[:limit]
    ):
        for reservation in stale:
            # A till may spend them in its last second; then there is nothing to release.
            with suppress(ReservationClosed):
                release_points(reservation=reservation, at=at, timed_out=True)
                released += 1
    return released


def _release(
    reservation: Reservation, reserve: Transfer, amount: int, *, at: datetime, actor: str
) -> Posting:
    return Posting(
        key=f"release:{reservation.pk}",
        kind=Transfer.Kind.REVERSE.value,
        from_account=reserve.to_account_id,
        to_account=reserve.from_account_id,
        amount=amount,
        happened_at=at,
        reverses_id=reserve.pk,
        actor=actor,
    )


def _settle(reservation: Reservation, *, at: datetime, **changes: object) -> None:
    """Close a reservation once; the row count is what proves it."""
    settled = Reservation.objects.filter(
        pk=reservation.pk, state=Reservation.State.OPEN
    ).update(settled_at=at, **changes)
    assert settled == 1, "a reservation was settled outside the lock of its account"
