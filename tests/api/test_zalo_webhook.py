import hashlib
import json
from typing import Any

import pytest
from django.http import HttpResponse
from django.test import Client

from messaging.models import WebhookEvent
from tests.api.conftest import problem

pytestmark = pytest.mark.django_db

ADDRESS = "/api/v1/webhooks/zalo/"
EVENT = {
    "app_id": "1000",
    "event_name": "follow",
    "oa_id": "2000",
    "follower": {"id": "3000"},
    "timestamp": "1772427600000",
}


@pytest.fixture(autouse=True)
def _secrets(settings: Any) -> None:
    settings.ZALO_APP_ID = "1000"
    settings.ZALO_OA_SECRET = "oa-secret"


def tell(body: bytes, mac: str | None = None, **headers: str) -> HttpResponse:
    event: dict[str, Any] = {}
    if mac is None:
        event = json.loads(body)
        text = b"1000" + body + str(event["timestamp"]).encode() + b"oa-secret"
        mac = f"mac={hashlib.sha256(text).hexdigest()}"
    sent = {"X-ZEvent-Signature": mac, "Accept-Language": "en", **headers}
    client = Client(headers=sent)
    return client.generic("POST", ADDRESS, body, "application/json")


def test_keeps_the_event_and_answers_at_once() -> None:
    response = tell(json.dumps(EVENT).encode())

    assert (response.status_code, response.content) == (200, b"{}")
    assert WebhookEvent.objects.get().event_name == "follow"


def test_the_same_event_twice_is_one_event() -> None:
    body = json.dumps(EVENT).encode()

    assert tell(body).status_code == 200
    assert tell(body, num_retry="1").status_code == 200

    assert WebhookEvent.objects.count() == 1


@pytest.mark.parametrize("mac", ["", "mac=", "mac=" + "0" * 64, "é", "0" * 10000])
def test_a_wrong_signature_is_refused(mac: str) -> None:
    response = tell(json.dumps(EVENT).encode(), mac=mac)

    assert response.status_code in (401, 403)
    problem(response)
    assert not WebhookEvent.objects.exists()


@pytest.mark.parametrize(
    "body", [b"", b"{", b"[]", b"null", b"\xff", b"\x00", b'{"timestamp": {}}', b"[" * 9000]
)
def test_nonsense_is_refused(body: bytes) -> None:
    response = tell(body, mac="mac=" + "0" * 64)

    assert response.status_code in (400, 401, 403)
    problem(response)
    assert not WebhookEvent.objects.exists()


def test_a_large_body_is_refused_unread() -> None:
    response = tell(b"x" * (256 * 1024 + 1), mac="mac=1")

    assert (response.status_code, problem(response)["code"]) == (413, "too_large")


def test_answers_when_zalo_checks_the_address() -> None:
    response = Client().get(ADDRESS)

    assert (response.status_code, response.content) == (200, b"{}")


def test_other_methods_are_refused() -> None:
    assert Client().put(ADDRESS).status_code == 405
