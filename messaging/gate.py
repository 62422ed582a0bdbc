"""The gate: may this message go to this person, on this channel, at this moment?

It is asked when the message is sent, not when it was planned. Its refusals are final and
say why; only the hour and another message under way make a message wait.
"""

from __future__ import annotations

import random
from collections import defaultdict
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from core.clock import programme_zone
from members.models import Consent, Identifier, Member
from messaging.fields import ineligible
from messaging.models import Channel, Message, MessageTemplate, SendingPolicy
from messaging.reach import CONSENT_WHEN_SILENT

MARKETING = MessageTemplate.Purpose.MARKETING
ONE_TIME_CODE = MessageTemplate.Purpose.ONE_TIME_CODE
KINDS = {
    Channel.ZALO_UID.value: Identifier.Kind.ZALO.value,
    Channel.ZALO_PHONE.value: Identifier.Kind.PHONE.value,
}
# What has reached somebody, or may have.
GONE_OUT = (
    Message.State.SENT,
    Message.State.DELIVERED,
    Message.State.SEEN,
    Message.State.UNKNOWN,
)
DAY = timedelta(days=1)
WEEK = timedelta(days=7)


@dataclass(frozen=True, slots=True)
class Verdict:
    """``reason`` empty: go to ``address``. With ``due_at`` it waits, without it is over."""

    address: str = ""
    reason: str = ""
    due_at: datetime | None = None
    # The phone may be tried instead.
    by_phone_instead: bool = False


@dataclass
class Facts:
    """What the gate knows about the members of one batch."""

    policy: SendingPolicy
    zone: ZoneInfo
    members: dict[int, Member]
    addresses: dict[tuple[int, str], str]
    consents: dict[tuple[int, str, str], bool]
    reasons: dict[int, str]
    sent_at: dict[int, list[datetime]]
    under_way: set[int | None] = field(default_factory=set)

    def allows(self, member_id: int, purpose: str, channel: str) -> bool:
        for said in (channel, ""):
            if (is_given := self.consents.get((member_id, purpose, said))) is not None:
                return is_given
        return CONSENT_WHEN_SILENT[MessageTemplate.Purpose(purpose)]


def ask(
    messages: Sequence[Message],
    at: datetime,
    lease: str,
    *,
    busy: Collection[int | None] = (),
) -> dict[int, Verdict]:
    """Judge a leased batch. The number of queries does not depend on its size.

    ``busy`` are the members to whom this relay is sending an offer already.
    """
    facts = _gather(messages, at, lease)
    facts.under_way |= set(busy)
    return {message.pk: _judge(message, facts, at) for message in messages}


def next_opening(at: datetime, policy: SendingPolicy, zone: ZoneInfo) -> datetime | None:
    """Return when offers may go again, or None when they may go now."""
    local = at.astimezone(zone)
    if policy.marketing_from <= local.time() < policy.marketing_until:
        return None
    day = local.date() if local.time() < policy.marketing_from else local.date() + DAY
    return datetime.combine(day, policy.marketing_from, tzinfo=zone).astimezone(at.tzinfo)


def opening_tomorrow(at: datetime, policy: SendingPolicy, zone: ZoneInfo) -> datetime:
    """Return the first moment of the next local day at which offers may go."""
    midnight = datetime.combine(at.astimezone(zone).date() + DAY, time.min, tzinfo=zone)
    return next_opening(midnight, policy, zone) or midnight


# --- Facts ------------------------------------------------------------------------------


def _gather(messages: Sequence[Message], at: datetime, lease: str) -> Facts:
    ids = sorted({m.member_id for m in messages if m.member_id is not None})
    offered = sorted(
        {m.member_id for m in messages if m.member_id and m.template.purpose == MARKETING}
    )
    members = Member.objects.filter(pk__in=ids).only("state", "follows_oa")
    return Facts(
        policy=SendingPolicy.current(),
        zone=programme_zone(),
        members={member.pk: member for member in members},
        addresses=_addresses(ids),
        consents=_consents(ids),
        reasons=ineligible(messages, at),
        sent_at=_sent_at(offered, at),
        under_way=_under_way(offered, lease),
    )


def _addresses(ids: Sequence[int]) -> dict[tuple[int, str], str]:
    working = Identifier.objects.filter(
        member__in=ids, kind__in=KINDS.values(), is_valid=True
    )
    # The newest of several comes last and stays.
    rows = working.order_by("pk").values_list("member_id", "kind", "value")
    return {(member_id, kind): value for member_id, kind, value in rows}


def _consents(ids: Sequence[int]) -> dict[tuple[int, str, str], bool]:
    rows = Consent.objects.filter(member__in=ids).values_list(
        "member_id", "purpose", "channel", "is_given"
    )
    return {
        (member_id, purpose, channel): said for member_id, purpose, channel, said in rows
    }


def _sent_at(ids: Sequence[int], at: datetime) -> dict[int, list[datetime]]:
    lately: dict[int, list[datetime]] = defaultdict(list)
    rows = Message.objects.filter(
        member__in=ids,
        sent_at__gt=at - WEEK,
        state__in=GONE_OUT,
        template__purpose=MARKETING,
    ).values_list("member_id", "sent_at")
    for member_id, sent_at in rows:
        lately[member_id].append(sent_at)  # type: ignore[arg-type]
    return lately


def _under_way(ids: Sequence[int], lease: str) -> set[int | None]:
    """Name the members to whom another relay is just sending an offer.

    Leases are committed before this is asked, so of two relays at least one sees the other.
    """
    rows = Message.objects.filter(
        member__in=ids, state=Message.State.SENDING, template__purpose=MARKETING
    ).exclude(lease=lease)
    return set(rows.values_list("member_id", flat=True))


# --- Judging ----------------------------------------------------------------------------


def _judge(message: Message, facts: Facts, at: datetime) -> Verdict:
    if message.expires_at is not None and message.expires_at <= at:
        return Verdict(reason="too_late")
    if message.template.purpose == ONE_TIME_CODE:
        return _to_address(message, facts)
    for rule in (_person, _cause, _consent, _channel, _hour, _fatigue):
        if verdict := rule(message, facts, at):
            return verdict
    verdict = _to_address(message, facts)
    if not verdict.reason and message.template.purpose == MARKETING and message.member_id:
        # The next message of this batch to the same person must count this one.
        facts.sent_at[message.member_id].append(at)
    return verdict


def _person(message: Message, facts: Facts, at: datetime) -> Verdict | None:
    member = facts.members.get(message.member_id or 0)
    if member is None or not member.is_active:
        return Verdict(reason="member_not_active")
    return None


def _cause(message: Message, facts: Facts, at: datetime) -> Verdict | None:
    if reason := facts.reasons.get(message.pk):
        return Verdict(reason=reason)
    return None


def _consent(message: Message, facts: Facts, at: datetime) -> Verdict | None:
    assert message.member_id is not None  # _person came first
    if facts.allows(message.member_id, message.template.purpose, message.channel):
        return None
    return Verdict(reason="no_consent")


def _channel(message: Message, facts: Facts, at: datetime) -> Verdict | None:
    """A way by user id that has closed since the planning leaves the way by phone."""
    if message.channel != Channel.ZALO_UID:
        return None
    assert message.member_id is not None  # _person came first
    if not message.template.sends_by_uid:
        return Verdict(reason="template_not_by_uid", by_phone_instead=True)
    if (message.member_id, Identifier.Kind.ZALO.value) not in facts.addresses:
        return Verdict(reason="no_address", by_phone_instead=True)
    if not facts.members[message.member_id].follows_oa:
        return Verdict(reason="not_following", by_phone_instead=True)
    return None


def _hour(message: Message, facts: Facts, at: datetime) -> Verdict | None:
    if message.template.purpose != MARKETING:
        return None
    opening = next_opening(at, facts.policy, facts.zone)
    return wait_until(message, opening, "quiet_hours") if opening else None


def wait_until(message: Message, due_at: datetime, reason: str) -> Verdict:
    """Wait, unless the message's own end comes first."""
    if message.expires_at is not None and message.expires_at <= due_at:
        return Verdict(reason="too_late")
    return Verdict(reason=reason, due_at=due_at)


def _fatigue(message: Message, facts: Facts, at: datetime) -> Verdict | None:
    if message.template.purpose != MARKETING or message.member_id is None:
        return None
    sent = facts.sent_at.get(message.member_id, [])
    if (
        _within(sent, at - DAY) >= facts.policy.max_marketing_per_day
        or len(sent) >= facts.policy.max_marketing_per_week
    ):
        return Verdict(reason="fatigue_cap")
    if message.member_id in facts.under_way:
        # Jitter, or two relays would meet again at the same second.
        pause = timedelta(seconds=random.uniform(60, 180))
        return wait_until(message, at + pause, "another_under_way")
    return None


def _within(times: Iterable[datetime], since: datetime) -> int:
    return sum(1 for moment in times if moment > since)


def _to_address(message: Message, facts: Facts) -> Verdict:
    kind = KINDS[message.channel]
    address: Any = message.address
    # A message that names its address (a code to a phone being proved) goes just there.
    if message.member_id is not None and not address:
        address = facts.addresses.get((message.member_id, kind), "")
    return Verdict(address=address) if address else Verdict(reason="no_address")
