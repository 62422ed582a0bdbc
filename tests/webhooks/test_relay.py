"""Sending what is due: signed, tried again at exact times, and given up in the end."""

from __future__ import annotations

import threading
import time
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.db import connection
from django.utils import timezone
from django.utils.http import http_date
from standardwebhooks import Webhook, WebhookVerificationError

from tests.webhooks.conftest import MakeDelivery, MakeEndpoint
from tests.webhooks.receiving import (
    accept,
    answering,
    receiver,
    slowly,
)
from webhooks import posting
from webhooks.models import WebhookDelivery, WebhookEndpoint
from webhooks.outbox import PAUSES, judge, new_lease
from webhooks.posting import Answer
from webhooks.services import rotate_secret, send_webhooks

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("local")]

MOMENT = timedelta(seconds=2)


def passed(row: WebhookDelivery) -> tuple[str, int, int | None, str]:
    row.refresh_from_db()
    return row.state, row.attempts, row.last_status, row.last_problem


def test_what_is_due_is_delivered_and_verifies(
    endpoint_of: MakeEndpoint, delivery_of: MakeDelivery
) -> None:
    now = timezone.now()
    with receiver() as crm:
        endpoint = endpoint_of(address=crm.address)
        row = delivery_of(endpoint, now)
        later = delivery_of(endpoint, now, due_at=now + timedelta(minutes=1))
        assert send_webhooks(at=now) == {"delivered": 1}

    (request,) = crm.requests
    assert request.path == "/hook"
    assert request.id == row.message_id
    assert request.body.decode() == row.payload
    assert request.headers["content-type"] == "application/json"
    event = Webhook(endpoint.secret).verify(request.body, request.headers)
    assert event["data"] == {"member_id": "MAI", "reference": "1"}
    assert passed(row) == ("delivered", 1, 200, "")
    assert row.answer == "thank you"
    assert row.ended_at is not None
    assert now <= row.ended_at < now + timedelta(seconds=10)
    assert passed(later) == ("pending", 0, None, "")
    endpoint.refresh_from_db()
    assert endpoint.last_success_at == row.ended_at
    assert (endpoint.last_failure_at, endpoint.failing_since) == (None, None)


def test_another_secret_or_a_changed_body_does_not_verify(
    endpoint_of: MakeEndpoint, delivery_of: MakeDelivery
) -> None:
    with receiver() as crm:
        endpoint = endpoint_of(address=crm.address)
        delivery_of(endpoint, timezone.now())
        send_webhooks(at=timezone.now())
    (request,) = crm.requests

    with pytest.raises(WebhookVerificationError):
        Webhook(endpoint_of().secret).verify(request.body, request.headers)
    with pytest.raises(WebhookVerificationError):
        Webhook(endpoint.secret).verify(request.body + b" ", request.headers)


def test_after_a_rotation_both_secrets_sign_for_a_day(
    endpoint_of: MakeEndpoint, delivery_of: MakeDelivery
) -> None:
    now = timezone.now()
    with receiver() as crm:
        endpoint = endpoint_of(address=crm.address)
        old = endpoint.secret
        rotate_secret(endpoint, at=now - timedelta(hours=24) + MOMENT * 30)
        delivery_of(endpoint, now)
        send_webhooks(at=now)
        rotate_secret(endpoint, at=now - timedelta(hours=24))
        delivery_of(endpoint, now)
        send_webhooks(at=now)
    first, second = crm.requests
    between = WebhookEndpoint.objects.get().previous_secret

    Webhook(old).verify(first.body, first.headers)
    Webhook(between).verify(first.body, first.headers)
    Webhook(endpoint.secret).verify(second.body, second.headers)
    with pytest.raises(WebhookVerificationError):
        Webhook(between).verify(second.body, second.headers)


# --- failures -----------------------------------------------------------------------------


@pytest.mark.usefixtures("exact")
def test_a_failure_is_tried_again_at_exact_times_and_given_up(
    endpoint_of: MakeEndpoint, delivery_of: MakeDelivery
) -> None:
    start = timezone.now()
    with receiver(answer=answering(500, b"not now")) as crm:
        endpoint = endpoint_of(address=crm.address)
        row = delivery_of(endpoint, start)
        at = start
        for number, pause in enumerate(PAUSES, start=1):
            assert send_webhooks(at=at) == {"pending": 1}
            assert passed(row) == ("pending", number, 500, "refused")
            assert timedelta(0) <= row.due_at - at - pause < MOMENT
            assert send_webhooks(at=row.due_at - MOMENT) == {}
            at = row.due_at
        assert send_webhooks(at=at) == {"given_up": 1}

    assert passed(row) == ("given_up", 10, 500, "refused")
    assert row.answer == "not now"
    assert row.ended_at is not None
    assert len(set(crm.ids)) == 1
    assert len(crm.ids) == 10
    assert timedelta(days=3) < row.ended_at - start < timedelta(days=4)
    endpoint.refresh_from_db()
    assert endpoint.is_on
    assert endpoint.failing_since is not None


def test_pauses_differ_by_chance() -> None:
    row = WebhookDelivery(attempts=3, kind="order")
    at = timezone.now()
    pauses = {judge(row, Answer(500, "refused"), at=at).due_at - at for _ in range(200)}

    assert len(pauses) > 100
    assert min(pauses) >= timedelta(minutes=27)
    assert max(pauses) <= timedelta(minutes=33)


@pytest.mark.usefixtures("exact")
@pytest.mark.parametrize(
    ("asked", "pause"),
    [
        ("120", timedelta(seconds=120)),
        ("1", timedelta(seconds=5)),
        ("99999999", timedelta(hours=6)),
        ("9" * 40, timedelta(seconds=5)),
        ("-5", timedelta(seconds=5)),
        ("soon", timedelta(seconds=5)),
        ("", timedelta(seconds=5)),
    ],
)
def test_is_asked_to_wait(
    endpoint_of: MakeEndpoint, delivery_of: MakeDelivery, asked: str, pause: timedelta
) -> None:
    now = timezone.now()
    with receiver(answer=answering(429, Retry_After=asked)) as crm:
        row = delivery_of(endpoint_of(address=crm.address), now)
        send_webhooks(at=now)

    assert passed(row) == ("pending", 1, 429, "refused")
    assert timedelta(0) <= row.due_at - now - pause < MOMENT


@pytest.mark.usefixtures("exact")
def test_is_asked_to_wait_until_a_date(
    endpoint_of: MakeEndpoint, delivery_of: MakeDelivery
) -> None:
    now = timezone.now()
    until = datetime.now(UTC) + timedelta(hours=3)
    with receiver(answer=answering(503, Retry_After=http_date(until.timestamp()))) as crm:
        row = delivery_of(endpoint_of(address=crm.address), now)
        send_webhooks(at=now)

    row.refresh_from_db()
    assert abs(row.due_at - until) < MOMENT


def test_a_redirect_is_not_followed(
    endpoint_of: MakeEndpoint, delivery_of: MakeDelivery
) -> None:
    with receiver() as other, receiver() as crm:
        crm.answer = answering(307, Location=other.address)
        row = delivery_of(endpoint_of(address=crm.address), timezone.now())
        send_webhooks(at=timezone.now())

        assert other.requests == []
    assert passed(row) == ("pending", 1, 307, "redirect")


def test_gone_switches_the_endpoint_off_and_calls_off_the_rest(
    endpoint_of: MakeEndpoint, delivery_of: MakeDelivery
) -> None:
    now = timezone.now()
    with receiver(answer=answering(410)) as crm, receiver() as erp:
        endpoint = endpoint_of(address=crm.address)
        row = delivery_of(endpoint, now)
        waiting = delivery_of(endpoint, now, due_at=now + timedelta(hours=1))
        others = delivery_of(endpoint_of(name="ERP", address=erp.address), now)
        send_webhooks(at=now)

    assert passed(row) == ("given_up", 1, 410, "gone")
    assert passed(waiting) == ("cancelled", 0, None, "off")
    assert passed(others) == ("delivered", 1, 200, "")
    endpoint.refresh_from_db()
    assert (endpoint.is_on, endpoint.stopped_because) == (False, "gone")
    assert endpoint.stopped_at == row.ended_at


@pytest.mark.parametrize(
    ("since", "is_on"),
    [(timedelta(days=5), False), (timedelta(days=5) - timedelta(minutes=1), True)],
)
def test_nothing_accepted_for_five_days_switches_off(
    endpoint_of: MakeEndpoint, delivery_of: MakeDelivery, since: timedelta, is_on: bool
) -> None:
    now = timezone.now()
    with receiver(answer=answering(503)) as crm:
        endpoint = endpoint_of(address=crm.address, failing_since=now - since)
        row = delivery_of(endpoint, now)
        send_webhooks(at=now)

    endpoint.refresh_from_db()
    assert endpoint.is_on is is_on
    assert endpoint.stopped_because == ("" if is_on else "failing")
    assert passed(row)[0] == ("pending" if is_on else "cancelled")


def test_one_success_begins_the_five_days_anew(
    endpoint_of: MakeEndpoint, delivery_of: MakeDelivery
) -> None:
    now = timezone.now()
    with receiver() as crm:
        before = now - timedelta(days=6)
        endpoint = endpoint_of(address=crm.address, failing_since=before)
        delivery_of(endpoint, now)
        send_webhooks(at=now)

    endpoint.refresh_from_db()
    assert (endpoint.is_on, endpoint.failing_since) == (True, None)


def test_what_is_off_gets_nothing_and_keeps_nothing_waiting(
    endpoint_of: MakeEndpoint, delivery_of: MakeDelivery
) -> None:
    now = timezone.now()
    with receiver() as crm:
        row = delivery_of(endpoint_of(address=crm.address, is_on=False), now)
        assert send_webhooks(at=now) == {}

        assert crm.requests == []
    assert passed(row) == ("cancelled", 0, None, "off")


# --- one beside another -------------------------------------------------------------------


def test_a_slow_endpoint_holds_up_no_other(
    endpoint_of: MakeEndpoint,
    delivery_of: MakeDelivery,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(posting, "ANSWER_SECONDS", 2.0)
    now = timezone.now()
    with receiver(answer=slowly(4)) as slow, receiver() as fast:
        # The slow one is the older one, and has more than it takes at once.
        first = endpoint_of(name="A", address=slow.address)
        second = endpoint_of(name="B", address=fast.address)
        dragging = [delivery_of(first, now) for _ in range(12)]
        quick = [delivery_of(second, now) for _ in range(40)]
        began = time.monotonic()
        send_webhooks(at=now, seconds=1)

        assert {passed(row) for row in quick} == {("delivered", 1, 200, "")}
        assert max(one.at for one in fast.requests) - began < 2.0
        assert len(slow.requests) == 8
    ends = sorted(passed(row) for row in dragging)
    assert ends[:4] == [("pending", 0, None, "")] * 4
    assert ends[4:] == [("pending", 1, None, "too_slow")] * 8


def test_one_that_fails_is_asked_one_by_one(
    endpoint_of: MakeEndpoint, delivery_of: MakeDelivery
) -> None:
    now = timezone.now()
    with receiver(answer=slowly(0.2, answering(500))) as crm:
        endpoint = endpoint_of(address=crm.address, failing_since=now)
        for _ in range(4):
            delivery_of(endpoint, now)
        send_webhooks(at=now)

    times = sorted(one.at for one in crm.requests)
    assert len(times) == 4
    assert min(b - a for a, b in zip(times, times[1:], strict=False)) >= 0.2


def test_what_a_dead_relay_held_is_sent_again_under_the_same_id(
    endpoint_of: MakeEndpoint, delivery_of: MakeDelivery
) -> None:
    now = timezone.now()
    held: dict[str, Any] = {"state": "sending", "attempts": 1, "lease": new_lease()}
    with receiver() as crm:
        endpoint = endpoint_of(address=crm.address)
        dead = delivery_of(endpoint, now, leased_until=now - MOMENT, **held)
        alive = delivery_of(endpoint, now, leased_until=now + MOMENT * 30, **held)
        assert send_webhooks(at=now) == {"delivered": 1}

        assert crm.ids == [dead.message_id]
    assert passed(dead) == ("delivered", 2, 200, "")
    assert passed(alive) == ("sending", 1, None, "")


def test_who_lost_the_lease_writes_nothing(
    endpoint_of: MakeEndpoint, delivery_of: MakeDelivery
) -> None:
    now = timezone.now()

    def takes_the_lease(request: Any) -> tuple[int, dict[str, str], bytes]:
        taken.set()
        freed.wait(5)
        return accept(request)

    taken, freed = threading.Event(), threading.Event()
    with receiver(answer=takes_the_lease) as crm:
        row = delivery_of(endpoint_of(address=crm.address), now)

        def steal() -> None:
            taken.wait(5)
            WebhookDelivery.objects.filter(pk=row.pk).update(lease="another")
            connection.close()
            freed.set()

        thief = threading.Thread(target=steal)
        thief.start()
        assert send_webhooks(at=now) == {}
        thief.join()

    assert passed(row) == ("sending", 1, None, "")
    assert WebhookEndpoint.objects.get().last_success_at is None
