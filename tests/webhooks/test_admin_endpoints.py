"""The console's pages about webhooks: adding, trying, the secret, and who may what."""

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
from tests.webhooks.receiving import answering, receiver
from webhooks.models import WebhookDelivery, WebhookEndpoint, new_secret
from webhooks.services import save_endpoint

ADD = reverse("admin:webhooks_webhookendpoint_add")
LIST = reverse("admin:webhooks_webhookendpoint_changelist")
# An address of the open web that no test ever sends to.
ADDRESS = "https://8.8.8.8/hook"
OTHER = "whsec_b3RoZXI="

pytestmark = pytest.mark.django_db


def page_of(endpoint: WebhookEndpoint, page: str = "change") -> str:
    return reverse(f"admin:webhooks_webhookendpoint_{page}", args=[endpoint.pk])


def form(**fields: Any) -> dict[str, Any]:
    values = {
        "name": "CRM",
        "address": ADDRESS,
        "kinds": ["order", "joined"],
        "is_on": "on",
        **fields,
    }
    return {name: value for name, value in values.items() if value is not None}


def allow(user: User, *names: str) -> None:
    user.user_permissions.add(*Permission.objects.filter(codename__in=names))


def text_of(response: Any) -> str:
    return str(response.content.decode())


def test_an_empty_list_says_what_webhooks_are_for(console: Client) -> None:
    text = text_of(console.get(LIST))

    assert "Nobody is told yet" in text
    assert "tells your CRM, web shop or ERP within seconds" in text


def test_what_can_be_heard_is_grouped_by_app(console: Client) -> None:
    text = text_of(console.get(ADD))

    for word in ("Purchases", "Buys something", "Joins the programme", "Tiers"):
        assert word in text
    assert "import standardwebhooks" in text
    assert "Send a test event" not in text


def test_a_new_webhook_opens_its_page_with_its_secret(console: Client) -> None:
    response = console.post(ADD, form(), follow=True)

    made = WebhookEndpoint.objects.get()
    assert response.redirect_chain[-1][0] == page_of(made)
    assert (made.name, made.address, made.kinds, made.is_on) == (
        "CRM",
        ADDRESS,
        ["order", "joined"],
        True,
    )
    text = text_of(response)
    assert "“CRM” is saved. Hand its secret to the receiver" in text
    assert made.secret in text
    assert "Send a test event" in text


@pytest.mark.parametrize(
    ("fields", "sentence"),
    [
        ({"kinds": None}, "Choose at least one thing that it hears."),
        ({"kinds": ["no-such-kind"]}, "Select a valid choice"),
        ({"address": "http://8.8.8.8/"}, "Only addresses that begin with https://"),
        ({"address": "https://10.0.0.1/"}, "leads to 10.0.0.1, which is no address"),
        ({"address": "https://nowhere.invalid/"}, "nowhere.invalid cannot be found"),
        ({"address": "shop.example/hook"}, "Write a whole address: https://shop.example"),
        ({"address": ""}, "This field is required."),
        ({"name": ""}, "This field is required."),
    ],
)
def test_says_in_a_sentence_what_is_wrong(
    console: Client, fields: dict[str, Any], sentence: str
) -> None:
    response = console.post(ADD, form(**fields))

    assert response.status_code == 200
    assert sentence in text_of(response)
    assert not WebhookEndpoint.objects.exists()


def test_the_name_is_looked_up_while_no_transaction_is_open(
    console: Client, monkeypatch: pytest.MonkeyPatch, transactional_db: None
) -> None:
    seen: list[bool] = []
    monkeypatch.setattr(
        "webhooks.admin.endpoints.check_address",
        lambda _address: seen.append(connection.in_atomic_block),
    )
    console.post(ADD, form())

    assert seen == [False]


def test_who_may_not_save_makes_us_look_up_no_name(
    helper: User,
    helper_console: Client,
    endpoint_of: MakeEndpoint,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    asked: list[str] = []
    monkeypatch.setattr("webhooks.admin.endpoints.check_address", asked.append)
    allow(helper, "view_webhookendpoint")

    assert helper_console.post(page_of(endpoint_of()), form()).status_code == 403
    assert helper_console.post(ADD, form()).status_code == 403

    assert asked == []


def test_a_kind_that_is_offered_no_more_stays_until_it_is_taken_out(
    console: Client, endpoint_of: MakeEndpoint
) -> None:
    endpoint = endpoint_of(address=ADDRESS, kinds=["order", "activity:gone"])
    text = text_of(console.get(page_of(endpoint)))
    assert "Not offered any more" in text

    console.post(page_of(endpoint), form(kinds=["order", "activity:gone"]))
    endpoint.refresh_from_db()
    assert endpoint.kinds == ["order", "activity:gone"]


def test_switching_off_calls_off_what_waits(
    console: Client, endpoint_of: MakeEndpoint, delivery_of: MakeDelivery
) -> None:
    endpoint = endpoint_of(address=ADDRESS)
    row = delivery_of(endpoint, timezone.now())

    console.post(page_of(endpoint), form(is_on=None))

    row.refresh_from_db()
    endpoint.refresh_from_db()
    assert (row.state, row.last_problem) == ("cancelled", "off")
    assert not endpoint.is_on


def test_switched_on_again_it_begins_afresh(
    console: Client, endpoint_of: MakeEndpoint
) -> None:
    now = timezone.now()
    endpoint = endpoint_of(
        address=ADDRESS,
        is_on=False,
        stopped_because="failing",
        stopped_at=now,
        failing_since=now - timedelta(days=6),
        told_at=now,
    )
    text = text_of(console.get(page_of(endpoint)))
    assert "Nothing was accepted there for five days." in text

    console.post(page_of(endpoint), form())

    endpoint.refresh_from_db()
    assert endpoint.is_on
    assert (endpoint.stopped_because, endpoint.stopped_at) == ("", None)
    assert (endpoint.failing_since, endpoint.told_at) == (None, None)


def test_the_list_tells_how_it_goes(
    console: Client, endpoint_of: MakeEndpoint, delivery_of: MakeDelivery
) -> None:
    now = timezone.now()
    crm = endpoint_of(last_success_at=now)
    endpoint_of(name="ERP", failing_since=now)
    endpoint_of(name="Shop", is_on=False)
    endpoint_of(name="Old", is_on=False, stopped_because="gone", stopped_at=now)
    for _ in range(3):
        delivery_of(crm, now)
    delivery_of(crm, now, state="delivered", ended_at=now)
    console.get(LIST)

    with CaptureQueriesContext(connection) as asked:
        text = text_of(console.get(LIST))

    for state in (
        "in use",
        "not accepted at present",
        "switched off",
        "switched off by itself",
    ):
        assert state in text
    assert [row.waiting for row in console.get(LIST).context["cl"].result_list] == [
        3,
        0,
        0,
        0,
    ]
    assert len(asked) <= 9, [one["sql"][:90] for one in asked]


# --- trying -------------------------------------------------------------------------------


@pytest.mark.usefixtures("local")
@pytest.mark.django_db(transaction=True)
def test_a_test_goes_out_at_once_and_shows_the_answer(
    console: Client, endpoint_of: MakeEndpoint
) -> None:
    with receiver() as crm:
        endpoint = endpoint_of(address=crm.address, is_on=False)
        response = console.post(page_of(endpoint, "test"), follow=True)

    assert "The test was accepted with status 200." in text_of(response)
    row = WebhookDelivery.objects.get()
    assert (row.kind, row.state, row.answer) == ("test", "delivered", "thank you")
    assert crm.requests[0].event["type"] == "test"
    endpoint.refresh_from_db()
    assert (endpoint.last_success_at, endpoint.is_on) == (None, False)
    detail = reverse("admin:webhooks_webhookdelivery_change", args=[row.pk])
    assert detail in text_of(response)
    assert "thank you" in text_of(console.get(detail))


@pytest.mark.usefixtures("local")
@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("status", [500, 410])
def test_a_test_that_fails_is_not_repeated_and_stops_nothing(
    console: Client, endpoint_of: MakeEndpoint, status: int
) -> None:
    with receiver(answer=answering(status, b"<b>no</b>")) as crm:
        endpoint = endpoint_of(address=crm.address)
        response = console.post(page_of(endpoint, "test"), follow=True)

    assert f"The test came back with status {status}" in text_of(response)
    row = WebhookDelivery.objects.get()
    assert (row.state, row.attempts, row.last_status) == ("given_up", 1, status)
    endpoint.refresh_from_db()
    assert (endpoint.is_on, endpoint.failing_since) == (True, None)
    detail = reverse("admin:webhooks_webhookdelivery_change", args=[row.pk])
    assert "&lt;b&gt;no&lt;/b&gt;" in text_of(console.get(detail))


@pytest.mark.django_db(transaction=True)
def test_a_test_into_our_own_network_is_refused(
    console: Client, endpoint_of: MakeEndpoint
) -> None:
    with receiver() as inside:
        endpoint = endpoint_of(address=f"https://127.0.0.1:{inside.port}/")
        response = console.post(page_of(endpoint, "test"), follow=True)

        assert inside.requests == []
    assert "leads into a network of our own" in text_of(response)


def test_looking_sends_nothing(console: Client, endpoint_of: MakeEndpoint) -> None:
    assert console.get(page_of(endpoint_of(), "test")).status_code == 405
    assert not WebhookDelivery.objects.exists()


# --- the secret ---------------------------------------------------------------------------


def test_a_new_secret_is_made_after_a_question(
    console: Client, endpoint_of: MakeEndpoint
) -> None:
    endpoint = endpoint_of()
    old = endpoint.secret
    text = text_of(console.get(page_of(endpoint, "rotate")))
    assert "Make a new secret for “CRM”?" in text
    endpoint.refresh_from_db()
    assert endpoint.secret == old

    response = console.post(page_of(endpoint, "rotate"), follow=True)

    endpoint.refresh_from_db()
    assert endpoint.secret != old
    assert endpoint.previous_secret == old
    left = endpoint.previous_secret_until - timezone.now()
    assert timedelta(hours=23, minutes=59) < left <= timedelta(hours=24)
    assert "The one before signs as well until" in text_of(response)
    assert endpoint.secret in text_of(response)
    assert old not in text_of(response)


def test_secrets_are_long_and_differ() -> None:
    made = {new_secret() for _ in range(100)}

    assert len(made) == 100
    assert {len(one) for one in made} == {len("whsec_") + 44}


def test_no_history_keeps_the_secret(console: Client) -> None:
    console.post(ADD, form())

    with connection.cursor() as cursor:
        cursor.execute("SELECT * FROM webhooks_historicalwebhookendpoint")
        kept = str(cursor.fetchall())
    assert "CRM" in kept
    assert "whsec_" not in kept


# --- who may what -------------------------------------------------------------------------


def test_who_may_look_sees_no_secret_and_no_button(
    helper: User, helper_console: Client, endpoint_of: MakeEndpoint
) -> None:
    endpoint = endpoint_of()
    allow(helper, "view_webhookendpoint")

    text = text_of(helper_console.get(page_of(endpoint)))

    assert endpoint.secret not in text
    assert "You have no permission to see it." in text
    assert "Send a test event" not in text
    for page in ("test", "rotate"):
        assert helper_console.post(page_of(endpoint, page)).status_code == 403
    changed = helper_console.post(page_of(endpoint), form(name="Mine"))
    assert changed.status_code == 403
    assert WebhookEndpoint.objects.get().secret == endpoint.secret
    assert WebhookEndpoint.objects.get().name == "CRM"


def test_who_may_change_still_sees_no_secret(
    helper: User, helper_console: Client, endpoint_of: MakeEndpoint
) -> None:
    endpoint = endpoint_of()
    allow(helper, "view_webhookendpoint", "change_webhookendpoint")

    text = text_of(helper_console.get(page_of(endpoint)))

    assert endpoint.secret not in text
    assert "Send a test event" in text
    assert helper_console.post(page_of(endpoint, "rotate")).status_code == 403
    assert WebhookEndpoint.objects.get().secret == endpoint.secret


def test_what_is_on_or_has_a_log_is_not_deleted(
    console: Client, endpoint_of: MakeEndpoint, delivery_of: MakeDelivery
) -> None:
    used = endpoint_of(name="Used", is_on=False)
    unused = endpoint_of(name="Unused", is_on=False)
    in_use = endpoint_of(name="On")
    delivery_of(used, timezone.now())

    for kept in (used, in_use):
        assert console.post(page_of(kept, "delete"), {"post": "yes"}).status_code == 403
    console.post(page_of(unused, "delete"), {"post": "yes"})

    assert set(WebhookEndpoint.objects.all()) == {used, in_use}


def test_saving_leaves_alone_what_a_relay_writes(endpoint_of: MakeEndpoint) -> None:
    now = timezone.now()
    seen = endpoint_of()
    WebhookEndpoint.objects.update(last_success_at=now, failing_since=now, secret=OTHER)

    seen.name = "CRM 2"
    save_endpoint(seen, at=now)

    kept = WebhookEndpoint.objects.get()
    assert (kept.name, kept.secret) == ("CRM 2", OTHER)
    assert (kept.last_success_at, kept.failing_since) == (now, now)
