"""`manage.py dispatch_messages` and the worker's tasks: doors to one verb."""

import json
from io import StringIO
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.db import transaction
from django.utils import timezone

from members.models import Member
from messaging import tasks
from messaging.models import Message, MessageTemplate, OfficialAccount
from tests.messaging.conftest import queue
from zalo_simulator.server import Simulator


def run(*arguments: str) -> str:
    out = StringIO()
    call_command("dispatch_messages", *arguments, stdout=out)
    return out.getvalue()


def test_sends_and_says_so(
    zalo: Simulator, account: OfficialAccount, offer: MessageTemplate, mai: Member
) -> None:
    queue(offer, mai)

    assert run("--at", "2026-03-02") == "Done! Sent 1 message; 0 wait.\n"
    assert len(zalo.sent()) == 1


def test_json(
    zalo: Simulator, account: OfficialAccount, offer: MessageTemplate, mai: Member
) -> None:
    queue(offer, mai)
    Member.objects.update(state="left")

    assert json.loads(run("--at", "2026-03-02T12:00", "--json")) == {
        "total": 1,
        "sent": 0,
        "states": {"refused": 1},
        "reasons": {"member_not_active": 1},
        "stopped": "",
    }


def test_names_what_stands_in_the_way(
    transactional_db: None, offer: MessageTemplate, mai: Member
) -> None:
    queue(offer, mai)

    assert "No Official Account is connected." in run("--at", "2026-03-02")


def test_at_night_the_message_waits(
    zalo: Simulator, account: OfficialAccount, offer: MessageTemplate, mai: Member
) -> None:
    queue(offer, mai)

    said = run("--at", "2026-03-02T22:00")

    assert said.startswith("Done! Sent 0 messages; 1 wait.\n")
    assert "next hour in which offers may be sent" in said


@pytest.mark.parametrize("arguments", [("--at", "someday"), ("--limit", "0")])
def test_bad_options_are_one_sentence(db: None, arguments: tuple[str, str]) -> None:
    with pytest.raises(CommandError):
        run(*arguments)


def test_the_worker_sends_what_is_due_now(
    zalo: Simulator, account: OfficialAccount, code: MessageTemplate, mai: Member
) -> None:
    queue(code, mai, context={"otp": "482913"}, due_at=timezone.now())

    assert tasks.dispatch() == 1
    assert Message.objects.get().state == "sent"
    assert tasks.process_webhooks() == 0


def test_a_nudge_goes_out_after_the_commit_and_may_fail(
    transactional_db: None,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    told: list[str] = []

    def publish(**options: Any) -> None:
        told.append("published")
        raise ConnectionError("broker is down")

    monkeypatch.setattr(tasks.dispatch, "apply_async", publish)

    with transaction.atomic():
        tasks.nudge()
        assert told == []
    assert told == ["published"]
    assert "was not announced: ConnectionError" in caplog.text


def test_a_nudge_of_what_was_rolled_back_is_none(
    transactional_db: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    told: list[Any] = []
    monkeypatch.setattr(tasks.dispatch, "apply_async", lambda **options: told.append(1))

    with transaction.atomic():
        tasks.nudge()
        transaction.set_rollback(True)

    assert told == []
