"""What the database refuses by itself, what is forgotten, and who is told of a stop."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.core.mail import EmailMessage
from django.db import IntegrityError, transaction
from django.utils import timezone

from core import forgetting
from insights.todo import todo_for
from tests.webhooks.conftest import MakeDelivery, MakeEndpoint
from webhooks import outbox
from webhooks.models import WebhookDelivery, WebhookEndpoint
from webhooks.services import delete_old_deliveries, mail_stopped
from webhooks.tasks import dispatch, forget_old

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize(
    ("fields", "rule"),
    [
        ({"name": ""}, "webhooks_endpoint_has_a_name"),
        ({"address": "shop"}, "webhooks_endpoint_address_is_a_web_address"),
        ({"kinds": []}, "webhooks_endpoint_hears_something"),
        ({"secret": ""}, "webhooks_endpoint_has_a_secret"),
        ({"previous_secret": "whsec_x"}, "webhooks_endpoint_old_secret_has_an_end"),
        (
            {"stopped_because": "gone", "stopped_at": timezone.now()},
            "webhooks_endpoint_stopped_is_off",
        ),
        ({"is_on": False, "stopped_because": "gone"}, "webhooks_endpoint_stopped_is_off"),
    ],
)
def test_the_database_refuses_an_endpoint_that_cannot_be(
    endpoint_of: MakeEndpoint, fields: dict[str, Any], rule: str
) -> None:
    rows = WebhookEndpoint.objects.filter(pk=endpoint_of().pk)

    with pytest.raises(IntegrityError, match=rule), transaction.atomic():
        rows.update(**fields)


@pytest.mark.parametrize(
    ("fields", "rule"),
    [
        ({"state": "lost"}, "webhooks_delivery_"),
        ({"state": "sending"}, "webhooks_delivery_leased_while_sending"),
        ({"lease": "me"}, "webhooks_delivery_leased_while_sending"),
        ({"state": "delivered"}, "webhooks_delivery_ended_has_a_time"),
        ({"ended_at": timezone.now()}, "webhooks_delivery_ended_has_a_time"),
    ],
)
def test_the_database_refuses_a_delivery_that_cannot_be(
    endpoint_of: MakeEndpoint,
    delivery_of: MakeDelivery,
    fields: dict[str, Any],
    rule: str,
) -> None:
    row = delivery_of(endpoint_of(), timezone.now())
    rows = WebhookDelivery.objects.filter(pk=row.pk)

    with pytest.raises(IntegrityError, match=rule), transaction.atomic():
        rows.update(**fields)


def test_an_id_is_given_once(endpoint_of: MakeEndpoint, delivery_of: MakeDelivery) -> None:
    row = delivery_of(endpoint_of(), timezone.now())

    with pytest.raises(IntegrityError), transaction.atomic():
        delivery_of(row.endpoint, timezone.now(), message_id=row.message_id)


def test_what_ended_thirty_days_ago_is_forgotten(
    endpoint_of: MakeEndpoint,
    delivery_of: MakeDelivery,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(forgetting, "CHUNK", 2)
    now = timezone.now()
    endpoint = endpoint_of()
    old, young = now - timedelta(days=30, seconds=1), now - timedelta(days=30)
    for state in ("delivered", "given_up", "cancelled"):
        delivery_of(endpoint, old, state=state, ended_at=old)
    kept = [
        delivery_of(endpoint, old, state="delivered", ended_at=young),
        delivery_of(endpoint, old),
    ]

    assert delete_old_deliveries(at=now) == 3

    assert list(WebhookDelivery.objects.order_by("pk")) == kept
    assert delete_old_deliveries(at=now) == 0


def test_the_night_forgets_and_tells(
    endpoint_of: MakeEndpoint,
    delivery_of: MakeDelivery,
    settings: Any,
    mailoutbox: list[EmailMessage],
) -> None:
    settings.WEBHOOKS_EMAIL = ["it@example.com"]
    now = timezone.now()
    old = now - timedelta(days=31)
    endpoint = endpoint_of(is_on=False, stopped_because="gone", stopped_at=now)
    delivery_of(endpoint, old, state="delivered", ended_at=old)

    forget_old()

    assert not WebhookDelivery.objects.exists()
    assert len(mailoutbox) == 1


@pytest.mark.django_db(transaction=True)
def test_the_poll_runs_when_there_is_nothing() -> None:
    assert dispatch() == 0


# --- who is told --------------------------------------------------------------------------


def test_a_stop_is_mailed_once(
    endpoint_of: MakeEndpoint, settings: Any, mailoutbox: list[EmailMessage]
) -> None:
    settings.WEBHOOKS_EMAIL = ["it@example.com", "crm@example.com"]
    now = timezone.now()
    endpoint = endpoint_of()
    endpoint_of(name="Off", is_on=False)
    assert mail_stopped(at=now) == 0
    outbox.stop([endpoint.pk], WebhookEndpoint.Stopped.FAILING, at=now)

    assert mail_stopped(at=now) == 1
    assert mail_stopped(at=now) == 0

    (mail,) = mailoutbox
    assert mail.to == ["it@example.com", "crm@example.com"]
    assert mail.subject == "Loyalty: a webhook was switched off"
    first = "* CRM (https://crm.example/hook): Nothing was accepted there for five days."
    assert mail.body.splitlines()[0] == first
    assert "http://testserver/admin/webhooks/webhookendpoint/" in mail.body


def test_without_an_address_nobody_is_mailed(
    endpoint_of: MakeEndpoint, mailoutbox: list[EmailMessage]
) -> None:
    now = timezone.now()
    endpoint_of(is_on=False, stopped_because="gone", stopped_at=now)

    assert mail_stopped(at=now) == 0

    assert mailoutbox == []
    assert WebhookEndpoint.objects.get().told_at is None


def test_a_mail_that_fails_is_sent_the_next_time(
    endpoint_of: MakeEndpoint,
    settings: Any,
    monkeypatch: pytest.MonkeyPatch,
    mailoutbox: list[EmailMessage],
) -> None:
    settings.WEBHOOKS_EMAIL = ["it@example.com"]
    now = timezone.now()
    endpoint_of(is_on=False, stopped_because="gone", stopped_at=now)

    def fails(_mail: EmailMessage) -> None:
        raise OSError("no server")

    with monkeypatch.context() as broken:
        broken.setattr(EmailMessage, "send", fails)
        with pytest.raises(OSError, match="no server"):
            mail_stopped(at=now)
    assert mail_stopped(at=now) == 1
    assert len(mailoutbox) == 1


def test_it_stands_among_what_is_to_be_done(
    staff: User, helper: User, endpoint_of: MakeEndpoint
) -> None:
    now = timezone.now()
    endpoint = endpoint_of()
    assert todo_for(staff, at=now) == []

    outbox.stop([endpoint.pk], WebhookEndpoint.Stopped.GONE, at=now)

    (todo,) = todo_for(staff, at=now)
    assert todo.title == "1 webhook was switched off"
    assert todo.address == "/admin/webhooks/webhookendpoint/"
    assert todo_for(helper, at=now) == []


def test_a_stop_that_staff_made_before_stays_theirs(endpoint_of: MakeEndpoint) -> None:
    endpoint = endpoint_of(is_on=False)

    outbox.stop([endpoint.pk], WebhookEndpoint.Stopped.GONE, at=timezone.now())

    endpoint.refresh_from_db()
    assert endpoint.stopped_because == ""
