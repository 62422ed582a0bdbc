"""The newest head leaves the house by mail, where somebody asked for it."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest
from django.core.mail import EmailMessage
from django.utils import timezone
from pytest_django import Settings

from flows.day import run_day
from flows.seal_mail import mail_seal
from members.models import Member
from points.sealing import seal_ledger
from tests.factories import make_programme, make_wallet
from tests.points.helpers import give

OWNER = "owner@example.com"


@pytest.fixture
def head(mai: Member, now: datetime, settings: Settings) -> str:
    """A sealed ledger, and an owner who wants its heads."""
    make_programme()
    make_wallet()
    give(mai, 50, "a", now)
    settings.LEDGER_SEAL_EMAIL = [OWNER, "auditor@example.com"]
    return seal_ledger(at=timezone.now() + timedelta(minutes=11)).head


def test_the_owner_gets_the_newest_head(head: str, mailoutbox: list[EmailMessage]) -> None:
    assert mail_seal() == 2

    (mail,) = mailoutbox
    assert mail.to == [OWNER, "auditor@example.com"]
    assert mail.subject == "Cà phê Sông: seal 1 of the points ledger"
    assert f'verify_ledger --head "{head}"' in mail.body
    assert f"{head[:8]} {head[8:16]}" in mail.body


def test_nobody_asked_for_it(
    head: str, settings: Settings, mailoutbox: list[EmailMessage]
) -> None:
    settings.LEDGER_SEAL_EMAIL = []

    assert mail_seal() == 0
    assert mailoutbox == []


def test_there_is_nothing_to_tell_yet(
    db: None, settings: Settings, mailoutbox: list[EmailMessage]
) -> None:
    settings.LEDGER_SEAL_EMAIL = [OWNER]

    assert mail_seal() == 0
    assert mailoutbox == []


def test_the_programme_day_mails_it_and_is_not_stopped_by_a_mail_server(
    head: str,
    now: datetime,
    settings: Settings,
    mailoutbox: list[EmailMessage],
) -> None:
    steps = {step.name: step for step in run_day(at=now).steps}
    assert steps["mail_seal"].result == {"recipients": 2}
    assert len(mailoutbox) == 1

    settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
    settings.EMAIL_HOST, settings.EMAIL_PORT = "127.0.0.1", 1
    steps = {step.name: step for step in run_day(at=now).steps}
    assert "ConnectionRefusedError" in steps["mail_seal"].error
    assert steps["prove_ledger"].ok
