"""Rewards that redeem themselves: as soon as a member has so many points.

Asked after every sale for the members it touched, and every night for everybody, so that
what a broken connection swallowed, or points that ripened, are found. The rewards go in
the catalogue's own order; each leaves to the next what points remain.

Everything a redemption by hand has to meet holds here, too: it is the same verb. Where it
refuses, nothing happens and the next night asks again.
"""

from __future__ import annotations

import logging
from collections.abc import Collection, Iterator
from datetime import datetime
from functools import partial

from django.db import transaction
from django.db.models import Q, QuerySet

from core.batch import CHUNK
from core.clock import local_date
from core.errors import DomainError
from core.questions import Question
from members.models import Member
from members.segments.tree import members_matching
from points.earning.caps import first_day
from points.models import Account
from points.queries import points_wallet
from rewards.choices import BY_ITSELF
from rewards.errors import BenefitUnavailable
from rewards.models import Redemption, Reward, RewardChoice, RewardLimit, Tally
from rewards.services.redeeming import redeem_reward

logger = logging.getLogger(__name__)

# One sale may pay for several; a mistake in a price must not empty a wallet in one go.
MOST_AT_ONCE = 20
# Asked after every sale, and mostly there is none.
ON = Question(
    lambda: (
        Reward.objects.filter(redeems_itself=True, is_active=True, benefit__is_active=True)
        .select_related("benefit", "wallet", "audience")
        .order_by("position", "price_points", "pk")
    )
)


def redeem_after(member_ids: Collection[int], *, at: datetime) -> None:
    """Redeem what these members have reached just now.

    One member's in the same transaction: a till reads the points that are left. Several
    members' after it, each by itself: accounts and stocks of many, locked one after the
    other, would meet those of a till the other way round.
    """
    if len(member_ids) == 1:
        redeem_due(at=at, member_ids=member_ids)
    elif member_ids and ON.ask():
        work = partial(redeem_due, at=at, member_ids=member_ids)
        # What fails here is found by the night; the sale stands.
        transaction.on_commit(work, robust=True)


def redeem_due(*, at: datetime, member_ids: Collection[int] | None = None) -> int:
    """Redeem for everybody, or for these members, what is due; returns how often.

    Safe to repeat, and to run twice at once.
    """
    redeemed = 0
    for reward in ON.ask():
        if not _can_be_had(reward, at):
            continue
        try:
            for member in _members(due(reward, at=at, member_ids=member_ids)):
                redeemed += _redeem_for(member, reward, at)
        except BenefitUnavailable as refusal:
            # Its budget or its codes are at an end: for the next member, too.
            logger.warning("Reward %s does not redeem itself: %s", reward.pk, refusal.code)
    return redeemed


def due(
    reward: Reward, *, at: datetime, member_ids: Collection[int] | None = None
) -> QuerySet[Member]:
    """Return the members who have reached a reward and are not at their limit of it."""
    wallet = reward.wallet or points_wallet()
    rich = Account.objects.filter(wallet=wallet, balance__gte=reward.threshold)
    members = Member.objects.filter(state=Member.State.ACTIVE)
    if member_ids is not None:
        members = members.filter(pk__in=member_ids)
        rich = rich.filter(member__in=member_ids)
    members = members.filter(pk__in=rich.values("member"))
    said = RewardChoice.objects.filter(reward=reward, wants=reward.redeems_asked)
    named = Q(pk__in=said.values("member"))
    members = members.filter(named if reward.redeems_asked else ~named)
    if reward.audience is not None:
        few = member_ids is not None
        matching = members_matching(reward.audience.conditions, at=at, few=few)
        members = members.filter(pk__in=matching.values("pk"))
    day = local_date(at)
    for limit in RewardLimit.objects.filter(reward=reward, per=RewardLimit.Per.MEMBER):
        full = Tally.objects.filter(
            subject=f"reward:{reward.pk}",
            member__isnull=False,
            period=limit.period,
            starts_on=first_day(limit.period, day),
            times__gte=limit.times,
        )
        members = members.exclude(pk__in=full.values("member"))
    return members.order_by("pk")


def _can_be_had(reward: Reward, at: datetime) -> bool:
    """Tell what holds for all members. Early access is for those who ask themselves."""
    has_begun = reward.active_from is None or reward.active_from <= at
    is_over = reward.active_until is not None and reward.active_until <= at
    return has_begun and not is_over and reward.left != 0


def _members(members: QuerySet[Member]) -> Iterator[Member]:
    """Go through members by id, some at a time."""
    last = 0
    while some := list(members.filter(pk__gt=last)[:CHUNK]):
        yield from some
        last = some[-1].pk


def _redeem_for(member: Member, reward: Reward, at: datetime) -> int:
    """Redeem a reward for a member as often as the points reach."""
    redeemed = 0
    while redeemed < MOST_AT_ONCE:
        # Read before the points are: whoever redeems at the same moment has either the
        # same key, or has taken the points already.
        key = _next_key(member, reward)
        if not due(reward, at=at, member_ids=[member.pk]).exists():
            break
        try:
            redeem_reward(member=member, reward=reward, key=key, at=at)
        except BenefitUnavailable:
            raise
        except DomainError:
            # Sold out, the wrong tier, paced out: said on its page, and asked again.
            break
        redeemed += 1
    return redeemed


def _next_key(member: Member, reward: Reward) -> str:
    """Name the occasion by the one before it: the same for all who see the same."""
    earlier = Redemption.objects.filter(
        member=member, reward=reward, key__startswith=BY_ITSELF
    )
    last = earlier.order_by("-pk").values_list("pk", flat=True).first()
    return f"{BY_ITSELF}{reward.pk}:{member.pk}:{last or 0}"
