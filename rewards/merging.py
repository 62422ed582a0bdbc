"""What a member was given, when two members turn out to be one; and the way back."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from django.db import models, transaction

from core.batch import chunks, execute
from rewards.models import (
    Booking,
    Fulfilment,
    GivenBenefit,
    Redemption,
    RewardChoice,
    Tally,
    Voucher,
    VoucherUse,
)

# What moves as it is. The verbs of rewards hold the member's key, and a merge the whole
# row, so nothing new comes to the merged member meanwhile.
OWNED: dict[str, type[models.Model]] = {
    "given": GivenBenefit,
    "redemptions": Redemption,
    "vouchers": Voucher,
    "voucher_uses": VoucherUse,
    "fulfilments": Fulfilment,
    "bookings": Booking,
}
# One statement for one count: the merged member's uses are the kept one's as well.
ADD_TALLY = """
INSERT INTO rewards_tally (subject, member_id, period, starts_on, times)
VALUES (%s, %s, %s, %s, %s)
ON CONFLICT (subject, member_id, period, starts_on) WHERE member_id IS NOT NULL
DO UPDATE SET times = rewards_tally.times + excluded.times
"""
LESS_TALLY = """
UPDATE rewards_tally SET times = CASE WHEN times < %s THEN 0 ELSE times - %s END
WHERE subject = %s AND member_id = %s AND period = %s AND starts_on = %s
"""


@transaction.atomic
def move_rewards(*, kept_id: int, merged_id: int) -> dict[str, Any]:
    """Let everything that a merged member was given be the kept one's.

    Returns the numbers of what moved, and the counts of limits that were added.
    """
    moved: dict[str, Any] = {}
    for name, model in OWNED.items():
        rows = model._default_manager.filter(member=merged_id).order_by("pk")
        moved[name] = list(rows.values_list("pk", flat=True))
        rows.update(member=kept_id)
    counted = Tally.objects.filter(member=merged_id).order_by("pk")
    fields = ("subject", "period", "starts_on", "times")
    moved["tallies"] = [
        [subject, period, day.isoformat(), times]
        for subject, period, day, times in counted.values_list(*fields)
    ]
    for subject, period, day, times in moved["tallies"]:
        execute(ADD_TALLY, [subject, kept_id, period, day, times])
    counted.delete()
    moved["choices"] = _move_choices(kept_id, merged_id)
    return {"rewards": moved}


@transaction.atomic
def move_rewards_back(*, kept_id: int, merged_id: int, moved: Mapping[str, Any]) -> None:
    """Undo ``move_rewards``; what was given since stays with the kept member."""
    told = moved.get("rewards", {})
    for name, model in OWNED.items():
        for some in chunks(told.get(name, ())):
            rows = model._default_manager.filter(pk__in=some, member=kept_id)
            rows.update(member=merged_id)
    _tallies_back(kept_id, merged_id, told.get("tallies", ()))
    own = RewardChoice.objects.filter(pk__in=told.get("choices", ()), member=kept_id)
    own.update(member=merged_id)


def _move_choices(kept_id: int, merged_id: int) -> list[int]:
    """Let the merged member's choices be the kept one's, where that one made none."""
    made = RewardChoice.objects.filter(member=kept_id).values("reward")
    own = RewardChoice.objects.filter(member=merged_id).exclude(reward__in=made)
    moved = list(own.order_by("pk").values_list("pk", flat=True))
    RewardChoice.objects.filter(pk__in=moved).update(member=kept_id)
    return moved


def _tallies_back(kept_id: int, merged_id: int, tallies: Sequence[Sequence[Any]]) -> None:
    for subject, period, day, times in tallies:
        execute(LESS_TALLY, [times, times, subject, kept_id, period, day])
        execute(ADD_TALLY, [subject, merged_id, period, day, times])
