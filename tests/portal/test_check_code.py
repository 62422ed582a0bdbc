"""Typing the code: right once, in time, in the same browser, within five tries."""

from datetime import datetime, timedelta

import pytest
from django.db import IntegrityError, transaction
from pytest_django import Settings

from core.limits import Limit
from core.models import RateLimit
from members.models import Identifier, Member
from messaging.models import Message, MessageTemplate
from portal.errors import (
    CodeExpired,
    MalformedCode,
    MembershipClosed,
    TooManyTries,
    TooOften,
    WrongCode,
)
from portal.models import SignInCode
from portal.sign_in import EVERYBODY, all_failures, check_code, request_code

pytestmark = pytest.mark.django_db
MAI = "+84912345678"
STRANGER = "+84355555555"


@pytest.fixture(autouse=True)
def _template(template: MessageTemplate) -> None:
    pass


def ask(at: datetime, *, phone: str = MAI, browser: str = "b") -> str:
    signin = request_code(phone=phone, browser=browser, ip="1.2.3.4", at=at)
    return str(Message.objects.get(key=f"code:{signin.pk}").context["otp"])


def another(code: str) -> str:
    return f"{(int(code) + 1) % 10**6:06d}"


def failures(limit: Limit | None = None) -> int:
    key = (limit or all_failures()).key(EVERYBODY)
    return RateLimit.objects.filter(key=key).values_list("count", flat=True).first() or 0


def test_the_right_code_brings_the_member(mai: Member, now: datetime) -> None:
    code = ask(now)
    member = check_code(phone=MAI, browser="b", code=code, at=now + timedelta(minutes=1))
    signin = SignInCode.objects.get()
    phone = Identifier.objects.get(value=MAI)

    assert member == mai
    assert signin.used_at == now + timedelta(minutes=1)
    assert phone.verified_at == now + timedelta(minutes=1)
    assert failures() == 0


def test_spaces_in_the_code_do_not_matter(mai: Member, now: datetime) -> None:
    code = ask(now)

    spaced = f" {code[:3]} {code[3:]} "
    assert check_code(phone=MAI, browser="b", code=spaced, at=now) == mai


def test_a_stranger_becomes_a_member(now: datetime) -> None:
    code = ask(now, phone=STRANGER)
    member = check_code(phone=STRANGER, browser="b", code=code, at=now)

    assert member.identifiers.get(kind="phone").value == STRANGER
    assert len(member.identifiers.get(kind="card").value) == 12
    # Nobody has asked for consent yet, so none is assumed.
    assert member.consents.count() == 0


def test_a_wrong_code_costs_a_try_and_makes_nobody_a_member(now: datetime) -> None:
    code = ask(now, phone=STRANGER)
    with pytest.raises(WrongCode) as refusal:
        check_code(phone=STRANGER, browser="b", code=another(code), at=now)

    assert refusal.value.tries_left == 4
    assert "4" in str(refusal.value)
    assert SignInCode.objects.get().tries == 1
    assert failures() == 1
    assert Member.objects.count() == 0


def test_after_five_tries_even_the_right_code_is_refused(
    mai: Member, now: datetime
) -> None:
    code = ask(now)
    for _ in range(5):
        with pytest.raises(WrongCode):
            check_code(phone=MAI, browser="b", code=another(code), at=now)
    with pytest.raises(TooManyTries):
        check_code(phone=MAI, browser="b", code=code, at=now)

    signin = SignInCode.objects.get()
    assert (signin.tries, signin.used_at) == (5, None)


def test_the_fifth_try_may_be_right(mai: Member, now: datetime) -> None:
    code = ask(now)
    for _ in range(4):
        with pytest.raises(WrongCode):
            check_code(phone=MAI, browser="b", code=another(code), at=now)

    assert check_code(phone=MAI, browser="b", code=code, at=now) == mai


def test_a_code_works_once(mai: Member, now: datetime) -> None:
    code = ask(now)
    check_code(phone=MAI, browser="b", code=code, at=now)
    with pytest.raises(CodeExpired):
        check_code(phone=MAI, browser="b", code=code, at=now)


def test_a_code_lives_five_minutes(mai: Member, now: datetime) -> None:
    code = ask(now)
    with pytest.raises(CodeExpired):
        check_code(phone=MAI, browser="b", code=code, at=now + timedelta(minutes=5))

    last_moment = now + timedelta(minutes=4, seconds=59)
    assert check_code(phone=MAI, browser="b", code=code, at=last_moment) == mai


def test_another_browser_cannot_use_the_code(mai: Member, now: datetime) -> None:
    code = ask(now, browser="mai's phone")
    with pytest.raises(CodeExpired):
        check_code(phone=MAI, browser="someone else's", code=code, at=now)

    assert SignInCode.objects.get().tries == 0


def test_a_code_is_for_its_phone_only(mai: Member, binh: Member, now: datetime) -> None:
    code = ask(now)
    with pytest.raises(CodeExpired):
        check_code(phone="+84987654321", browser="b", code=code, at=now)


@pytest.mark.parametrize(
    "typed", ["", "12345", "1234567", "abcdef", "١٢٣٤٥٦", "12\x003456"]
)
def test_what_cannot_be_a_code_costs_no_try(mai: Member, now: datetime, typed: str) -> None:
    ask(now)
    with pytest.raises(MalformedCode):
        check_code(phone=MAI, browser="b", code=typed, at=now)

    assert SignInCode.objects.get().tries == 0


@pytest.mark.parametrize("state", [Member.State.BLOCKED, Member.State.LEFT])
def test_who_is_not_active_stays_outside(mai: Member, now: datetime, state: str) -> None:
    Member.objects.filter(pk=mai.pk).update(state=state)
    code = ask(now)
    with pytest.raises(MembershipClosed):
        check_code(phone=MAI, browser="b", code=code, at=now)

    # The code is used up all the same.
    with pytest.raises(CodeExpired):
        check_code(phone=MAI, browser="b", code=code, at=now)


def test_the_breaker_stops_guessing_at_many_phones(
    mai: Member, now: datetime, settings: Settings
) -> None:
    settings.SIGN_IN_FAILURES_PER_HOUR = 3
    for n in range(3):
        phone = f"+8491234000{n}"
        code = ask(now, phone=phone)
        with pytest.raises(WrongCode):
            check_code(phone=phone, browser="b", code=another(code), at=now)
    code = ask(now)
    with pytest.raises(TooOften):
        check_code(phone=MAI, browser="b", code=code, at=now)

    # What was not looked at costs no try.
    assert SignInCode.objects.get(phone=MAI).tries == 0


def test_the_database_holds_the_bound_by_itself(now: datetime) -> None:
    ask(now)
    with (
        pytest.raises(IntegrityError, match="portal_signincode_tries_in_bounds"),
        transaction.atomic(),
    ):
        SignInCode.objects.update(tries=6)
