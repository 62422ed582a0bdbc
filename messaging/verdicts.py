"""What answers mean: for the message, the person, the template and the channel.

Judging only decides; everything that follows from a set of answers is written in one
transaction by ``Consequences.apply``.
"""

from __future__ import annotations

import hashlib
import logging
import random
from collections import defaultdict
from collections.abc import Container, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from core.clock import programme_zone
from members.models import Consent, Identifier
from members.services import set_consent
from messaging import gate
from messaging.accounts import RATE_PAUSE
from messaging.cascade import BY_PHONE, KINDS, current_ways, next_minute
from messaging.channels.answers import Answer, Fault, Kind, Note, Outcome
from messaging.channels.base import Parcel, Sender
from messaging.followers import note_follow
from messaging.models import ZALO_CHANNELS, Channel, Message, MessageTemplate, SendingPolicy
from messaging.outbox import CODE, MAX_ATTEMPTS, TEST, Settlement, State
from messaging.planning import MessagePlan, queue_messages
from messaging.reach import contacts_of
from messaging.texts import Filled

logger = logging.getLogger(__name__)

# Minutes for an outage, hours at most for what goes on all evening.
PAUSES = tuple(timedelta(minutes=minutes) for minutes in (1, 5, 30, 120))
# Whoever waits for a code waits in front of the screen.
CODE_PAUSES = tuple(timedelta(seconds=seconds) for seconds in (2, 4, 8, 16))
# Zalo calls it night when our policy does not: its clock decides, so ask again hourly.
NIGHT_PAUSE = timedelta(hours=1)
# What Zalo says of data with empty places is no fault of the template.
GAPS = frozenset({-111, -112, -1122})
# The last part of a fallback's key; what stood in keys before stays as it was.
SUFFIXES = {Channel.ZALO_PHONE.value: "phone"}
SOURCES = {Channel.SMS.value: "sms", Channel.EMAIL.value: "email"}


@dataclass
class Consequences:
    """What a set of answers asks us to write down."""

    at: datetime
    settlements: list[Settlement] = field(default_factory=list)
    elsewhere: list[Message] = field(default_factory=list)
    # Kind of identifier and value of what leads to nobody.
    bad_addresses: set[tuple[str, str]] = field(default_factory=set)
    not_following: set[str] = field(default_factory=set)
    # (purpose, channel) → members who told Zalo that they do not want it.
    opted_out: dict[tuple[str, str], set[int]] = field(
        default_factory=lambda: defaultdict(set)
    )
    stopped_templates: dict[int, str] = field(default_factory=dict)
    not_by_uid: set[int] = field(default_factory=set)
    holds: dict[str, datetime] = field(default_factory=dict)
    # Channel → why a person must look before anything more goes that way.
    stops: dict[str, str] = field(default_factory=dict)

    def add(self, settlement: Settlement) -> None:
        self.settlements.append(settlement)

    def apply(self, ours: Container[int], senders: Mapping[str, Sender]) -> None:
        """Write everything that follows; only what is still ours is tried elsewhere."""
        for kind, value in sorted(self.bad_addresses):
            Identifier.objects.filter(kind=kind, value=value).update(is_valid=False)
        for zalo_user_id in sorted(self.not_following):
            note_follow(zalo_user_id=zalo_user_id, follows=False, at=self.at)
        self._write_consent()
        self._stop_templates()
        # Last: what was just learnt decides which way is left.
        send_elsewhere([m for m in self.elsewhere if m.pk in ours], at=self.at)
        for channel, until in self.holds.items():
            senders[channel].hold(channel, until)
        for channel, error in self.stops.items():
            senders[channel].stop(error)

    def _write_consent(self) -> None:
        for (purpose, channel), member_ids in self.opted_out.items():
            set_consent(
                member_ids=sorted(member_ids),
                purpose=purpose,
                channel=channel,
                is_given=False,
                source=SOURCES.get(channel, "zalo"),
                at=self.at,
            )

    def _stop_templates(self) -> None:
        for template_id, error in self.stopped_templates.items():
            active = MessageTemplate.objects.filter(pk=template_id, is_active=True)
            if active.update(is_active=False, last_error=error[:300]):
                logger.error("Message template %s stopped: %s", template_id, error)
        if self.not_by_uid:
            MessageTemplate.objects.filter(pk__in=self.not_by_uid).update(
                sends_by_uid=False
            )


# --- The next way -----------------------------------------------------------------------


def send_elsewhere(messages: Sequence[Message], *, at: datetime) -> int:
    """Plan messages that found no one once more, on the next channel that leads to them.

    The gate asks everything again; who is reached by no channel behind gets nothing more.
    """
    if not messages:
        return 0
    ways = current_ways()
    contacts = contacts_of(sorted({m.member_id for m in messages if m.member_id}))
    plans = []
    for message in messages:
        behind = ways.after(message.channel, message.template)
        if message.member_id is None:
            # A code goes to the phone it names, whoever that is.
            found = [way for way in behind if way in BY_PHONE and message.address]
        else:
            purpose = message.template.purpose
            found = [w for w in behind if contacts.reach(message.member_id, purpose, w)]
        if found and message.source_type != TEST:
            plans.append(_plan_elsewhere(message, found[0], at))
    return queue_messages(plans)


# --- Before sending ----------------------------------------------------------------------


def turned_away(message: Message, verdict: gate.Verdict, over: Consequences) -> Settlement:
    """Settle what the gate did not let pass."""
    if verdict.due_at is not None:
        return Settlement(
            message, State.PENDING, reason=verdict.reason, due_at=verdict.due_at
        )
    if verdict.tries_next:
        over.elsewhere.append(message)
    state = State.EXPIRED if verdict.reason == "too_late" else State.REFUSED
    return Settlement(message, state, reason=verdict.reason)


def not_written(message: Message, filled: Filled, over: Consequences) -> Settlement:
    """Settle what could not be filled in: one text too long, or a broken template."""
    if filled.problem == "template_broken":
        over.stopped_templates[message.template_id] = filled.detail
        return Settlement(message, State.PENDING, reason="template_stopped")
    return Settlement(message, State.FAILED, reason=filled.problem)


def too_fast(message: Message, at: datetime) -> Settlement:
    """Settle what must wait for the next minute: the channel's limit is reached."""
    verdict = gate.wait_until(message, next_minute(at), "rate_limit")
    state = State.PENDING if verdict.due_at else State.EXPIRED
    return Settlement(message, state, reason=verdict.reason, due_at=verdict.due_at)


# --- After sending -----------------------------------------------------------------------


def judge(
    parcel: Parcel, answer: Answer, fault: Fault | None, over: Consequences
) -> Settlement:
    """Say what an answer means for its message, and note what it means beyond it.

    ``fault`` is what the channel makes of a refusal.
    """
    if answer.outcome == Outcome.ACCEPTED:
        return _gone(parcel, State.SENT, over, provider_id=answer.provider_id)
    if answer.outcome == Outcome.NOT_SENT:
        return _later(parcel, over)
    if answer.outcome == Outcome.AMBIGUOUS:
        if parcel.message.template.purpose == CODE:
            return _later(parcel, over)
        return _gone(parcel, State.UNKNOWN, over, reason="outcome_unknown")
    assert fault is not None  # a refusal has its reason
    return _refused(parcel, fault, over)


def _refused(parcel: Parcel, error: Fault, over: Consequences) -> Settlement:
    message = parcel.message
    match error.kind:
        # A token that was renewed a moment ago and is refused again needs a person, too.
        case Kind.HUMAN | Kind.TOKEN:
            over.stops[message.channel] = f"{error.code}: {error.meaning}"
            return _unjudged(message, error, _stopped(message))
        case Kind.RETRY if error.note == Note.WHOLE_ACCOUNT:
            return _hold(message, error, over, over.at + RATE_PAUSE, "rate_limit")
        case Kind.RETRY:
            return _later(parcel, over, error)
        case Kind.QUOTA:
            return _out_of_quota(message, error, over)
        case Kind.NIGHT:
            policy, zone = SendingPolicy.current(), programme_zone()
            opening = gate.next_opening(over.at, policy, zone)
            due_at = opening or over.at + NIGHT_PAUSE
            return _wait(message, error, due_at, "quiet_hours", counts=False)
        case Kind.TEMPLATE:
            return _bad_template(parcel, error, over)
        case Kind.PERSON:
            return _not_this_person(parcel, error, over)
        case _:
            return _failed(parcel, "payload_refused", error)


def _stopped(message: Message) -> str:
    return "account_stopped" if message.channel in ZALO_CHANNELS else "channel_stopped"


def _gone(
    parcel: Parcel,
    state: State,
    over: Consequences,
    *,
    reason: str = "",
    provider_id: str = "",
) -> Settlement:
    return Settlement(
        parcel.message,
        state,
        reason=reason,
        address=parcel.address,
        payload=parcel.data,
        provider_id=provider_id,
        sent_at=over.at,
        cost=parcel.cost,
    )


def _failed(parcel: Parcel, reason: str, error: Fault | None = None) -> Settlement:
    return Settlement(
        parcel.message,
        State.FAILED,
        reason=reason,
        error_code=error.code if error else None,
        address=parcel.address,
        payload=parcel.data,
    )


def _later(parcel: Parcel, over: Consequences, error: Fault | None = None) -> Settlement:
    """Try again with a growing, jittered pause; give up after the last attempt."""
    message = parcel.message
    if message.attempts >= MAX_ATTEMPTS:
        over.elsewhere.append(message)
        return _failed(parcel, "too_many_attempts", error)
    pauses = CODE_PAUSES if message.template.purpose == CODE else PAUSES
    pause = pauses[min(message.attempts, len(pauses)) - 1]
    due_at = over.at + pause * random.uniform(0.8, 1.2)
    return _wait(message, error, due_at, "retry")


def _wait(
    message: Message,
    error: Fault | None,
    due_at: datetime,
    reason: str,
    *,
    counts: bool = True,
) -> Settlement:
    verdict = gate.wait_until(message, due_at, reason)
    return Settlement(
        message,
        State.PENDING if verdict.due_at else State.EXPIRED,
        reason=verdict.reason,
        error_code=error.code if error else None,
        due_at=verdict.due_at,
        counts=counts,
    )


def _unjudged(message: Message, error: Fault, reason: str) -> Settlement:
    """The message is as good as before; something else must be put right first."""
    return Settlement(
        message, State.PENDING, reason=reason, error_code=error.code, counts=False
    )


def _hold(
    message: Message, error: Fault, over: Consequences, until: datetime, reason: str
) -> Settlement:
    over.holds[message.channel] = until
    return _wait(message, error, until, reason, counts=False)


def _out_of_quota(message: Message, error: Fault, over: Consequences) -> Settlement:
    policy, zone = SendingPolicy.current(), programme_zone()
    tomorrow = gate.opening_tomorrow(over.at, policy, zone)
    if error.note == Note.WHOLE_ACCOUNT:
        return _hold(message, error, over, tomorrow, "quota")
    return _wait(message, error, tomorrow, "quota")


def _bad_template(parcel: Parcel, error: Fault, over: Consequences) -> Settlement:
    if error.note == Note.NOT_BY_UID:
        over.not_by_uid.add(parcel.message.template_id)
        over.elsewhere.append(parcel.message)
        return _failed(parcel, "template_not_by_uid", error)
    if error.code in GAPS and not all(parcel.data.values()):
        return _failed(parcel, "payload_refused", error)
    if parcel.message.channel not in ZALO_CHANNELS:
        # The text fits no registered form of the gateway: the other channels may send it.
        over.elsewhere.append(parcel.message)
        return _failed(parcel, "payload_refused", error)
    over.stopped_templates[parcel.message.template_id] = f"{error.code}: {error.meaning}"
    return _unjudged(parcel.message, error, "template_stopped")


def _not_this_person(parcel: Parcel, error: Fault, over: Consequences) -> Settlement:
    message = parcel.message
    if error.note in (Note.REFUSES_KIND, Note.REFUSES_CHANNEL):
        _note_refusal(message, error, over)
        # Who said no to us on one channel is not asked on the next.
        return _failed(parcel, "opted_out", error)
    over.elsewhere.append(message)
    if error.note == Note.BAD_ADDRESS:
        over.bad_addresses.add((KINDS[message.channel], parcel.address))
        return _failed(parcel, "number_invalid", error)
    if error.note == Note.NOT_FOLLOWING:
        over.not_following.add(parcel.address)
    return _failed(parcel, "unreachable", error)


def _note_refusal(message: Message, error: Fault, over: Consequences) -> None:
    if message.member_id is None:
        return
    purposes = {message.template.purpose}
    if error.note == Note.REFUSES_CHANNEL:
        purposes = set(Consent.Purpose.values)
    for purpose in purposes & set(Consent.Purpose.values):
        over.opted_out[purpose, message.channel].add(message.member_id)


def _plan_elsewhere(message: Message, channel: str, at: datetime) -> MessagePlan:
    """Plan the same message on another channel; the gate will ask everything again."""
    suffix = SUFFIXES.get(channel, channel)
    key = f"{message.key}:{suffix}"
    if len(key) > 120:
        key = f"{suffix}:{hashlib.sha256(message.key.encode()).hexdigest()}"
    return MessagePlan(
        key=key,
        member_id=message.member_id,
        template_id=message.template_id,
        channel=channel,
        due_at=at,
        expires_at=message.expires_at,
        context=message.context,
        source_type=message.source_type,
        source_id=message.source_id,
        fallback_of_id=message.pk,
        address=message.address if message.member_id is None else "",
    )
