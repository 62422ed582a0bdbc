"""What a member can have now, and exactly what is missing for the rest.

Pages, the API and the redemption itself ask the same function, so that what is shown as
open is what can be had.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from django.db.models import Q, QuerySet
from django.utils import formats, timezone
from django.utils.translation import gettext as _

from core.clock import local_date
from core.models import Programme
from core.money import group_digits
from members.models import Member, Segment
from members.segments.tree import members_matching
from points.amounts import Unit
from points.queries import balances, points_wallet
from rewards.models import Reward, RewardLimit
from rewards.tallies import Limit, counts, is_reached
from rewards.terms import NO_TERMS, Terms, terms_for

# Why a reward is locked; stable, for machines.
INACTIVE = "inactive"
NOT_YET = "not_yet"
OVER = "over"
SOLD_OUT = "sold_out"
NOT_FOR_YOU = "not_for_you"
LIMIT = "limit_reached"
PACED = "paced_out"
POINTS = "not_enough_points"


@dataclass(frozen=True, slots=True)
class Lock:
    """Why a reward cannot be had now: a code, and a sentence that says what is missing."""

    code: str
    sentence: str


@dataclass(frozen=True, slots=True)
class Offer:
    """A reward as one member sees it at one moment.

    ``price_points`` in units of the wallet, ``price_amount`` in the programme's currency;
    ``missing`` is how many units the member still needs.
    """

    reward: Reward
    price_points: int
    price_amount: Decimal
    balance: int
    lock: Lock | None = None
    because: str = ""

    @property
    def is_open(self) -> bool:
        return self.lock is None

    @property
    def missing(self) -> int:
        return max(0, self.price_points - self.balance)

    @property
    def balance_after(self) -> int:
        return self.balance - self.price_points


def shown_rewards(*, at: datetime) -> QuerySet[Reward]:
    """Return the rewards that the catalogue shows at a moment, with what pages need."""
    started = Q(visible_from__isnull=True) | Q(visible_from__lte=at)
    not_over = Q(visible_until__isnull=True) | Q(visible_until__gt=at)
    on_shelf = Q(category__isnull=True) | Q(category__is_active=True)
    return (
        Reward.objects.filter(
            started & not_over & on_shelf, is_active=True, benefit__is_active=True
        )
        .select_related("benefit", "benefit__wallet", "category", "wallet", "audience")
        .prefetch_related("limits")
    )


def offers_for(member: Member, rewards: Iterable[Reward], *, at: datetime) -> list[Offer]:
    """Say for each reward whether the member can have it now, at what price, or why not.

    A constant number of queries, one more for each group of members that rewards are
    kept for.
    """
    asked = list(rewards)
    facts = _Facts(member, asked, at)
    return [facts.offer(reward) for reward in asked]


def limits_of(reward: Reward, member_id: int) -> list[Limit]:
    """Return the limits of a reward as they bind this member."""
    return [
        Limit(
            f"reward:{reward.pk}",
            member_id if limit.per == RewardLimit.Per.MEMBER else None,
            limit.period,
            limit.times,
        )
        for limit in reward.limits.all()
    ]


class _Facts:
    """All that offers to one member depend on, read once."""

    def __init__(self, member: Member, rewards: Sequence[Reward], at: datetime) -> None:
        self.member, self.at, self.day = member, at, local_date(at)
        self.terms = terms_for(member.pk, rewards, at=at)
        self.default_wallet = points_wallet()
        self.balances = self._read_balances(rewards)
        subjects = [f"reward:{reward.pk}" for reward in rewards if reward.limits.all()]
        self.used = counts(subjects, member_id=member.pk, day=self.day) if subjects else {}
        audiences = {r.audience_id: r.audience for r in rewards if r.audience is not None}
        self.audiences = {pk for pk, segment in audiences.items() if self._belongs(segment)}

    def offer(self, reward: Reward) -> Offer:
        terms = self.terms.get(reward.pk, NO_TERMS)
        price = reward.price_points
        if terms.price_points is not None:
            price = min(price, terms.price_points)
        balance = self.balances.get(reward.wallet_id, 0)
        lock = self._lock(reward, terms) or self._too_dear(price, balance, reward)
        return Offer(reward, price, reward.price_amount, balance, lock, terms.because)

    def _lock(self, reward: Reward, terms: Terms) -> Lock | None:
        opens = reward.active_from
        if terms.opens_at and opens and terms.opens_at < opens:
            opens = terms.opens_at
        if not reward.is_active or not reward.benefit.is_active:
            return Lock(INACTIVE, _("This reward is no longer offered."))
        if reward.active_until is not None and self.at >= reward.active_until:
            return Lock(OVER, _("This offer is over."))
        if reward.left == 0:
            return Lock(SOLD_OUT, _("All of them are taken."))
        if terms.locked:
            return Lock(NOT_FOR_YOU, terms.locked)
        if reward.audience_id is not None and reward.audience_id not in self.audiences:
            group = str(reward.audience)
            return Lock(NOT_FOR_YOU, _("Only for: %(group)s.") % {"group": group})
        if opens is not None and self.at < opens:
            when = formats.localize(timezone.localtime(opens))
            return Lock(NOT_YET, _("Can be had from %(when)s.") % {"when": when})
        return self._limit_reached(reward)

    def _limit_reached(self, reward: Reward) -> Lock | None:
        for limit in limits_of(reward, self.member.pk):
            if is_reached(limit, self.used, self.day):
                return limit_lock(limit)
        return None

    def _too_dear(self, price: int, balance: int, reward: Reward) -> Lock | None:
        if balance >= price:
            return None
        wallet = reward.wallet or self.default_wallet
        missing = price - balance
        if wallet is not None and wallet.holds_money:
            amount = Unit.of(wallet, Programme.current()).amount(missing)
        else:
            amount = f"{group_digits(missing)} {wallet.unit_name if wallet else ''}".strip()
        return Lock(POINTS, _("%(amount)s are still missing.") % {"amount": amount})

    def _read_balances(self, rewards: Sequence[Reward]) -> dict[int | None, int]:
        wallets = {reward.wallet_id: reward.wallet for reward in rewards}
        member_id = self.member.pk
        return {
            wallet_id: max(0, balances([member_id], wallet=known)[member_id])
            for wallet_id, wallet in wallets.items()
            if (known := wallet or self.default_wallet)
        }

    def _belongs(self, segment: Segment) -> bool:
        matching = members_matching(segment.conditions, at=self.at, few=True)
        return matching.filter(pk=self.member.pk).exists()


def limit_lock(limit: Limit) -> Lock:
    """Say that a limit is reached, and from when it is open again."""
    if limit.member_id is None:
        return Lock(PACED, _("All of today's, or of this period's, are taken. Come back."))
    return Lock(
        LIMIT,
        {
            "day": _("You had it today. You can have it again tomorrow."),
            "week": _("You had it this week. You can have it again from Monday."),
            "month": _("You had it this month. You can have it again next month."),
            "year": _("You had it this year. You can have it again next year."),
        }.get(limit.period, _("You had it as often as one member can.")),
    )
