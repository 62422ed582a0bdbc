"""Announce events for a webhook, or send what is due until nothing is.

Run as a program: ``python -m tests.battery.webhook_relays prepare ADDRESS EVENTS``, or
``… relay LEASE_SECONDS GATE``, which begins when there is a file of that name. CLAIMS_OFF=1
takes away what lets only one relay have a delivery.
"""

from __future__ import annotations

import os
import sys
import time
from datetime import timedelta
from pathlib import Path
from typing import Any

import django


def prepare(address: str, events: int) -> None:
    from django.utils import timezone

    from core.happenings import Happened, announce
    from tests import factories
    from webhooks.models import WebhookEndpoint

    WebhookEndpoint.objects.create(name="CRM", address=address, kinds=["order"])
    member = factories.make_member(code="MAI")
    now = timezone.now()
    announce([Happened("order", member.pk, str(number), now) for number in range(events)])


def relay(lease_seconds: float, gate: Path) -> None:
    from django.utils import timezone

    from webhooks import outbox
    from webhooks.models import WebhookDelivery
    from webhooks.services import send_webhooks

    outbox.LEASE = timedelta(seconds=lease_seconds)
    if os.environ.get("CLAIMS_OFF"):
        outbox.lease_due = _lease_without_claim
    waiting = WebhookDelivery.objects.filter(state__in=("pending", "sending"))
    # Everyone starts when the last one is ready, or the first would be done by then.
    sys.stdout.write("ready\n")
    sys.stdout.flush()
    while not gate.exists():
        time.sleep(0.005)
    while waiting.exists():
        send_webhooks(at=timezone.now())
        time.sleep(0.05)


def _lease_without_claim(*, endpoint_id: int, at: Any, limit: int, lease: str) -> list[Any]:
    """Look, think, and write, as if nobody else were there."""
    from django.utils import timezone

    from webhooks import outbox
    from webhooks.models import WebhookDelivery

    due = WebhookDelivery.objects.filter(
        endpoint=endpoint_id, state="pending", due_at__lte=at
    )
    chosen = list(due.order_by("due_at", "pk")[:limit])
    time.sleep(0.01)
    WebhookDelivery.objects.filter(pk__in=[row.pk for row in chosen]).update(
        state="sending",
        lease=lease,
        leased_until=timezone.now() + outbox.LEASE,
        attempts=1,
        ended_at=None,
    )
    for row in chosen:
        # A request that fails on a busy machine is repeated in seconds, not in a day.
        row.attempts = 1
    return chosen


def main(verb: str, first: str, second: str) -> None:
    from django.conf import settings

    # Developers may send to their own machine; here the receiver is one.
    settings.DEBUG = True
    if verb == "prepare":
        prepare(first, int(second))
    else:
        relay(float(first), Path(second))


if __name__ == "__main__":
    django.setup()
    main(*sys.argv[1:])
