"""The console's “Run now”: outside the schedule, so never taken for a repeat of it."""

from typing import Any

import pytest
from celery import current_app
from django.contrib.auth.models import User
from django.test import Client
from django.urls import reverse
from django_celery_beat.models import PeriodicTask
from kombu.exceptions import OperationalError

from flows.schedules import create_schedules

LIST = "admin:django_celery_beat_periodictask_changelist"


@pytest.fixture
def entry(db: None) -> PeriodicTask:
    create_schedules()
    return PeriodicTask.objects.get(task="campaigns.tasks.run_campaigns")


def press(client: Client, entry: PeriodicTask) -> str:
    data = {"action": "run_tasks", "_selected_action": [entry.pk]}
    return client.post(reverse(LIST), data, follow=True).content.decode()


def test_a_worker_is_asked_without_the_entrys_name(
    client: Client, staff: User, entry: PeriodicTask, monkeypatch: pytest.MonkeyPatch
) -> None:
    sent: list[tuple[str, dict[str, Any]]] = []
    monkeypatch.setattr(
        current_app, "send_task", lambda name, **options: sent.append((name, options))
    )
    client.force_login(staff)

    page = press(client, entry)

    assert "Started." in page
    ((name, options),) = sent
    assert name == "campaigns.tasks.run_campaigns"
    assert "headers" not in options


def test_without_a_broker_it_says_what_to_do(
    client: Client, staff: User, entry: PeriodicTask, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_arguments: Any, **_options: Any) -> None:
        raise OperationalError("nobody there")

    monkeypatch.setattr(current_app, "send_task", fail)
    client.force_login(staff)

    assert "The message broker does not answer" in press(client, entry)
