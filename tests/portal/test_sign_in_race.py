"""Two hundred guesses at once: five are looked at, and the right code is used once."""

from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from threading import Barrier

import pytest
from django.db import connection, connections

from members.models import Identifier, Member
from messaging.models import Message, MessageTemplate
from portal import sign_in
from portal.errors import CodeExpired, SignInRefused
from portal.models import MAX_TRIES, SignInCode
from portal.sign_in import check_code, request_code

pytestmark = [pytest.mark.postgresql, pytest.mark.django_db(transaction=True)]
PHONE = "+84912345678"
THREADS = 25
GUESSES = 200


@pytest.fixture(autouse=True)
def _only_postgresql(db: None) -> None:
    if connection.vendor != "postgresql":
        pytest.skip("SQLite lets one writer in at a time, so it cannot show a race")


@pytest.fixture
def code(template: MessageTemplate, now: datetime) -> str:
    signin = request_code(phone=PHONE, browser="b", ip=None, at=now)
    return str(Message.objects.get(key=f"code:{signin.pk}").context["otp"])


def storm(act: Callable[[int], str]) -> Counter[str]:
    """Do something from many threads that start together; count the outcomes."""
    barrier = Barrier(THREADS)

    def worker(thread: int) -> list[str]:
        try:
            barrier.wait(timeout=20)
            return [act(n) for n in range(thread, GUESSES, THREADS)]
        finally:
            connections.close_all()

    with ThreadPoolExecutor(THREADS) as pool:
        results = list(pool.map(worker, range(THREADS), timeout=60))
    return Counter(outcome for outcomes in results for outcome in outcomes)


def guess(code: str, now: datetime) -> Callable[[int], str]:
    """Return an act that tries a code which is surely wrong."""

    def act(n: int) -> str:
        wrong = f"{(int(code) + 1 + n) % 10**6:06d}"
        try:
            check_code(phone=PHONE, browser="b", code=wrong, at=now)
        except SignInRefused as refusal:
            return refusal.code
        return "in"

    return act


def test_at_most_five_guesses_are_looked_at(code: str, now: datetime) -> None:
    outcomes = storm(guess(code, now))

    assert outcomes == {"wrong_code": 5, "too_many_tries": 195}
    assert SignInCode.objects.get().tries == 5
    assert Member.objects.count() == 0


def test_a_counter_that_is_read_and_then_written_lets_more_through(
    code: str, now: datetime, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The control: without the guarded update the storm does break the bound."""

    def careless(*, phone: str, browser: str, purpose: str, at: datetime) -> SignInCode:
        signin = SignInCode.objects.get(phone=phone, browser=browser, purpose=purpose)
        if signin.tries >= MAX_TRIES:
            raise sign_in.TooManyTries
        signin.tries += 1
        signin.save(update_fields=["tries"])
        return signin

    monkeypatch.setattr(sign_in, "_spend_try", careless)
    outcomes = storm(guess(code, now))

    assert outcomes["wrong_code"] > 5


def test_the_right_code_is_used_once_and_makes_one_member(code: str, now: datetime) -> None:
    def act(_n: int) -> str:
        try:
            return f"member {check_code(phone=PHONE, browser='b', code=code, at=now).pk}"
        except CodeExpired:
            return "expired"
        except SignInRefused as refusal:
            return refusal.code

    outcomes = storm(act)

    entered = [outcome for outcome in outcomes if outcome.startswith("member")]
    assert len(entered) == 1
    assert outcomes[entered[0]] == 1
    assert sum(outcomes.values()) == GUESSES
    assert Identifier.objects.filter(value=PHONE).count() == 1


def test_of_many_requests_at_once_one_code_is_sent(
    template: MessageTemplate, now: datetime
) -> None:
    def act(n: int) -> str:
        try:
            request_code(phone=PHONE, browser=str(n), ip=f"10.0.{n}.1", at=now)
        except SignInRefused as refusal:
            return refusal.code
        return "sent"

    outcomes = storm(act)

    assert outcomes == {"sent": 1, "too_often": GUESSES - 1}
    assert Message.objects.count() == 1
