"""/healthz and /readyz: what they say, and that they say it cheaply."""

from datetime import timedelta
from unittest.mock import patch

import pytest
from django.db import OperationalError, connection
from django.test import Client
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries

from core import health
from core.health import SILENT_AFTER, WORKER, note_heartbeat
from core.models import Heartbeat
from core.tasks import heartbeat

pytestmark = pytest.mark.django_db


def test_healthz_is_well_before_the_first_heartbeat(client: Client) -> None:
    response = client.get("/healthz")

    assert response.status_code == 200
    assert response.json() == {"status": "ok", "database": "ok", "worker": "unknown"}
    assert "no-cache" in response["Cache-Control"]


def test_healthz_tells_how_long_ago_the_worker_was_heard(client: Client) -> None:
    note_heartbeat(name=WORKER, at=timezone.now() - timedelta(seconds=10))

    response = client.get("/healthz")

    assert response.status_code == 200
    assert response.json()["worker"] in ("10 s ago", "11 s ago")


def test_healthz_fails_when_the_worker_is_silent(client: Client) -> None:
    note_heartbeat(name=WORKER, at=timezone.now() - SILENT_AFTER - timedelta(seconds=1))

    response = client.get("/healthz")

    assert response.status_code == 503
    assert response.json()["status"] == "failing"


def test_healthz_fails_when_the_database_is_gone(client: Client) -> None:
    with patch.object(connection, "cursor", side_effect=OperationalError("gone")):
        response = client.get("/healthz")

    assert response.status_code == 503
    assert response.json()["database"] == "does not answer"


def test_healthz_is_cheap(
    client: Client, django_assert_max_num_queries: DjangoAssertNumQueries
) -> None:
    with django_assert_max_num_queries(2):
        client.get("/healthz")


def test_readyz_is_ready(client: Client) -> None:
    response = client.get("/readyz")

    assert response.status_code == 200
    assert response.json() == {
        "status": "ok",
        "database": "ok",
        "migrations": "ok",
        "broker": "ok",
        "cache": "ok",
    }


@pytest.mark.parametrize("part", ["database", "migrations", "broker", "cache"])
def test_readyz_names_what_is_missing(client: Client, part: str) -> None:
    missing = health.Finding(ok=False, says="does not answer")
    with patch.object(health, f"check_{part}", return_value=missing):
        response = client.get("/readyz")

    assert response.status_code == 503
    assert response.json()[part] == "does not answer"


def test_a_broker_that_is_off_is_noticed() -> None:
    with patch("core.health.current_app") as app:
        app.connection_for_write.side_effect = OSError("connection refused")
        assert health.check_broker() == health.Finding(ok=False, says="does not answer")


def test_only_reading_is_allowed(client: Client) -> None:
    assert client.post("/healthz").status_code == 405
    assert client.post("/readyz").status_code == 405


def test_the_worker_beats_once_in_one_row() -> None:
    heartbeat()
    heartbeat()

    assert Heartbeat.objects.get().name == WORKER
