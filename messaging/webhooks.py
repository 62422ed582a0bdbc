"""Events from providers: kept first, worked off later, harmless twice and in any order."""

from __future__ import annotations

import hashlib
import json
import logging
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from django.core.serializers.json import DjangoJSONEncoder
from django.db import transaction
from django.db.models import F, Q
from django.utils.crypto import constant_time_compare
from django.utils.translation import gettext as _

from core.batch import Column, insert_new
from core.errors import InvalidInput
from core.forgetting import forget_older
from messaging.errors import WrongSignature
from messaging.events import SMS, EventNotReady, handle
from messaging.models import WebhookEvent
from messaging.zalo.signature import is_signed

logger = logging.getLogger(__name__)

PROVIDER = "zalo"
LONGEST_BODY = 256 * 1024
BATCH = 200
MAX_ATTEMPTS = 5
# A receipt may be faster than our own commit; after this it concerns no message of ours.
PATIENCE = timedelta(minutes=10)

COLUMNS = (
    Column("provider", "text"),
    Column("event_key", "text"),
    Column("event_name", "text"),
    Column("payload", "jsonb"),
    Column("received_at", "timestamptz"),
    Column("attempts", "smallint"),
    Column("error", "text"),
)


@dataclass
class Processed:
    """What became of the events that were open."""

    done: int = 0
    waiting: int = 0
    failed: int = 0


def accept_event(*, body: bytes, signature: str, at: datetime) -> bool:
    """Keep an event that Zalo signed; return whether it was new.

    Nothing else happens here: Zalo wants its answer within two seconds.
    """
    event = _parse(body)
    timestamp = str(event.get("timestamp", ""))
    if not is_signed(
        header=signature,
        body=body,
        timestamp=timestamp,
        app_id=settings.ZALO_APP_ID,
        secret=settings.ZALO_OA_SECRET,
    ):
        raise WrongSignature(_("The signature does not fit this body."))
    name = str(event.get("event_name") or "unknown")[:60]
    return _keep(PROVIDER, _event_key(name, event, body), name, event, at)


def accept_sms_report(*, told: Mapping[str, str], secret: str, at: datetime) -> bool:
    """Keep what the SMS gateway tells of one message; return whether it was new.

    The gateway signs nothing, so its address holds a secret.
    """
    ours = settings.SMS_REPORT_SECRET
    if not ours or not constant_time_compare(secret, ours):
        raise WrongSignature(_("This address is not known."))
    # The phone stands in the message already; it need not stand in two places.
    report = {
        str(name)[:40]: str(value)[:200]
        for name, value in sorted(told.items())[:40]
        if name.lower() != "phonenumber"
    }
    report = _storable(report)
    digest = hashlib.sha256(json.dumps(report, sort_keys=True).encode()).hexdigest()
    return _keep(SMS, f"report:{digest[:48]}", "report", report, at)


def _keep(
    provider: str, key: str, name: str, event: Mapping[str, Any], at: datetime
) -> bool:
    content = json.dumps(event, cls=DjangoJSONEncoder)
    row = (provider, key, name, content, at, 0, "")
    return bool(
        insert_new(
            WebhookEvent._meta.db_table,
            COLUMNS,
            [row],
            conflict="provider, event_key",
            returning="id",
        )
    )


def process_events(*, at: datetime, limit: int | None = None) -> Processed:
    """Work off the open events, oldest first; one that fails holds up no other."""
    result = Processed()
    for events in _open_batches(limit):
        try:
            # Together is faster; one by one is only for the batch with a bad one in it.
            with transaction.atomic():
                waiting = _work_off(events, at)
        except Exception:
            for event in events:
                _work_off_alone(event, at, result)
            continue
        result.waiting += waiting
        result.done += len(events) - waiting
    return result


def forget_events(*, before: datetime) -> int:
    """Forget events that are done with, or were given up; return how many."""
    done = Q(processed_at__isnull=False) | Q(attempts__gte=MAX_ATTEMPTS)
    events = WebhookEvent.objects.filter(done)
    return forget_older(events, when="received_at", before=before)


def _open_batches(limit: int | None) -> Iterator[list[WebhookEvent]]:
    last_id, left = 0, limit
    while left is None or left > 0:
        size = BATCH if left is None else min(BATCH, left)
        found = WebhookEvent.objects.filter(
            processed_at__isnull=True,
            attempts__lt=MAX_ATTEMPTS,
            pk__gt=last_id,
        )
        events = list(found.order_by("pk")[:size])
        if not events:
            return
        yield events
        last_id = events[-1].pk
        left = None if left is None else left - len(events)


def _work_off(events: list[WebhookEvent], at: datetime) -> int:
    """Claim and handle events in one transaction; return how many must wait."""
    ids = [event.pk for event in events]
    free = WebhookEvent.objects.filter(pk__in=ids, processed_at__isnull=True)
    # Of two processes, the second waits here and then finds nothing left to claim.
    if free.update(processed_at=at) != len(ids):
        raise EventNotReady("Another process has worked off some of these events.")
    waiting = handle(events)
    patient = [event.pk for event in waiting if event.received_at > at - PATIENCE]
    strangers = {event.pk for event in waiting} - set(patient)
    if patient:
        WebhookEvent.objects.filter(pk__in=patient).update(processed_at=None)
    if strangers:
        WebhookEvent.objects.filter(pk__in=strangers).update(error="no message of ours")
    return len(patient)


def _work_off_alone(event: WebhookEvent, at: datetime, result: Processed) -> None:
    try:
        with transaction.atomic():
            waiting = _work_off([event], at)
    except EventNotReady:
        return
    except Exception as error:
        logger.exception("Event %s could not be worked off", event.pk)
        WebhookEvent.objects.filter(pk=event.pk).update(
            # The kind of the error only: its text may quote personal data.
            attempts=F("attempts") + 1,
            error=type(error).__name__,
        )
        result.failed += 1
        return
    result.waiting += waiting
    result.done += 1 - waiting


# --- Reading -----------------------------------------------------------------------------


def _parse(body: bytes) -> dict[str, Any]:
    event = None
    if len(body) <= LONGEST_BODY:
        try:
            event = _storable(json.loads(body))
        except (ValueError, RecursionError):
            event = None
    if not isinstance(event, dict):
        raise InvalidInput(_("Send one event as a JSON object of at most 256 kB."))
    return event


def _storable(value: Any) -> Any:
    """Drop what JSON can say and a database cannot keep."""
    if isinstance(value, str):
        return value.replace("\x00", "").encode("utf-8", "replace").decode()
    if isinstance(value, list):
        return [_storable(item) for item in value]
    if isinstance(value, dict):
        return {_storable(key): _storable(item) for key, item in value.items()}
    if isinstance(value, float) and (value != value or abs(value) == float("inf")):
        return None
    return value


def _event_key(name: str, event: Mapping[str, Any], body: bytes) -> str:
    """Name an event so that Zalo's repetitions of it get the same name."""
    message = event.get("message")
    message = message if isinstance(message, dict) else {}
    ids = message.get("msg_ids") or message.get("msg_id")
    if ids:
        recipient = event.get("recipient")
        told = json.dumps([ids, recipient], sort_keys=True).encode()
    else:
        told = body
    return f"{name}:{hashlib.sha256(told).hexdigest()[:48]}"
