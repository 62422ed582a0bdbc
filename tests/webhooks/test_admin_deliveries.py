"""The log of deliveries: reading it, and sending again what has ended."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import Permission, User
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from tests.webhooks.conftest import MakeDelivery, MakeEndpoint
from webhooks.models import WebhookDelivery

LIST = reverse("admin:webhooks_webhookdelivery_changelist")

pytestmark = pytest.mark.django_db


def page_of(row: WebhookDelivery, page: str = "change") -> str:
    return reverse(f"admin:webhooks_webhookdelivery_{page}", args=[row.pk])


def text_of(response: Any) -> str:
    return str(response.content.decode())


def test_an_empty_log_says_what_will_be_here(console: Client) -> None:
    assert "Nothing was told yet" in text_of(console.get(LIST))


def test_the_log_is_filtered_and_costs_the_same_however_long(
    console: Client, endpoint_of: MakeEndpoint, delivery_of: MakeDelivery
) -> None:
    now = timezone.now()
    crm, erp = endpoint_of(), endpoint_of(name="ERP")
    for _ in range(20):
        delivery_of(crm, now)
    lost = delivery_of(
        erp,
        now,
        kind="joined",
        state="given_up",
        ended_at=now,
        last_problem="not_found",
    )
    console.get(LIST)

    with CaptureQueriesContext(connection) as asked:
        text = text_of(console.get(LIST))
    # Two of them for the names of what can happen: activities and watched segments.
    assert len(asked) <= 10, [one["sql"][:90] for one in asked]
    assert "Buys something" in text

    for query in (
        {"state__exact": "given_up"},
        {"endpoint__id__exact": erp.pk},
        {"kind": "joined"},
        {"q": lost.message_id},
    ):
        rows = console.get(LIST, query).context["cl"].result_list
        assert [row.pk for row in rows] == [lost.pk]
    text = text_of(console.get(LIST, {"kind": "joined"}))
    assert "The name of the server could not be found." in text


def test_the_page_shows_what_was_told_and_answered(
    console: Client, endpoint_of: MakeEndpoint, delivery_of: MakeDelivery
) -> None:
    row = delivery_of(
        endpoint_of(),
        timezone.now(),
        last_status=500,
        last_problem="refused",
        answer="<script>alert(1)</script>",
    )
    text = text_of(console.get(page_of(row)))

    assert "&quot;member_id&quot;: &quot;MAI&quot;" in text
    assert "&lt;script&gt;alert(1)" in text
    assert "<script>alert(1)" not in text
    assert row.message_id in text
    # It is on its way by itself.
    assert "Send again" not in text


@pytest.mark.parametrize("state", ["delivered", "given_up", "cancelled"])
def test_what_has_ended_is_sent_again_under_the_same_id(
    console: Client, endpoint_of: MakeEndpoint, delivery_of: MakeDelivery, state: str
) -> None:
    now = timezone.now()
    row = delivery_of(endpoint_of(), now, state=state, ended_at=now, attempts=10)
    assert "Send again" in text_of(console.get(page_of(row)))

    response = console.post(page_of(row, "again"), follow=True)

    assert "It is sent again within seconds." in text_of(response)
    again = WebhookDelivery.objects.get()
    assert (again.message_id, again.payload) == (row.message_id, row.payload)
    assert (again.state, again.attempts, again.ended_at) == ("pending", 0, None)
    assert again.due_at > now


def test_what_is_on_its_way_is_not_started_a_second_time(
    console: Client, endpoint_of: MakeEndpoint, delivery_of: MakeDelivery
) -> None:
    later = timezone.now() + timedelta(hours=1)
    row = delivery_of(endpoint_of(), timezone.now(), due_at=later, attempts=3)

    response = console.post(page_of(row, "again"), follow=True)

    assert "It is on its way already." in text_of(response)
    row.refresh_from_db()
    assert (row.state, row.attempts, row.due_at) == ("pending", 3, later)


def test_to_a_webhook_that_is_off_nothing_is_sent_again(
    console: Client, endpoint_of: MakeEndpoint, delivery_of: MakeDelivery
) -> None:
    now = timezone.now()
    off = endpoint_of(is_on=False)
    row = delivery_of(off, now, state="given_up", ended_at=now)

    response = console.post(page_of(row, "again"), follow=True)

    assert "“CRM” is switched off. Switch it on first." in text_of(response)
    row.refresh_from_db()
    assert row.state == "given_up"


def test_several_are_sent_again_at_once_and_counted(
    console: Client, endpoint_of: MakeEndpoint, delivery_of: MakeDelivery
) -> None:
    now = timezone.now()
    endpoint = endpoint_of()
    ended = [delivery_of(endpoint, now, state="given_up", ended_at=now) for _ in range(2)]
    waiting = delivery_of(endpoint, now)
    chosen = [row.pk for row in (*ended, waiting)]

    response = console.post(
        LIST,
        {"action": "send_selected_again", "_selected_action": chosen},
        follow=True,
    )

    text = text_of(response)
    assert "2 deliveries are sent again." in text
    assert "It is on its way already." in text
    assert set(WebhookDelivery.objects.values_list("state", flat=True)) == {"pending"}


def test_nobody_writes_here_by_hand(
    console: Client, endpoint_of: MakeEndpoint, delivery_of: MakeDelivery
) -> None:
    row = delivery_of(endpoint_of(), timezone.now())

    assert console.post(page_of(row), {"payload": "{}"}).status_code == 403
    assert console.post(page_of(row, "delete"), {"post": "yes"}).status_code == 403
    assert WebhookDelivery.objects.get().payload == row.payload


def test_who_may_only_look_sends_nothing_again(
    helper: User,
    helper_console: Client,
    endpoint_of: MakeEndpoint,
    delivery_of: MakeDelivery,
) -> None:
    now = timezone.now()
    row = delivery_of(endpoint_of(), now, state="delivered", ended_at=now)
    helper.user_permissions.add(Permission.objects.get(codename="view_webhookdelivery"))

    assert "Send again" not in text_of(helper_console.get(page_of(row)))
    assert helper_console.post(page_of(row, "again")).status_code == 403
    action = {"action": "send_selected_again", "_selected_action": [row.pk]}
    helper_console.post(LIST, action)
    row.refresh_from_db()
    assert row.state == "delivered"
