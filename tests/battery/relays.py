"""Relays that can be killed: each line on standard input starts one and prints its id.

A relay is a process of its own; forking from a process that has everything loaded makes
a new one stand where a killed one fell within milliseconds. Only the battery starts this
program. LEASES_OFF=1 takes away what keeps two relays from the same message.
"""

import os
import signal
import sys
import time
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import django

# Noon in Ho Chi Minh City; a second of the run is a minute of the programme's day, so
# that the pauses between attempts pass.
START = datetime(2026, 3, 2, 5, 0, tzinfo=UTC)
SPEED = 60
LEASES_OFF = bool(os.environ.get("LEASES_OFF"))


def relay(started: float) -> None:
    from django.db import OperationalError

    from messaging.services import dispatch_messages

    while True:
        at = START + timedelta(seconds=(time.time() - started) * SPEED)
        try:
            dispatch_messages(at=at)
        except OperationalError:
            # Without leases relays write the same rows and meet in deadlocks.
            if not LEASES_OFF:
                raise
        time.sleep(0.05)


def _shorten_waits() -> None:
    from django.conf import settings

    from core import http
    from messaging import outbox

    outbox.LEASE = timedelta(seconds=5)
    http.ANSWER_SECONDS = 0.8
    settings.EMAIL_TIMEOUT = 1


def _take_leases_away() -> None:
    from messaging import outbox
    from messaging.models import Message

    def read_due(*, at: datetime, limit: int, lease: str, **_more: Any) -> list[Message]:
        due = Message.objects.filter(state="pending", due_at__lte=at)
        return list(due.prefetch_related("template__parameters").order_by("pk")[:limit])

    def mark_anything(*, ids: Sequence[int], lease: str) -> set[int]:
        return set(ids)

    def settle_anything(settlements: Sequence[Any], *, lease: str) -> set[int]:
        for settlement in settlements:
            Message.objects.filter(pk=settlement.message.pk).update(
                state=str(settlement.state), reason=settlement.reason
            )
        return {settlement.message.pk for settlement in settlements}

    outbox.lease_due = read_due
    outbox.mark_requested = mark_anything
    outbox.settle = settle_anything


if __name__ == "__main__":
    django.setup()
    _shorten_waits()
    if LEASES_OFF:
        _take_leases_away()
    # A killed child leaves no zombie behind.
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    started = time.time()
    for _line in sys.stdin:
        child = os.fork()
        if child == 0:
            relay(started)
        sys.stdout.write(f"{child}\n")
        sys.stdout.flush()
