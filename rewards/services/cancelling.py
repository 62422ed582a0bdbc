"""Cancelling: everything goes back to where it came from, or nothing does."""

from __future__ import annotations

from datetime import datetime

from django.db import transaction
from django.db.models import F
from django.utils.translation import gettext as _

from core.batch import CHUNK
from core.retry import retry_on_conflict
from points.services import reverse_transfer
from rewards.choices import BY_ITSELF, choose
from rewards.errors import RedemptionClosed
from rewards.giving import take_back_benefit
from rewards.models import Redemption, Reward
from rewards.offers import limits_of
from rewards.services.locking import locked_redemption
from rewards.tallies import give_back

State = Redemption.State


@retry_on_conflict
@transaction.atomic
def cancel_redemption(
    *, redemption: Redemption, at: datetime, actor: str, note: str = ""
) -> Redemption:
    """Undo a redemption: points into their own lots, stock, limits, and what was given.

    Money that was paid is given back at the till, by hand. What redeemed itself does so no
    more for this member, until they want it again. A repeat changes nothing.
    Raises CannotTakeBack when what was given is used already; then nothing changes.
    """
    return _end(redemption, State.CANCELLED, at=at, actor=actor, note=note)


def lapse_unpaid(*, at: datetime) -> int:
    """End the redemptions that were not paid in time; returns how many. Safe to repeat."""
    lapsed = 0
    while overdue := list(
        Redemption.objects.filter(state=State.UNPAID, pay_until__lt=at).order_by(
            "pay_until"
        )[:CHUNK]
    ):
        for redemption in overdue:
            lapsed += _lapse(redemption, at=at)
    return lapsed


@retry_on_conflict
@transaction.atomic
def _lapse(redemption: Redemption, *, at: datetime) -> bool:
    # A till may take the money in the last second; then there is nothing to end.
    now = locked_redemption(redemption)
    if now.state != State.UNPAID:
        return False
    _end(now, State.LAPSED, at=at, actor="", note="")
    return True


def _end(
    redemption: Redemption, state: str, *, at: datetime, actor: str, note: str
) -> Redemption:
    now = locked_redemption(redemption)
    if now.state in (State.CANCELLED, State.LAPSED):
        if state == State.LAPSED or now.state == State.CANCELLED:
            return now
        raise RedemptionClosed(_("It was not paid in time; everything went back then."))
    if now.given is not None:
        take_back_benefit(now.given, at=at, actor=actor)
    if now.transfer is not None:
        reverse_transfer(
            transfer=now.transfer,
            key=f"redemption-back:{now.pk}",
            at=at,
            note=now.reward.name,
            actor=actor,
        )
    give_back(limits_of(now.reward, now.member_id), day=now.redeemed_on)
    if now.took_stock:
        Reward.objects.filter(pk=now.reward_id, taken__gt=0).update(taken=F("taken") - 1)
    if state == State.CANCELLED and now.key.startswith(BY_ITSELF):
        # Or the points that come back would buy it again at once.
        choose(member_id=now.member_id, reward_id=now.reward_id, wants=False, at=at)
    now.state, now.ended_at, now.ended_by, now.end_note = state, at, actor[:80], note[:200]
    now.wishes = {}
    now.save(update_fields=["state", "ended_at", "ended_by", "end_note", "wishes"])
    return now
