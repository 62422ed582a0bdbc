"""The gate: may this message go to this person, on this channel, at this moment?

It is asked when the message is sent, not when it was planned. Its refusals are final and
say why; only the hour and another message under way make a message wait.
"""

from __future__ import annotations

import random
from collections import defaultdict
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from core.clock import programme_zone
from core.models import Holiday
from members.models import Member
from messaging.caps import DAY, offers_of_the_week
from messaging.cascade import Ways, current_ways
from messaging.fields import ineligible
from messaging.models import (
    ZALO_CHANNELS,
    Channel,
    Message,
    MessageTemplate,
    SendingPolicy,
)
from messaging.outbox import TEST
from messaging.reach import Contacts, contacts_of
from messaging.test_mode import TestMode, current_test_mode

MARKETING = MessageTemplate.Purpose.MARKETING
ONE_TIME_CODE = MessageTemplate.Purpose.ONE_TIME_CODE
# Longer than the longest run of days off.
HOLIDAYS_AHEAD = timedelta(days=30)


@dataclass(frozen=True, slots=True)
class Verdict:
    """``reason`` empty: go to ``address``. With ``due_at`` it waits, without it is over."""

    address: str = ""
    reason: str = ""
    due_at: datetime | None = None
    # The next channel may be tried instead.
    tries_next: bool = False


@dataclass
class Facts:
    """What the gate knows about the members of one batch."""

    policy: SendingPolicy
    zone: ZoneInfo
    ways: Ways
    test_mode: TestMode
    members: dict[int, Member]
    contacts: Contacts
    reasons: dict[int, str]
    sent_at: dict[int, list[datetime]]
    holidays: frozenset[date] = frozenset()
    under_way: set[int | None] = field(default_factory=set)


def ask(
    messages: Sequence[Message],
    at: datetime,
    lease: str,
    *,
    busy: Collection[int | None] = (),
    ways: Ways | None = None,
) -> dict[int, Verdict]:
    """Judge a leased batch. The number of queries does not depend on its size.

    ``busy`` are the members to whom this relay is sending an offer already.
    """
    facts = _gather(messages, at, lease, ways or current_ways())
    facts.under_way |= set(busy)
    return {message.pk: _judge(message, facts, at) for message in messages}


def next_opening(
    at: datetime,
    policy: SendingPolicy,
    zone: ZoneInfo,
    holidays: Collection[date] = (),
) -> datetime | None:
    """Return when offers may go again, or None when they may go now."""
    local = at.astimezone(zone)
    day = local.date()
    is_open = policy.marketing_from <= local.time() < policy.marketing_until
    if is_open and day not in holidays:
        return None
    if local.time() >= policy.marketing_from:
        day += DAY
    while day in holidays:
        day += DAY
    return datetime.combine(day, policy.marketing_from, tzinfo=zone).astimezone(at.tzinfo)


def next_opening_of_offers(at: datetime) -> datetime | None:
    """Return the same by the policy and the days off as they stand."""
    policy, zone = SendingPolicy.current(), programme_zone()
    days_off = _holidays(policy, at.astimezone(zone).date())
    return next_opening(at, policy, zone, days_off)


def opening_tomorrow(at: datetime, policy: SendingPolicy, zone: ZoneInfo) -> datetime:
    """Return the first moment of the next local day at which offers may go."""
    midnight = datetime.combine(at.astimezone(zone).date() + DAY, time.min, tzinfo=zone)
    return next_opening(midnight, policy, zone) or midnight


# --- Facts ------------------------------------------------------------------------------


def _gather(messages: Sequence[Message], at: datetime, lease: str, ways: Ways) -> Facts:
    ids = sorted({m.member_id for m in messages if m.member_id is not None})
    offered = sorted(
        {m.member_id for m in messages if m.member_id and m.template.purpose == MARKETING}
    )
    members = {
        member.pk: member
        for member in Member.objects.filter(pk__among=ids).only(
            "code", "state", "follows_oa"
        )
    }
    followers = frozenset(pk for pk, member in members.items() if member.follows_oa)
    policy, zone = SendingPolicy.current(), programme_zone()
    return Facts(
        policy=policy,
        zone=zone,
        ways=ways,
        test_mode=current_test_mode(policy),
        members=members,
        contacts=contacts_of(ids, followers=followers),
        reasons=ineligible(messages, at),
        sent_at=_sent_at(offered, at),
        holidays=_holidays(policy, at.astimezone(zone).date()),
        under_way=_under_way(offered, lease),
    )


def _holidays(policy: SendingPolicy, today: date) -> frozenset[date]:
    """Return the next holidays on which the brand makes no offers."""
    if not policy.no_offers_on_holidays:
        return frozenset()
    near = Holiday.objects.filter(day__range=(today, today + HOLIDAYS_AHEAD))
    return frozenset(near.values_list("day", flat=True))


def _sent_at(ids: Sequence[int], at: datetime) -> dict[int, list[datetime]]:
    lately: dict[int, list[datetime]] = defaultdict(list)
    offers = offers_of_the_week(at).filter(member__among=ids)
    for member_id, sent_at in offers.values_list("member_id", "sent_at"):
        lately[member_id].append(sent_at)  # type: ignore[arg-type]
    return lately


def _under_way(ids: Sequence[int], lease: str) -> set[int | None]:
    """Name the members to whom another relay is just sending an offer.

    Leases are committed before this is asked, so of two relays at least one sees the other.
    """
    rows = Message.objects.filter(
        member__among=ids, state=Message.State.SENDING, template__purpose=MARKETING
    ).exclude(lease=lease)
    return set(rows.values_list("member_id", flat=True))


# --- Judging ----------------------------------------------------------------------------


def _judge(message: Message, facts: Facts, at: datetime) -> Verdict:
    if message.expires_at is not None and message.expires_at <= at:
        return Verdict(reason="too_late")
    if message.source_type == TEST:
        # To the address it names, whatever the hour.
        return _to_address(message, facts)
    if message.template.purpose == ONE_TIME_CODE:
        return _channel(message, facts, at) or _to_address(message, facts)
    for rule in (_person, _cause, _consent, _channel, _register, _hour, _fatigue):
        if verdict := rule(message, facts, at):
            return verdict
    verdict = _to_address(message, facts)
    if not verdict.reason and _disturbs(message) and message.member_id:
        # The next message of this batch to the same person must count this one.
        facts.sent_at[message.member_id].append(at)
    return verdict


def _disturbs(message: Message) -> bool:
    """Tell whether this is an offer that makes a phone ring or fills a mailbox."""
    is_offer = message.template.purpose == MARKETING
    return is_offer and message.channel != Channel.INBOX


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
    purpose, channel = message.template.purpose, message.channel
    if facts.contacts.allows(message.member_id, purpose, channel):
        return None
    return Verdict(reason="no_consent")


def _channel(message: Message, facts: Facts, at: datetime) -> Verdict | None:
    """A way that has closed since the planning leaves the ways behind it."""
    if not facts.ways.is_on(message.channel):
        return Verdict(reason="channel_off", tries_next=True)
    if message.channel in ZALO_CHANNELS and facts.ways.is_barred(message.template):
        return Verdict(reason="template_barred", tries_next=True)
    if message.channel != Channel.ZALO_UID or message.member_id is None:
        return None
    if not message.template.sends_by_uid:
        return Verdict(reason="template_not_by_uid", tries_next=True)
    if not facts.contacts.address(message.member_id, message.channel):
        return Verdict(reason="no_address", tries_next=True)
    if not facts.members[message.member_id].follows_oa:
        return Verdict(reason="not_following", tries_next=True)
    return None


def _register(message: Message, facts: Facts, at: datetime) -> Verdict | None:
    """The national register forbids offers to a phone, whatever its owner told us."""
    assert message.member_id is not None  # _person came first
    purpose, channel = message.template.purpose, message.channel
    address = facts.contacts.address(message.member_id, channel)
    if facts.contacts.is_registered(address, purpose, channel):
        return Verdict(reason="do_not_advertise", tries_next=True)
    return None


def _hour(message: Message, facts: Facts, at: datetime) -> Verdict | None:
    if not _disturbs(message):
        return None
    opening = next_opening(at, facts.policy, facts.zone, facts.holidays)
    return wait_until(message, opening, "quiet_hours") if opening else None


def wait_until(message: Message, due_at: datetime, reason: str) -> Verdict:
    """Wait, unless the message's own end comes first."""
    if message.expires_at is not None and message.expires_at <= due_at:
        return Verdict(reason="too_late")
    return Verdict(reason=reason, due_at=due_at)


def _fatigue(message: Message, facts: Facts, at: datetime) -> Verdict | None:
    if not _disturbs(message) or message.member_id is None:
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
    address = message.address
    if message.channel == Channel.INBOX:
        return _to_inbox(message, facts)
    # A message that names its address (a code to a phone being proved) goes just there.
    if message.member_id is not None and not address:
        address = facts.contacts.address(message.member_id, message.channel)
    if not address:
        return Verdict(reason="no_address", tries_next=True)
    if not facts.test_mode.lets_pass(address):
        return Verdict(reason="test_mode")
    return Verdict(address=address)


def _to_inbox(message: Message, facts: Facts) -> Verdict:
    """A page needs no address; in test mode it must belong to someone of the list."""
    if message.member_id is None:
        return Verdict(reason="no_address")
    addresses = facts.contacts.of_member(message.member_id)
    if facts.test_mode.is_on and not any(map(facts.test_mode.lets_pass, addresses)):
        return Verdict(reason="test_mode")
    return Verdict(address=facts.members[message.member_id].code)
