"""Places in slots: taken by one conditional statement, given back by another."""

from __future__ import annotations

from datetime import datetime

from django.db import transaction
from django.db.models import F
from django.utils.translation import gettext as _

from core.retry import retry_on_conflict
from rewards.errors import StepRefused, WishRefused
from rewards.models import Booking, Slot


def take_place(benefit_id: int, slot_id: int, *, at: datetime) -> None:
    """Take one place in a slot that has not begun. Raises WishRefused."""
    taken = Slot.objects.filter(
        pk=slot_id,
        benefit=benefit_id,
        is_open=True,
        starts_at__gt=at,
        taken__lt=F("capacity"),
    ).update(taken=F("taken") + 1)
    if not taken:
        raise WishRefused(_("This time is no longer free. Please choose another one."))


def free_place(slot_id: int) -> None:
    """Give one place back."""
    Slot.objects.filter(pk=slot_id, taken__gt=0).update(taken=F("taken") - 1)


@retry_on_conflict
@transaction.atomic
def choose_slot(booking: Booking, *, slot_id: int, at: datetime) -> Booking:
    """Book a time, or move a booking to another one that has not begun.

    Raises WishRefused when the new time is not free, StepRefused when the old one began.
    """
    now = Booking.objects.select_for_update(of=("self",)).get(pk=booking.pk)
    given = now.given
    if now.state == Booking.State.BOOKED and now.slot_id == slot_id:
        return now
    if now.state not in (Booking.State.OPEN, Booking.State.BOOKED):
        raise StepRefused(_("This booking is closed."))
    if now.slot is not None and now.slot.starts_at <= at:
        raise StepRefused(_("The booked time has begun; it can no longer be moved."))
    old = now.slot_id
    take_place(given.benefit_id, slot_id, at=at)
    if old is not None:
        free_place(old)
    now.slot_id, now.state, now.changed_at = slot_id, Booking.State.BOOKED, at
    now.save(update_fields=["slot", "state", "changed_at"])
    return now


@transaction.atomic
def close_booking(booking: Booking, *, attended: bool, at: datetime) -> Booking:
    """Note whether the guest came. Raises StepRefused unless it was booked."""
    state = Booking.State.ATTENDED if attended else Booking.State.MISSED
    changed = Booking.objects.filter(pk=booking.pk, state=Booking.State.BOOKED).update(
        state=state, changed_at=at
    )
    if not changed:
        raise StepRefused(_("Only a booked time can be closed."))
    return Booking.objects.get(pk=booking.pk)


@retry_on_conflict
@transaction.atomic
def release_booking(booking: Booking, *, at: datetime) -> Booking:
    """Free a booked time; the guest chooses anew. Raises StepRefused once it has begun."""
    now = Booking.objects.select_for_update(of=("self",)).get(pk=booking.pk)
    if now.state != Booking.State.BOOKED or now.slot is None:
        raise StepRefused(_("Only a booked time can be freed."))
    if now.slot.starts_at <= at:
        raise StepRefused(_("The booked time has begun; it can no longer be moved."))
    free_place(now.slot.pk)
    now.slot, now.state, now.changed_at = None, Booking.State.OPEN, at
    now.save(update_fields=["slot", "state", "changed_at"])
    return now
