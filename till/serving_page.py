"""What the till shows of a member: who, what they have, what they can have now."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from django.db.models import F, Q

from core.colors import parse_hex, readable_under_white, to_hex
from core.models import Programme
from core.money import format_money
from core.phones import mask_phone
from members.models import Identifier, Member
from points.amounts import Unit
from points.queries import Holding, holdings
from rewards.models import Fulfilment, Redemption, Reward, Voucher
from rewards.offers import POINTS, Offer, offers_for, shown_rewards
from tiers.queries import standing
from tiers.sentence import describe_perk
from till.access import Desk
from till.purses import unit_of

MOST = 20
# A gift of this store that may be handed over: at best ready, else it is said so.
TO_HAND_OVER = (
    Fulfilment.State.READY,
    Fulfilment.State.PACKED,
    Fulfilment.State.NEW,
)


@dataclass(frozen=True, slots=True)
class Tier:
    name: str
    color: str
    perks: list[str]


@dataclass(frozen=True, slots=True)
class Purse:
    """What is in one wallet, written out."""

    name: str
    amount: str
    reserved: str = ""


@dataclass(frozen=True, slots=True)
class OfferLine:
    """A reward and its price, written out."""

    code: str
    name: str
    price: str
    because: str = ""


@dataclass(slots=True)
class ServingPage:
    name: str
    number: str
    phone: str
    points: Purse
    purses: list[Purse] = field(default_factory=list)
    tier: Tier | None = None
    vouchers: list[Voucher] = field(default_factory=list)
    offers: list[OfferLine] = field(default_factory=list)
    nearest: str = ""
    unpaid: list[Redemption] = field(default_factory=list)
    gifts: list[Fulfilment] = field(default_factory=list)


def serving_page(
    desk: Desk, member: Member, *, programme: Programme, at: datetime
) -> ServingPage:
    """Gather a member's page; what they have adds no queries."""
    found = holdings(member)
    purses = [_purse(one, programme, place) for place, one in enumerate(found)]
    number, phone = _known(member)
    offers = offers_for(member, list(shown_rewards(at=at)), at=at)
    return ServingPage(
        name=member.name,
        number=number,
        phone=mask_phone(phone) if phone else "",
        points=purses[0] if purses else Purse(programme.unit_name, "0"),
        purses=purses[1:],
        tier=_tier(member, programme, at),
        vouchers=usable_vouchers(member, at=at),
        offers=[_line(offer, programme) for offer in offers if offer.is_open][:MOST],
        nearest=_nearest(offers),
        unpaid=_unpaid(member, at),
        gifts=gifts_for(desk, member),
    )


def usable_vouchers(member: Member, *, at: datetime) -> list[Voucher]:
    """Return what a member can use by the day and the count, what ends first first."""
    started = Q(valid_from__isnull=True) | Q(valid_from__lte=at)
    not_over = Q(valid_until__isnull=True) | Q(valid_until__gt=at)
    not_used = Q(max_uses__isnull=True) | Q(uses__lt=F("max_uses"))
    vouchers = Voucher.objects.filter(
        started & not_over & not_used,
        member=member,
        state=Voucher.State.ISSUED,
        voucher_type__is_active=True,
    )
    ordered = vouchers.order_by(F("valid_until").asc(nulls_last=True), "-pk")
    found = list(ordered.select_related("voucher_type")[:MOST])
    for voucher in found:
        # Shown as a last day: it ends at the first instant of the next one.
        if voucher.valid_until is not None:
            voucher.valid_until -= timedelta(microseconds=1)
    return found


def gifts_for(desk: Desk, member: Member) -> list[Fulfilment]:
    """Return the gifts that this member can get in this store."""
    gifts = Fulfilment.objects.filter(
        member=member,
        store=desk.store,
        method=Fulfilment.Method.PICK_UP,
        state__in=TO_HAND_OVER,
    )
    return list(gifts.select_related("given__benefit").order_by("pk")[:MOST])


def offer_of(member: Member, code: str, *, at: datetime) -> Offer | None:
    """Return one reward as this member sees it; None for one that is not shown."""
    rewards = list(shown_rewards(at=at).filter(code=code))
    return offers_for(member, rewards, at=at)[0] if rewards else None


def price_of(offer: Offer, programme: Programme) -> str:
    """Write a price: 100 điểm + 20.000 ₫."""
    unit = unit_of(offer.reward.wallet, programme)
    parts = []
    if offer.price_points:
        parts.append(unit.amount(offer.price_points))
    if offer.price_amount:
        parts.append(format_money(offer.price_amount, programme.currency))
    return " + ".join(parts)


def _known(member: Member) -> tuple[str, str]:
    """Return the card number (else the code) and the phone. One query."""
    kinds = [Identifier.Kind.CARD, Identifier.Kind.PHONE]
    rows = member.identifiers.filter(kind__in=kinds).order_by("-pk")
    found = {row.kind: row.value for row in rows}
    card = found.get(Identifier.Kind.CARD, member.code)
    return card, found.get(Identifier.Kind.PHONE, "")


def _purse(holding: Holding, programme: Programme, place: int) -> Purse:
    unit = Unit.of(holding.wallet, programme)
    if place == 0 and not unit.currency:
        # What members call "my points" is the programme's word.
        unit = Unit(programme.unit_name)
    reserved = unit.amount(holding.reserved) if holding.reserved else ""
    return Purse(holding.wallet.name, unit.amount(holding.balance), reserved)


def _tier(member: Member, programme: Programme, at: datetime) -> Tier | None:
    found = standing(member, at=at)
    if found is None:
        return None
    perks = [
        describe_perk(perk, currency=programme.currency) or perk.name
        for perk in found.perks
    ]
    color = to_hex(readable_under_white(parse_hex(found.step.color)))
    return Tier(found.step.name, color, perks)


def _line(offer: Offer, programme: Programme) -> OfferLine:
    reward: Reward = offer.reward
    return OfferLine(reward.code, reward.name, price_of(offer, programme), offer.because)


def _nearest(offers: Sequence[Offer]) -> str:
    """Say what is missing for the reward that is nearest, where nothing can be had yet."""
    if any(offer.is_open for offer in offers):
        return ""
    dear = [offer for offer in offers if offer.lock and offer.lock.code == POINTS]
    if not dear:
        return ""
    nearest = min(dear, key=lambda offer: offer.missing)
    assert nearest.lock is not None, "only locked ones were kept"
    return f"{nearest.reward.name}: {nearest.lock.sentence}"


def _unpaid(member: Member, at: datetime) -> list[Redemption]:
    rows = Redemption.objects.filter(
        member=member, state=Redemption.State.UNPAID, pay_until__gte=at
    )
    return list(rows.select_related("reward").order_by("pk")[:MOST])
