"""What tiers give: on reaching one, on keeping it, on birthdays and anniversaries.

Everything goes through ``rewards.giving``; here is only decided who gets what, and on
which occasion, so that no occasion comes twice.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime

from django.db import transaction

from core.batch import CHUNK, chunks
from core.retry import retry_on_conflict
from members.merged import merged_ids
from members.occasions import CATCH_UP, anniversaries_lately, birthdays_lately
from rewards.errors import CannotTakeBack
from rewards.giving import Giving, Outcome, give_benefits, take_back_benefit
from rewards.models import GivenBenefit
from tiers.judging import Visit
from tiers.models import MemberTier, Tier, TierChange, TierGift
from tiers.placing import Changed

TIER = GivenBenefit.Source.TIER.value
Kind, Cause, Occasion = TierChange.Kind, TierChange.Cause, TierGift.Occasion
# Rising by what a member did. A new ladder or a merge moves thousands who did nothing, and
# staff who give a tier by hand give its gift by hand.
RISEN_BY = (Cause.ORDER.value, Cause.ACTIVITY.value, Cause.NIGHT.value)


@dataclass(slots=True)
class GiftsGiven:
    """What the night's occasions came to; refused are those without budget or codes."""

    given: int = 0
    refused: int = 0

    def add(self, outcomes: Iterable[Outcome]) -> None:
        for outcome in outcomes:
            self.given += outcome.is_new
            self.refused += outcome.refusal is not None


def answer_changes(
    changes: Sequence[Changed], visits: Mapping[int, Visit], *, at: datetime
) -> None:
    """Give what rising and keeping promise; a fall by a refund takes unused gifts back.

    A history told long after it happened moves tiers but gives nothing. An order that
    crosses two tiers gives the gifts of the tier that it reaches.
    """
    lately = [
        (change, visits[change.member_id])
        for change in changes
        if visits[change.member_id].happened_at >= at - CATCH_UP
    ]
    reached = [change for change, visit in lately if _has_risen(change, visit)]
    kept = [change for change, _visit in lately if change.kind == Kind.KEPT]
    _give_reached({(c.member_id, c.to_tier_id) for c in reached}, at=at)
    _give_kept(kept, visits, at=at)
    fallen = [
        change
        for change, visit in lately
        if change.kind == Kind.DOWN and visit.cause == Cause.REFUND
    ]
    _take_back_for(fallen, at=at)


def give_on_occasions(*, at: datetime) -> GiftsGiven:
    """Give the birthday and anniversary gifts of tiers that are due. Safe to repeat."""
    total = GiftsGiven()
    for occasion, find in (
        (Occasion.BIRTHDAY, birthdays_lately),
        (Occasion.ANNIVERSARY, anniversaries_lately),
    ):
        gifts = _gifts(occasion)
        if not gifts:
            continue
        for chunk in chunks(find(at=at), CHUNK):
            total.add(_give_occasion(chunk, gifts, at=at))
    return total


# --- who gets what ----------------------------------------------------------------------


def _has_risen(change: Changed, visit: Visit) -> bool:
    if change.kind == Kind.UP:
        return visit.cause in RISEN_BY
    # At night everybody who is new to a ladder enters it, also all at once.
    return change.kind == Kind.ENTERED and visit.cause in (Cause.ORDER, Cause.ACTIVITY)


def _give_reached(reached: set[tuple[int, int]], *, at: datetime) -> None:
    gifts = _gifts(Occasion.REACHED, {tier_id for _member, tier_id in reached})
    if not gifts:
        return
    pairs = [
        (member_id, gift)
        for member_id, tier_id in sorted(reached)
        for gift in gifts.get(tier_id, ())
    ]
    before = _given_before({m for m, _gift in pairs}, {g.pk for _m, g in pairs})
    givings = []
    for member_id, gift in pairs:
        earlier = before[member_id, gift.pk]
        # Once; only where a refund took it back is it given anew.
        if all(given.taken_back_at for given in earlier):
            givings.append(_giving(gift, member_id, f"reached:{len(earlier)}"))
    give_benefits(givings, at=at)


def _give_kept(
    kept: Sequence[Changed], visits: Mapping[int, Visit], *, at: datetime
) -> None:
    gifts = _gifts(Occasion.KEPT, {change.to_tier_id for change in kept})
    give_benefits(
        [
            _giving(gift, change.member_id, f"kept:{visits[change.member_id].day}")
            for change in kept
            for gift in gifts.get(change.to_tier_id, ())
        ],
        at=at,
    )


@retry_on_conflict
@transaction.atomic
def _give_occasion(
    found: Sequence[tuple[int, date]],
    gifts: Mapping[int, Sequence[TierGift]],
    *,
    at: datetime,
) -> list[Outcome]:
    days = dict(found)
    rows = MemberTier.objects.filter(member__in=days, tier__in=gifts)
    standing = rows.order_by("member_id").values_list("member_id", "tier_id")
    others = merged_ids(list(days))
    wanted = [
        (member_id, gift, days[member_id].year)
        for member_id, tier_id in standing
        for gift in gifts[tier_id]
    ]
    # Who was given it under another name, before being merged, is passed over.
    keys = {
        _key(gift, other, str(year)): (member_id, gift.pk)
        for member_id, gift, year in wanted
        for other in others.get(member_id, ())
    }
    stored = GivenBenefit.objects.filter(key__in=keys).values_list("key", flat=True)
    done = {keys[key] for key in stored}
    return give_benefits(
        [
            _giving(gift, member_id, str(year))
            for member_id, gift, year in wanted
            if (member_id, gift.pk) not in done
        ],
        at=at,
    )


def _take_back_for(fallen: Sequence[Changed], *, at: datetime) -> None:
    """Take back what was given for reaching tiers that a refund took away again."""
    if not fallen:
        return
    tiers = {t.pk: t for t in Tier.objects.filter(ladder__in={c.ladder_id for c in fallen})}
    members = {change.member_id: tiers[change.to_tier_id] for change in fallen}
    above = {
        gift.pk: gift.tier
        for gift in TierGift.objects.filter(
            tier__in=tiers, occasion=Occasion.REACHED
        ).select_related("tier")
    }
    given = GivenBenefit.objects.filter(
        source=TIER, source_id__in=above, member__in=members, taken_back_at__isnull=True
    )
    for one in given.order_by("pk"):
        tier, now = above[one.source_id or 0], members[one.member_id]
        if tier.ladder_id == now.ladder_id and tier.rank > now.rank:
            _take_back(one, at=at)


def _take_back(given: GivenBenefit, *, at: datetime) -> None:
    """Take one gift back; what is used already stays with its member."""
    try:
        with transaction.atomic():
            take_back_benefit(given, at=at)
    except CannotTakeBack:
        return


# --- gifts and their occasions ----------------------------------------------------------


def _gifts(occasion: str, tiers: Iterable[int] | None = None) -> dict[int, list[TierGift]]:
    """Return the gifts in use for an occasion, by tier."""
    rows = TierGift.objects.filter(occasion=occasion, is_active=True).select_related(
        "benefit__wallet", "benefit__voucher_type"
    )
    if tiers is not None:
        wanted = set(tiers)
        if not wanted:
            return {}
        rows = rows.filter(tier__in=wanted)
    found: dict[int, list[TierGift]] = defaultdict(list)
    for gift in rows.order_by("pk"):
        found[gift.tier_id].append(gift)
    return dict(found)


def _given_before(
    members: set[int], gifts: set[int]
) -> defaultdict[tuple[int, int], list[GivenBenefit]]:
    """Return what was given for these gifts, also to who was merged into a member since."""
    others = merged_ids(sorted(members))
    owners = {pk: pk for pk in members}
    owners |= {pk: member for member, merged in others.items() for pk in merged}
    found: defaultdict[tuple[int, int], list[GivenBenefit]] = defaultdict(list)
    rows = GivenBenefit.objects.filter(source=TIER, source_id__in=gifts, member__in=owners)
    for given in rows:
        found[owners[given.member_id], given.source_id or 0].append(given)
    return found


def _giving(gift: TierGift, member_id: int, occasion: str) -> Giving:
    return Giving(
        benefit=gift.benefit,
        member_id=member_id,
        key=_key(gift, member_id, occasion),
        source=TIER,
        source_id=gift.pk,
        note=gift.get_occasion_display(),
    )


def _key(gift: TierGift, member_id: int, occasion: str) -> str:
    return f"tier-gift:{gift.pk}:{member_id}:{occasion}"


def gifts_by_tier() -> Iterator[TierGift]:
    """Return every gift in use, for pages that tell what tiers are worth. One query."""
    rows = TierGift.objects.filter(is_active=True, benefit__is_active=True)
    yield from rows.select_related("benefit").order_by("tier_id", "pk")
