"""What tests of webhooks share: endpoints, deliveries, and receivers on this machine."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any

import pytest

from webhooks import outbox
from webhooks.models import WebhookDelivery, WebhookEndpoint
from webhooks.payloads import new_message_id, write_payload

MakeEndpoint = Callable[..., WebhookEndpoint]
MakeDelivery = Callable[..., WebhookDelivery]


@pytest.fixture
def endpoint_of(db: None) -> MakeEndpoint:
    def make(**fields: Any) -> WebhookEndpoint:
        values = {
            "name": "CRM",
            "address": "https://crm.example/hook",
            "kinds": ["order", "joined"],
            **fields,
        }
        return WebhookEndpoint.objects.create(**values)

    return make


@pytest.fixture
def delivery_of(db: None) -> MakeDelivery:
    def make(endpoint: WebhookEndpoint, at: datetime, **fields: Any) -> WebhookDelivery:
        values = {
            "message_id": new_message_id(),
            "kind": "order",
            "payload": write_payload("order", at, {"member_id": "MAI", "reference": "1"}),
            "due_at": at,
            "created_at": at,
            **fields,
        }
        return WebhookDelivery.objects.create(endpoint=endpoint, **values)

    return make


@pytest.fixture
def local(settings: Any) -> None:
    """Let http://localhost be asked, as on a developer's machine."""
    settings.DEBUG = True


@pytest.fixture
def exact(monkeypatch: pytest.MonkeyPatch) -> None:
    """Take the chance out of the pauses."""
    monkeypatch.setattr(outbox, "_jitter", lambda: 1.0)
