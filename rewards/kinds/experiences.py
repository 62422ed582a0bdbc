"""Experiences: a place in a slot, taken now or chosen later."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime

from django.utils.translation import gettext as _

from core.errors import DomainError
from rewards.booking import free_place, take_place
from rewards.errors import CannotTakeBack
from rewards.giving import Gift, Kind
from rewards.models import Benefit, Booking, GivenBenefit


def _give(
    benefit: Benefit, gifts: Sequence[Gift], at: datetime
) -> Mapping[int, DomainError]:
    refused: dict[int, DomainError] = {}
    for gift in gifts:
        slot_id = gift.wishes.get("slot_id")
        try:
            if slot_id:
                take_place(benefit.pk, int(slot_id), at=at)
        except DomainError as refusal:
            refused[gift.given.pk] = refusal
            continue
        state = Booking.State.BOOKED if slot_id else Booking.State.OPEN
        Booking.objects.create(
            given=gift.given,
            member_id=gift.given.member_id,
            slot_id=slot_id or None,
            state=state,
            changed_at=at,
        )
    return refused


def _take_back(given: GivenBenefit, at: datetime, actor: str) -> None:
    booking = Booking.objects.select_for_update(of=("self",)).get(given=given)
    if booking.state in (Booking.State.ATTENDED, Booking.State.MISSED):
        raise CannotTakeBack(_("The booked time is over."))
    if booking.state == Booking.State.BOOKED:
        assert booking.slot_id is not None, "a booking has a slot"
        free_place(booking.slot_id)
    Booking.objects.filter(pk=booking.pk).update(
        state=Booking.State.CANCELLED, changed_at=at
    )


EXPERIENCE = Kind(Benefit.Kind.EXPERIENCE.value, _give, _take_back)
