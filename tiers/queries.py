"""Questions about tiers: where a member stands, what is missing, where they stood.

They read what the verbs have written. Progress is as of the last fact or the last night,
whichever came later. Constant queries each.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal

from core.clock import local_date, programme_zone, start_of_day
from members.models import Member
from tiers.definition import Definition, Measure, PerkTold, Step, Window
from tiers.ladders import ladders_in_force
from tiers.models import Ladder, MemberTier, Tier, TierChange
from tiers.windows import period


@dataclass(frozen=True, slots=True)
class Progress:
    """The way to the next tier: what is there, what it asks for, what is missing.

    ``by``: the last day on which what counts now still counts in full; None: for good.
    """

    step: Step
    missing: Measure
    percent: int
    by: date | None


@dataclass(frozen=True, slots=True)
class Standing:
    """A member on one ladder.

    ``until``: the last day on which the tier is kept without another purchase, its grace
    left out; None: for good. ``by_hand``: staff gave it. ``to_keep``: what is still missing
    to keep it beyond that day.
    """

    ladder: Definition
    step: Step
    since: datetime | None
    until: date | None
    by_hand: bool
    measure: Measure
    next: Progress | None
    to_keep: Measure | None

    @property
    def perks(self) -> tuple[PerkTold, ...]:
        return self.step.perks


def standings(member: Member, *, at: datetime) -> list[Standing]:
    """Return a member's standing on every ladder in force, the main one first."""
    ladders = ladders_in_force()
    if not ladders:
        return []
    rows = {row.ladder_id: row for row in MemberTier.objects.filter(member=member)}
    today = local_date(at)
    joined_on = member.joined_at.astimezone(programme_zone()).date()
    return [_standing(one, rows.get(one.ladder_id), today, joined_on) for one in ladders]


def standing(member: Member, *, at: datetime) -> Standing | None:
    """Return a member's standing on the main ladder; None where there is none."""
    return next(iter(standings(member, at=at)), None)


def tier_steps(member_ids: Sequence[int]) -> dict[int, Step]:
    """Return the tier on the main ladder by member; {} without one. Two queries.

    Who has not been placed yet stands on the lowest.
    """
    ladder = next(iter(ladders_in_force()), None)
    if ladder is None:
        return {}
    rows = MemberTier.objects.filter(ladder=ladder.ladder_id, member__in=member_ids)
    found = dict(rows.values_list("member_id", "tier_id"))
    return {pk: ladder.step(found.get(pk, 0)) or ladder.lowest for pk in member_ids}


def tier_as_of(member: Member, day: date, *, ladder: Ladder | None = None) -> Tier | None:
    """Return the tier that a member was in at the end of a day; None before the first."""
    changes = TierChange.objects.filter(
        member=member, happened_at__lt=start_of_day(day + timedelta(days=1))
    )
    if ladder is not None:
        changes = changes.filter(ladder=ladder)
    else:
        main = Ladder.objects.filter(is_active=True, version__gt=0)
        changes = changes.filter(ladder=main.order_by("pk")[:1])
    last = changes.select_related("to_tier").order_by("-happened_at", "-pk").first()
    return last.to_tier if last else None


def _standing(
    ladder: Definition, row: MemberTier | None, today: date, joined_on: date
) -> Standing:
    if row is None:
        measure = Measure()
        step = ladder.lowest
    else:
        measure = Measure(row.spend, row.points, row.orders)
        # A tier that has just left the ladder is the lowest until the review.
        step = ladder.step(row.tier_id) or ladder.lowest
    by_hand = bool(row and row.manual_tier_id == step.tier_id)
    until = row.holds_until if row else None
    if row is not None and by_hand and row.manual_tier_id != row.earned_tier_id:
        until = row.manual_until
    return Standing(
        ladder=ladder,
        step=step,
        since=row.since if row else None,
        until=until,
        by_hand=by_hand,
        measure=measure,
        next=_progress(ladder, step, measure, row, today, joined_on),
        to_keep=ladder.missing(step, measure) if until is not None else None,
    )


def _progress(
    ladder: Definition,
    step: Step,
    measure: Measure,
    row: MemberTier | None,
    today: date,
    joined_on: date,
) -> Progress | None:
    above = ladder.above(step)
    missing = ladder.missing(above, measure) if above else None
    if above is None or missing is None:
        return None
    return Progress(
        above, missing, _percent(ladder, above, measure), _by(ladder, row, today, joined_on)
    )


def _by(
    ladder: Definition, row: MemberTier | None, today: date, joined_on: date
) -> date | None:
    """Return the day through which all that counts today goes on counting."""
    if ladder.in_periods:
        return period(ladder, today, joined_on).last
    if ladder.window != Window.ROLLING or row is None or row.review_on is None:
        return None
    return max(today, row.review_on - timedelta(days=1))


def _percent(ladder: Definition, step: Step, measure: Measure) -> int:
    """Say how far the way is done: by the best measure, or the worst where all count."""
    shares = []
    for name in step.threshold.asked:
        wanted = Decimal(getattr(step.threshold, name))
        if wanted > 0:
            shares.append(min(Decimal(getattr(measure, name)) / wanted, Decimal(1)))
    if not shares:
        return 0
    choose = min if ladder.combine == Ladder.Combine.ALL else max
    return max(0, int(choose(shares) * 100))
