"""Asking for a code: sent to any phone alike, one alive at a time, and not too often."""

from datetime import datetime, timedelta

import pytest
from django.contrib.sessions.models import Session
from django.core.management import call_command
from django.db import connection
from django.test.utils import CaptureQueriesContext
from pytest_django import DjangoCaptureOnCommitCallbacks, Settings

from core import nudge
from core.models import RateLimit
from members.models import Member
from messaging.cascade import current_ways
from messaging.models import Message, MessageTemplate
from portal.errors import CodeExpired, SignInUnavailable, TooOften
from portal.models import SignInCode
from portal.sign_in import check_code, forget_old_sign_ins, request_code

pytestmark = pytest.mark.django_db
MAI = "+84912345678"
STRANGER = "+84355555555"


def ask(at: datetime, *, phone: str = MAI, browser: str = "b", ip: str = "1.2.3.4") -> str:
    """Ask for a code and read it off the message."""
    signin = request_code(phone=phone, browser=browser, ip=ip, at=at)
    return str(Message.objects.get(key=f"code:{signin.pk}").context["otp"])


def test_queues_one_message_with_the_code(
    mai: Member, template: MessageTemplate, now: datetime
) -> None:
    code = ask(now)
    message = Message.objects.get()
    signin = SignInCode.objects.get()

    assert len(code) == 6
    assert code.isdigit()
    assert (message.template, message.channel) == (template, "zalo_phone")
    assert (message.address, message.member_id) == (MAI, None)
    assert (message.due_at, message.expires_at) == (now, now + timedelta(minutes=5))
    assert signin.expires_at == now + timedelta(minutes=5)


def test_keeps_only_a_keyed_hash(template: MessageTemplate, now: datetime) -> None:
    code = ask(now)
    signin = SignInCode.objects.get()

    assert len(signin.code_hash) == 64
    assert code not in signin.code_hash
    assert signin.tries == 0


def test_the_dispatcher_is_told_only_after_the_commit(
    template: MessageTemplate,
    now: datetime,
    monkeypatch: pytest.MonkeyPatch,
    django_capture_on_commit_callbacks: DjangoCaptureOnCommitCallbacks,
) -> None:
    nudges: list[str] = []
    monkeypatch.setattr(nudge, "_publish", lambda task: nudges.append(task.name))
    with django_capture_on_commit_callbacks(execute=True):
        ask(now)
        assert nudges == []

    assert nudges == ["messaging.tasks.dispatch"]


def test_does_the_same_work_for_a_member_and_a_stranger(
    mai: Member, template: MessageTemplate, now: datetime
) -> None:
    current_ways()  # the channels are made once, whoever asks first
    with CaptureQueriesContext(connection) as for_mai:
        ask(now, phone=MAI, ip="1.1.1.1")
    with CaptureQueriesContext(connection) as for_stranger:
        ask(now, phone=STRANGER, ip="9.9.9.9")

    assert len(for_mai) == len(for_stranger)


def test_a_new_code_kills_the_old_one(template: MessageTemplate, now: datetime) -> None:
    old = ask(now)
    later = now + timedelta(seconds=60)
    new = ask(later)
    while new == old:  # one in a million
        later += timedelta(minutes=1)
        new = ask(later)

    alive = SignInCode.objects.filter(used_at__isnull=True, expires_at__gt=later)
    assert alive.count() == 1
    assert check_code(phone=MAI, browser="b", code=new, at=later).pk


def test_the_same_phone_waits_a_minute(template: MessageTemplate, now: datetime) -> None:
    ask(now)
    with pytest.raises(TooOften) as refusal:
        ask(now + timedelta(seconds=18))

    assert refusal.value.retry_after == 42
    assert "42" in str(refusal.value)
    assert SignInCode.objects.count() == 1
    assert Message.objects.count() == 1
    ask(now + timedelta(seconds=60))


def test_the_same_phone_gets_five_codes_an_hour(
    template: MessageTemplate, now: datetime
) -> None:
    for minute in range(5):
        ask(now + timedelta(minutes=minute), ip=f"1.2.{minute}.4")
    with pytest.raises(TooOften) as refusal:
        ask(now + timedelta(minutes=6), ip="5.6.7.8")

    assert refusal.value.retry_after == 54 * 60
    assert SignInCode.objects.count() == 5


def test_the_same_phone_gets_ten_codes_a_day(
    template: MessageTemplate, now: datetime
) -> None:
    for number in range(10):
        ask(now + timedelta(minutes=20 * number), ip=f"1.2.{number}.4")
    with pytest.raises(TooOften):
        ask(now + timedelta(hours=20))
    ask(now + timedelta(hours=24))


@pytest.mark.parametrize(
    "address", ["1.2.3.4", "2001:db8::{n:x}"], ids=["one address", "one customer's /64"]
)
def test_the_same_address_gets_twenty_codes_an_hour(
    template: MessageTemplate, now: datetime, address: str
) -> None:
    for n in range(20):
        ask(now, phone=f"+849123400{n:02d}", ip=address.format(n=n))
    with pytest.raises(TooOften):
        ask(now, phone=STRANGER, ip=address.format(n=20))

    assert Message.objects.filter(address=STRANGER).count() == 0
    ask(now, phone=STRANGER, ip="8.8.8.8")


def test_the_breaker_bounds_what_everybody_together_may_cost(
    template: MessageTemplate, now: datetime, settings: Settings
) -> None:
    settings.SIGN_IN_CODES_PER_HOUR = 3
    sent = 0
    for n in range(10):
        try:
            ask(now, phone=f"+849123400{n:02d}", ip=f"{n + 1}.2.3.4")
            sent += 1
        except TooOften:
            continue

    assert sent == 3
    assert Message.objects.count() == 3


def test_without_a_template_nothing_is_kept(now: datetime) -> None:
    with pytest.raises(SignInUnavailable):
        request_code(phone=MAI, browser="b", ip=None, at=now)

    assert SignInCode.objects.count() == 0
    assert RateLimit.objects.count() == 0


def test_what_is_over_is_forgotten(template: MessageTemplate, now: datetime) -> None:
    later = now + timedelta(hours=25)
    ask(now)
    ask(now + timedelta(hours=24, minutes=30), phone=STRANGER, ip="5.6.7.8")
    Session.objects.create(session_key="old", expire_date=now)
    Session.objects.create(session_key="live", expire_date=later + timedelta(days=1))

    # The stranger's hour and day still count, so these five limits stay.
    forget_old_sign_ins(at=later)
    assert SignInCode.objects.get().phone == STRANGER
    assert Session.objects.get().session_key == "live"
    assert RateLimit.objects.filter(ends_at__lte=later).count() == 0
    assert RateLimit.objects.count() == 5
    assert forget_old_sign_ins(at=later) == 0


def test_the_old_code_no_longer_counts(template: MessageTemplate, now: datetime) -> None:
    old = ask(now, browser="first phone")
    ask(now + timedelta(minutes=1), browser="second phone")
    with pytest.raises(CodeExpired):
        check_code(
            phone=MAI, browser="first phone", code=old, at=now + timedelta(minutes=2)
        )


def test_no_migration_is_missing() -> None:
    call_command("makemigrations", "portal", "core", check=True, dry_run=True, verbosity=0)
