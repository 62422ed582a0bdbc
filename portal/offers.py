"""The catalogue as one member sees it: what can be had, what is near, what is missing."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from core.models import Programme
from core.money import group_digits
from members.models import Member
from points.queries import balances
from portal.days import LastDay, last_day
from portal.prices import Prices
from portal.purses import purse_names
from portal.vouchers import About, about
from rewards.choices import wants_itself
from rewards.issuing import window_of
from rewards.models import Redemption, Reward, RewardCategory, RewardLimit
from rewards.offers import OVER, POINTS, SOLD_OUT, Offer, offers_for, shown_rewards

# More than this and the shelf gets pages.
CARDS_A_PAGE = 60
# Where staff set no number of their own, so few are few.
FEW = 5
SOON = timedelta(days=7)
# From half the price on a reward is within sight.
NEAR_PERCENT = 50
AT_HOME = 3
RECENT = timedelta(hours=24)


@dataclass(frozen=True, slots=True)
class OfferCard:
    """A reward with its price, and what is missing for it, in words.

    ``usual``: what it costs others, where this member pays less. ``percent``: how much of
    the points is there, where only points are missing. ``few``: how many are left when
    these are few. ``ends``: its last day when that is near.
    """

    offer: Offer
    parts: list[str]
    usual: str
    lock: str
    percent: int | None
    few: int | None
    ends: LastDay | None

    @property
    def reward(self) -> Reward:
        return self.offer.reward

    @property
    def price(self) -> str:
        return " + ".join(self.parts)

    @property
    def is_open(self) -> bool:
        return self.offer.is_open

    @property
    def is_near(self) -> bool:
        return self.percent is not None and self.percent >= NEAR_PERCENT

    @property
    def is_gone(self) -> bool:
        return self.offer.lock is not None and self.offer.lock.code in (SOLD_OUT, OVER)


@dataclass(frozen=True, slots=True)
class Catalogue:
    """One page of the shelf: what can be had, what is near, and what else there is."""

    balance: str
    open: list[OfferCard]
    near: list[OfferCard]
    locked: list[OfferCard]
    categories: list[RewardCategory] = field(default_factory=list)
    category: str = ""
    page: int = 1
    has_more: bool = False

    @property
    def is_empty(self) -> bool:
        return not (self.open or self.near or self.locked)


@dataclass(frozen=True, slots=True)
class Itself:
    """That a reward redeems itself: from how many points, and whether for this member."""

    points: str
    is_on: bool


@dataclass(frozen=True, slots=True)
class OfferPage:
    """One reward with all that is to be known before it is taken."""

    card: OfferCard
    balance: str
    after: str
    money: str
    delivery_fee: str
    until: LastDay | None
    usable_until: LastDay | None
    limits: list[str]
    about: About
    terms: str
    recent: Redemption | None
    itself: Itself | None = None

    @property
    def reward(self) -> Reward:
        return self.card.reward

    @property
    def offer(self) -> Offer:
        return self.card.offer


def catalogue(
    member: Member, *, programme: Programme, at: datetime, category: str, page: int
) -> Catalogue:
    """Return a page of the shelf, by category; an unknown one means everything."""
    prices = prices_of(programme)
    rewards = list(shown_rewards(at=at))
    categories = _categories(rewards)
    chosen = category if category in {c.code for c in categories} else ""
    if chosen:
        rewards = [r for r in rewards if r.category and r.category.code == chosen]
    cards = _in_order(_cards(member, rewards, prices, at))
    begin = (page - 1) * CARDS_A_PAGE
    shown = cards[begin : begin + CARDS_A_PAGE]
    return Catalogue(
        balance=_balance(member, prices),
        open=[card for card in shown if card.is_open],
        near=[card for card in shown if card.is_near],
        locked=[card for card in shown if not card.is_open and not card.is_near],
        categories=categories if len(categories) > 1 else [],
        category=chosen,
        page=page,
        has_more=len(cards) > begin + CARDS_A_PAGE,
    )


def within_reach(member: Member, *, prices: Prices, at: datetime) -> list[OfferCard]:
    """Return a few that can be had now, else those that are nearest."""
    rewards = list(shown_rewards(at=at))
    cards = _in_order(_cards(member, rewards, prices, at)) if rewards else []
    open_now = [card for card in cards if card.is_open]
    return (open_now or [card for card in cards if card.is_near])[:AT_HOME]


def offer_page(
    member: Member, code: str, *, programme: Programme, at: datetime
) -> OfferPage | None:
    """Return one reward of the shelf; None when it is not, or no longer, shown."""
    rewards = shown_rewards(at=at).select_related("benefit__voucher_type")
    reward = rewards.filter(code=code).first()
    if reward is None:
        return None
    prices = prices_of(programme)
    card = _cards(member, [reward], prices, at)[0]
    offer, unit = card.offer, prices.unit(reward.wallet)
    voucher_type = reward.benefit.voucher_type
    ends = window_of(voucher_type, at=at).ends if voucher_type else None
    recent = Redemption.objects.filter(
        member=member,
        reward=reward,
        state__in=[Redemption.State.DONE, Redemption.State.UNPAID],
        redeemed_at__gt=at - RECENT,
    )
    return OfferPage(
        card=card,
        balance=unit.amount(offer.balance),
        after=unit.amount(offer.balance_after),
        money=prices.money(offer.price_amount) if offer.price_amount else "",
        delivery_fee=prices.money(fee) if (fee := reward.benefit.delivery_fee) else "",
        until=last_day(reward.active_until, programme.zone),
        usable_until=last_day(ends, programme.zone),
        limits=[describe_limit(limit) for limit in reward.limits.all()],
        about=about(voucher_type, programme) if voucher_type else About(),
        terms=reward.fine_print or (voucher_type.fine_print if voucher_type else ""),
        recent=recent.order_by("-pk").first(),
        itself=Itself(unit.amount(reward.threshold), wants_itself(member.pk, reward))
        if reward.redeems_itself
        else None,
    )


def prices_of(programme: Programme) -> Prices:
    """Return how prices are written. One query."""
    return Prices(programme, purse_names(programme)[0])


def describe_limit(limit: RewardLimit) -> str:
    """Say how often a reward can be had: once a month, 10 a day for everyone."""
    many = limit.times
    if limit.per == RewardLimit.Per.MEMBER:
        texts = {
            "day": ngettext("once a day", "%(count)s times a day", many),
            "week": ngettext("once a week", "%(count)s times a week", many),
            "month": ngettext("once a month", "%(count)s times a month", many),
            "year": ngettext("once a year", "%(count)s times a year", many),
            "all": ngettext("once", "%(count)s times in all", many),
        }
    else:
        texts = {
            "day": _("%(count)s a day for all members"),
            "week": _("%(count)s a week for all members"),
            "month": _("%(count)s a month for all members"),
            "year": _("%(count)s a year for all members"),
            "all": _("%(count)s in all"),
        }
    return texts[limit.period] % {"count": group_digits(many)}


def _cards(
    member: Member, rewards: Sequence[Reward], prices: Prices, at: datetime
) -> list[OfferCard]:
    return [_card(offer, prices, at) for offer in offers_for(member, rewards, at=at)]


def _card(offer: Offer, prices: Prices, at: datetime) -> OfferCard:
    reward = offer.reward
    parts = prices.parts(reward.wallet, offer.price_points, offer.price_amount)
    usual = prices.parts(reward.wallet, reward.price_points, reward.price_amount)
    lacks_points = offer.lock is not None and offer.lock.code == POINTS
    ends_soon = reward.active_until is not None and reward.active_until - at <= SOON
    return OfferCard(
        offer=offer,
        parts=parts,
        usual=" + ".join(usual) if usual != parts else "",
        lock=_lock(offer, prices),
        percent=offer.balance * 100 // offer.price_points if lacks_points else None,
        few=_few(reward),
        ends=last_day(reward.active_until, prices.programme.zone) if ends_soon else None,
    )


def _lock(offer: Offer, prices: Prices) -> str:
    if offer.lock is None:
        return ""
    if offer.lock.code != POINTS:
        return offer.lock.sentence
    # In the words of this page, which knows wallets of money, too.
    missing = prices.unit(offer.reward.wallet).amount(offer.missing)
    return _("%(amount)s still missing") % {"amount": missing}


def _few(reward: Reward) -> int | None:
    few = FEW if reward.low_stock is None else reward.low_stock
    return reward.left if reward.left is not None and 0 < reward.left <= few else None


def _in_order(cards: list[OfferCard]) -> list[OfferCard]:
    """What can be had first, recommended ones ahead; then by how little is missing."""
    return sorted(cards, key=_rank)


def _rank(card: OfferCard) -> tuple[int, int]:
    if card.is_open:
        return (0, 0 if card.reward.is_featured else 1)
    if card.percent is not None:
        return (1 if card.is_near else 2, -card.percent)
    return (4 if card.is_gone else 3, 0)


def _categories(rewards: Sequence[Reward]) -> list[RewardCategory]:
    found = {r.category.pk: r.category for r in rewards if r.category is not None}
    return sorted(found.values(), key=lambda category: (category.position, category.name))


def _balance(member: Member, prices: Prices) -> str:
    wallet = prices.first.wallet
    balance = balances([member.pk], wallet=wallet)[member.pk] if wallet else 0
    return prices.first.unit.amount(balance)
