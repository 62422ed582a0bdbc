"""Which channel reaches whom, and at what price: pure SQL, for any number of members."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from django.db.models import (
    BooleanField,
    Case,
    CharField,
    Count,
    Exists,
    OuterRef,
    Q,
    QuerySet,
    Subquery,
    Value,
    When,
)
from django.db.models.functions import Coalesce

from members.models import Consent, Identifier, Member
from messaging.cascade import BY_PHONE, KINDS, Ways, current_ways, price_of, zalo_templates
from messaging.models import Channel, DoNotAdvertise, MessageTemplate

MARKETING = MessageTemplate.Purpose.MARKETING
# Silence is no consent to offers; customer care goes on until someone objects.
CONSENT_WHEN_SILENT = {MARKETING: False, MessageTemplate.Purpose.CARE: True}


def consent_when_silent(purpose: str, channel: str) -> bool:
    """Tell what silence means; the inbox disturbs no one, so only a "no" closes it."""
    is_care = CONSENT_WHEN_SILENT[MessageTemplate.Purpose(purpose)]
    return is_care or channel == Channel.INBOX


def with_channel(
    members: QuerySet[Member],
    *,
    purpose: str,
    by_uid: bool = True,
    template: MessageTemplate | None = None,
    ways: Ways | None = None,
) -> QuerySet[Member]:
    """Annotate ``channel``: the best way to reach each member now, or None.

    With a template its own channels are tried in the brand's order. Without one, followers
    of the Official Account are reached by user id, everyone else by phone. Each way needs
    consent for the purpose on that very channel.
    """
    if template is None:
        tried = [Channel.ZALO_UID.value] if by_uid else []
        tried.append(Channel.ZALO_PHONE.value)
    else:
        tried = (ways or current_ways()).of(template)
    found = [When(reached_by(way, purpose), then=Value(way)) for way in tried]
    return members.annotate(
        channel=Case(*found, default=None, output_field=CharField(null=True))
        if found
        else Value(None, CharField(null=True))
    )


def reached_by(channel: str, purpose: str) -> Q:
    """Return who can be reached by one channel, by address, consent and register."""
    reached = _allows(purpose, channel)
    if channel in KINDS:
        reached &= _has(KINDS[channel])
    if channel == Channel.ZALO_UID:
        reached &= Q(follows_oa=True)
    if channel in BY_PHONE and purpose == MARKETING:
        reached &= ~Q(Exists(_registered()))
    return reached


def _has(kind: str) -> Q:
    working = Identifier.objects.filter(member=OuterRef("pk"), kind=kind, is_valid=True)
    return Q(Exists(working))


def _registered() -> QuerySet[Identifier]:
    """Return the member's phones that must get no advertising."""
    register = DoNotAdvertise.objects.filter(phone=OuterRef("value"))
    phones = Identifier.objects.filter(
        member=OuterRef("pk"), kind=Identifier.Kind.PHONE, is_valid=True
    )
    return phones.filter(Exists(register))


def _allows(purpose: str, channel: str) -> Q:
    """A word about this channel counts before a word about every channel."""
    if purpose not in CONSENT_WHEN_SILENT:
        return Q()
    said = Consent.objects.filter(member=OuterRef("pk"), purpose=purpose)
    is_given = Coalesce(
        Subquery(said.filter(channel=channel).values("is_given")[:1]),
        Subquery(said.filter(channel=Consent.Channel.ANY).values("is_given")[:1]),
        Value(consent_when_silent(purpose, channel)),
        output_field=BooleanField(),
    )
    return Q(is_given)


# --- Reach and cost ---------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class StepReach:
    """One step of the cascade: whom it could reach, whom it would take, at what price."""

    channel: str
    could: int
    takes: int
    price: int

    @property
    def cost(self) -> int:
        return self.takes * self.price


@dataclass(frozen=True, slots=True)
class Reach:
    """An audience, step by step, in VND."""

    members: int
    steps: list[StepReach]

    @property
    def reached(self) -> int:
        return sum(step.takes for step in self.steps)

    @property
    def unreached(self) -> int:
        return self.members - self.reached

    @property
    def cost(self) -> int:
        return sum(step.cost for step in self.steps)


def reach_and_cost(
    members: QuerySet[Member], template: MessageTemplate, *, sms_parts: int = 1
) -> Reach:
    """Count whom each step of a template's cascade reaches, and what that costs.

    The members are counted by one query, however many they are. ``sms_parts`` is how many
    parts a usual SMS of this template has.
    """
    ways = current_ways()
    steps = ways.of(template)
    counts: dict[str, Any] = {"members": Count("pk")}
    for step in steps:
        counts[f"could_{step}"] = Count("pk", filter=Q(**{f"by_{step}": True}))
        counts[f"takes_{step}"] = Count("pk", filter=Q(channel=step))
    reached = with_channel(
        members, purpose=template.purpose, template=template, ways=ways
    ).annotate(
        **{
            f"by_{step}": Case(
                When(reached_by(step, template.purpose), then=Value(True)),
                default=Value(False),
                output_field=BooleanField(),
            )
            for step in steps
        }
    )
    found = reached.order_by().aggregate(**counts)
    known = zalo_templates([template]).get(template.zalo_template_id)
    return Reach(
        members=found["members"],
        steps=[
            StepReach(
                channel=step,
                could=found[f"could_{step}"],
                takes=found[f"takes_{step}"],
                price=price_of(step, template, ways, known)
                * (sms_parts if step == Channel.SMS else 1),
            )
            for step in steps
        ],
    )


# --- The same for a batch of members, row by row ----------------------------------------


@dataclass(frozen=True, slots=True)
class Contacts:
    """How a batch of members can be reached, as the gate and the cascade look at it."""

    addresses: Mapping[tuple[int, str], str]
    consents: Mapping[tuple[int, str, str], bool]
    followers: frozenset[int]
    without_advertising: frozenset[str]

    def address(self, member_id: int, channel: str) -> str:
        return self.addresses.get((member_id, KINDS.get(channel, "")), "")

    def of_member(self, member_id: int) -> list[str]:
        """List every working address of a member."""
        found = self.addresses.items()
        return [value for (owner, _kind), value in found if owner == member_id]

    def allows(self, member_id: int, purpose: str, channel: str) -> bool:
        for said in (channel, ""):
            if (is_given := self.consents.get((member_id, purpose, said))) is not None:
                return is_given
        return consent_when_silent(purpose, channel)

    def is_registered(self, address: str, purpose: str, channel: str) -> bool:
        """Tell whether the register forbids an offer to this phone."""
        is_offer = purpose == MARKETING and channel in BY_PHONE
        return is_offer and address in self.without_advertising

    def reach(self, member_id: int, purpose: str, channel: str) -> bool:
        """Tell whether one channel leads to one member: ``reached_by``, for a batch."""
        if not self.allows(member_id, purpose, channel):
            return False
        if channel == Channel.ZALO_UID and member_id not in self.followers:
            return False
        address = self.address(member_id, channel)
        if self.is_registered(address, purpose, channel):
            return False
        return bool(address) or channel == Channel.INBOX


def contacts_of(ids: Sequence[int], *, followers: frozenset[int] | None = None) -> Contacts:
    """Read how members can be reached. Three or four queries, whatever their number."""
    if followers is None:
        found = Member.objects.filter(pk__among=ids, follows_oa=True)
        followers = frozenset(found.values_list("pk", flat=True))
    working = Identifier.objects.filter(
        member__among=ids, kind__in=set(KINDS.values()), is_valid=True
    )
    # The newest of several comes last and stays.
    rows = working.order_by("pk").values_list("member_id", "kind", "value")
    addresses = {(member_id, kind): value for member_id, kind, value in rows}
    said = Consent.objects.filter(member__among=ids).values_list(
        "member_id", "purpose", "channel", "is_given"
    )
    consents = {(pk, purpose, channel): given for pk, purpose, channel, given in said}
    phones = [
        value for (_pk, kind), value in addresses.items() if kind == Identifier.Kind.PHONE
    ]
    registered = DoNotAdvertise.objects.filter(phone__among=phones)
    return Contacts(
        addresses,
        consents,
        followers,
        frozenset(registered.values_list("phone", flat=True)),
    )
