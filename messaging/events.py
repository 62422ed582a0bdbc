"""What each kind of event from a provider changes here."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from django.db.models import Q

from core.batch import Column, fetch_all, rows_source
from core.phones import InvalidPhone, normalise_phone
from members.errors import MemberNotFound, ZaloUserTaken
from members.models import Identifier
from members.services import (
    find_member,
    link_zalo_user,
    set_follows,
    withdraw_zalo,
)
from messaging.channels.http import whole
from messaging.followers import follows_now, note_follow
from messaging.models import Channel, Feedback, Message, WebhookEvent
from messaging.registry import note_state
from messaging.verdicts import send_elsewhere


class EventNotReady(Exception):
    """The event cannot be worked off by this process at this moment."""


def handle(events: Sequence[WebhookEvent]) -> list[WebhookEvent]:
    """Let every event have its effect; return those whose message is not known yet.

    Receipts come by the thousand and are written together; what nobody handles is kept.
    """
    receipts: list[tuple[WebhookEvent, str]] = []
    waiting: list[WebhookEvent] = []
    for event in events:
        if event.provider == SMS:
            outcome = _outcome_of(event.payload)
            if outcome == "delivered":
                receipts.append((event, outcome))
            elif outcome == "failed" and not _note_failure(event):
                waiting.append(event)
        elif event.event_name in RECEIPTS:
            receipts.append((event, RECEIPTS[event.event_name]))
        elif handler := HANDLERS.get(event.event_name):
            handler(event.payload, _told_at(event))
    return waiting + _write_receipts(receipts)


# --- Receipts ---------------------------------------------------------------------------

RECEIPTS = {"user_received_message": "delivered", "user_seen_message": "seen"}

COLUMNS = (
    Column("told_provider_id", "text"),
    Column("told_message_id", "bigint"),
    Column("told_delivered_at", "timestamptz"),
    Column("told_seen_at", "timestamptz"),
)
# The earliest time wins and a state never goes back, so order and repetition are harmless.
# Zalo's own id comes first; ours (tracking id) also finds a message whose answer was lost.
WRITE = """
UPDATE messaging_message SET
  delivered_at = CASE
    WHEN delivered_at IS NULL OR told_delivered_at < delivered_at
    THEN told_delivered_at ELSE delivered_at END,
  seen_at = CASE
    WHEN told_seen_at IS NOT NULL AND (seen_at IS NULL OR told_seen_at < seen_at)
    THEN told_seen_at ELSE seen_at END,
  state = CASE
    WHEN told_seen_at IS NOT NULL AND state IN ('sent', 'unknown', 'delivered') THEN 'seen'
    WHEN state IN ('sent', 'unknown') THEN 'delivered'
    ELSE state END,
  reason = CASE WHEN state = 'unknown' THEN '' ELSE reason END
FROM {source}
WHERE {match} AND state IN ('sending', 'sent', 'unknown', 'delivered', 'seen')
RETURNING id, provider_id
"""
BY_PROVIDER_ID = "provider_id = told_provider_id AND NOT (provider_id = '')"
BY_OUR_ID = "id = told_message_id"


def _write_receipts(receipts: list[tuple[WebhookEvent, str]]) -> list[WebhookEvent]:
    rows = [row for event, kind in receipts for row in _receipt_rows(event, kind)]
    if not rows:
        return []
    found: set[int] = set()
    # One statement may touch a row once only, so repetitions go in rounds of their own.
    for left in _rounds(rows):
        for match, place in ((BY_OUR_ID, 2), (BY_PROVIDER_ID, 1)):
            hits = _write(left, match)
            found |= {row[0] for row in left if row[place] in hits}
            left = [row for row in left if row[place] not in hits]
    return [event for event, _kind in receipts if event.pk not in found]


def _write(rows: list[tuple[Any, ...]], match: str) -> set[Any]:
    """Write receipts; return the ids, Zalo's and ours, of the messages they were for."""
    if not rows:
        return set()
    source, parameters = rows_source(COLUMNS, [row[1:] for row in rows])
    written = fetch_all(WRITE.format(source=source, match=match), parameters)
    return {value for row in written for value in row if value != ""}


def _rounds(rows: list[tuple[Any, ...]]) -> list[list[tuple[Any, ...]]]:
    """Split rows so that no round names a message twice."""
    rounds: list[tuple[list[tuple[Any, ...]], set[Any]]] = []
    for row in rows:
        names = {("zalo", row[1]), ("ours", row[2])} - {("ours", None)}
        free = next((one for one in rounds if not names & one[1]), None)
        if free is None:
            free = ([], set())
            rounds.append(free)
        free[0].append(row)
        free[1].update(names)
    return [round_rows for round_rows, _names in rounds]


def _receipt_rows(event: WebhookEvent, kind: str) -> list[tuple[Any, ...]]:
    if event.provider == SMS:
        return [(event.pk, *_names_of(event.payload), event.received_at, None)]
    message = _dict(event.payload.get("message"))
    ids = message.get("msg_ids")
    ids = ids if isinstance(ids, list) else [message.get("msg_id")]
    # The delivery's own time, where Zalo gives it, is not the time of telling.
    at = _moment(message.get("delivery_time")) or _told_at(event)
    our_id = _our_id(message.get("tracking_id"))
    seen_at = at if kind == "seen" else None
    return [(event.pk, str(told), our_id, at, seen_at) for told in ids if told or our_id]


def _our_id(tracking_id: Any) -> int | None:
    text = str(tracking_id or "")
    is_ours = text[:1] == "m" and text[1:].isdecimal() and len(text) < 20
    return int(text[1:]) if is_ours else None


# --- Reports of the SMS gateway ---------------------------------------------------------

SMS = "sms"
# The gateway's words: 4 refused, 5 done; what lies before is on its way.
REFUSED, DONE = "4", "5"


def _outcome_of(payload: Mapping[str, Any]) -> str:
    status = str(payload.get("SendStatus") or "")
    if status == DONE and whole(payload.get("SendSuccess")):
        return "delivered"
    if status == REFUSED or (status == DONE and whole(payload.get("SendFailed"))):
        return "failed"
    return ""


def _names_of(payload: Mapping[str, Any]) -> tuple[str, int | None]:
    return str(payload.get("SMSID") or "")[:60], _our_id(payload.get("RequestId"))


def _note_failure(event: WebhookEvent) -> bool:
    """Let a message that arrived nowhere take its next way; False: not known yet."""
    provider_id, our_id = _names_of(event.payload)
    name = Q(pk=our_id) if our_id else Q(provider_id=provider_id) & ~Q(provider_id="")
    message = Message.objects.filter(name, channel=Channel.SMS).first()
    if message is None or message.state == Message.State.SENDING:
        return False
    open_states = [Message.State.SENT, Message.State.UNKNOWN]
    ours = Message.objects.filter(pk=message.pk, state__in=open_states)
    if ours.update(state=Message.State.FAILED, reason="undelivered"):
        send_elsewhere([message], at=event.received_at)
    return True


# --- What people and the platform say ---------------------------------------------------


def _rated(payload: Mapping[str, Any], at: datetime) -> None:
    """Keep a rating once, however often it is told."""
    told = _dict(payload.get("message"))
    rating = whole(told.get("rate"))
    number = str(told.get("msg_id") or "")[:60]
    if rating is None or not 0 <= rating <= 5 or not number:
        return
    our_id = _our_id(told.get("tracking_id"))
    name = Q(pk=our_id) if our_id else Q(provider_id=number)
    choices = told.get("feedbacks")
    Feedback.objects.get_or_create(
        key=f"zalo:{number}",
        defaults={
            "message": Message.objects.filter(name).first(),
            "rating": rating,
            "choices": [str(one)[:100] for one in choices[:20]]
            if isinstance(choices, list)
            else [],
            "note": str(told.get("note") or "")[:500],
            "given_at": _moment(told.get("submit_time")) or at,
        },
    )


def _template_changed(payload: Mapping[str, Any], at: datetime) -> None:
    status = _dict(payload.get("status"))
    note_state(
        template_id=str(payload.get("template_id") or ""),
        state=str(status.get("new_status") or ""),
        reason=str(payload.get("reason") or ""),
        at=at,
    )


# --- People -----------------------------------------------------------------------------


def _followed(payload: Mapping[str, Any], at: datetime) -> None:
    _note(payload, at, follows=True)


def _unfollowed(payload: Mapping[str, Any], at: datetime) -> None:
    _note(payload, at, follows=False)


def _note(payload: Mapping[str, Any], at: datetime, *, follows: bool) -> None:
    if user_id := _user_id(payload):
        note_follow(zalo_user_id=user_id, follows=follows, at=at)


def _submitted_info(payload: Mapping[str, Any], at: datetime) -> None:
    """Someone told the Official Account their phone: now we know whose Zalo id it is.

    The phone is typed, not proved, so it never takes a member's Zalo account away.
    """
    user_id = _user_id(payload)
    phone = str(_dict(payload.get("info")).get("phone") or "")
    try:
        member = find_member(phone=normalise_phone(phone))
    except (InvalidPhone, MemberNotFound):
        return
    own = member.identifiers.filter(kind=Identifier.Kind.ZALO)
    if not user_id or own.exists():
        return
    try:
        link_zalo_user(member=member, zalo_user_id=user_id, at=at)
    except ZaloUserTaken:
        return
    if (follows := follows_now(user_id)) is not None:
        set_follows(zalo_user_id=user_id, follows=follows, at=at)


def _withdrew(payload: Mapping[str, Any], at: datetime) -> None:
    if user_id := _user_id(payload):
        withdraw_zalo(zalo_user_id=user_id, at=at)


HANDLERS: dict[str, Callable[[Mapping[str, Any], datetime], None]] = {
    "follow": _followed,
    "unfollow": _unfollowed,
    "user_submit_info": _submitted_info,
    "user_withdraw": _withdrew,
    "user_feedback": _rated,
    "change_template_status": _template_changed,
}


# --- Reading ----------------------------------------------------------------------------


def _user_id(payload: Mapping[str, Any]) -> str:
    """Find the person's id; who is where differs from event to event."""
    for place in ("follower", "sender", "user"):
        if told := _dict(payload.get(place)).get("id"):
            return str(told)[:100]
    return str(payload.get("user_id") or "")[:100]


def _told_at(event: WebhookEvent) -> datetime:
    told = _moment(event.payload.get("timestamp"))
    # A clock that runs ahead of ours must not outlast events yet to come.
    return min(told, event.received_at) if told else event.received_at


def _moment(value: Any) -> datetime | None:
    """Read milliseconds since 1970, given as text or number."""
    try:
        return datetime.fromtimestamp(int(value) / 1000, tz=UTC) if value else None
    except (TypeError, ValueError, OverflowError, OSError):
        return None


def _dict(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}
