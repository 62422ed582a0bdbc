"""Tills that call the API as real ones do."""

from __future__ import annotations

import json
from typing import Any

import pytest
from django.http import HttpResponse
from django.test import Client

from activities.models import Store
from api.models import TillKey
from api.services import create_till_key
from points.models import Wallet
from tests import factories

ORDERS = "/api/v1/orders/"
MEMBERS = "/api/v1/members/"
PROBLEM = "application/problem+json"


class Till:
    """A client with a key; every call speaks English and sends JSON."""

    def __init__(self, till_key: TillKey, text: str) -> None:
        self.till_key = till_key
        self.text = text
        self.client = Client(headers={"Accept-Language": "en"})

    def get(self, path: str, query: dict[str, Any] | None = None, **headers: str) -> Any:
        return self.client.get(path, query, headers=self._headers(headers))

    def post(self, path: str, body: Any, key: str | None = None, **headers: str) -> Any:
        if key is not None:
            headers["Idempotency-Key"] = key
        text = body if isinstance(body, str | bytes) else json.dumps(body)
        return self.client.post(
            path, text, content_type="application/json", headers=self._headers(headers)
        )

    def order(self, key: str = "first", **body: Any) -> Any:
        return self.post(ORDERS, {**AN_ORDER, **body}, key=key)

    def _headers(self, headers: dict[str, str]) -> dict[str, str]:
        return {"Authorization": f"Api-Key {self.text}", **headers}


AN_ORDER = {
    "order_id": "HD-001",
    "member_id": "MAI",
    "placed_at": "2026-03-02T12:00:00+07:00",
    "total": "185000",
}


def make_till(source: str = "pos", store: Store | None = None) -> Till:
    return Till(*create_till_key(name=f"Till of {source}", source=source, store=store))


def problem(response: HttpResponse) -> dict[str, Any]:
    """Return a problem document after checking its form."""
    assert response["Content-Type"] == PROBLEM
    document = json.loads(response.content)
    assert document["status"] == response.status_code
    assert document["type"] == f"urn:loyalty:problem:{document['code']}"
    assert document["title"]
    assert document["detail"].endswith(".")
    return dict(document)


@pytest.fixture
def wallet(db: None) -> Wallet:
    """The points wallet, with one point for each 10,000 dong."""
    factories.make_programme()
    wallet = factories.make_wallet()
    factories.make_earn_rule(wallet=wallet, amount=10000, points=1)
    return wallet


@pytest.fixture
def till(wallet: Wallet) -> Till:
    """A till of the source "pos", bound to no store."""
    return make_till()


@pytest.fixture
def stranger(wallet: Wallet) -> Till:
    """A till of another source, which must not see the first one's orders."""
    return make_till(source="web")
