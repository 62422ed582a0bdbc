"""Many taps at once on a gift that is proved: the points move once."""

from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from itertools import count
from threading import Barrier

import pytest
from django.db import connection, connections

from members.models import Member
from messaging.models import Message, MessageTemplate
from points.models import Transfer
from points.queries import balances
from portal import giving
from portal.errors import CodeExpired
from portal.giving import Draft, draft_gift, send_gift_code
from portal.models import SignInCode
from portal.sign_in import prove_code
from tests import factories
from tests.points.helpers import assert_proved, give

pytestmark = [pytest.mark.postgresql, pytest.mark.django_db(transaction=True)]
THREADS = 12


@pytest.fixture(autouse=True)
def _only_postgresql(db: None) -> None:
    if connection.vendor != "postgresql":
        pytest.skip("SQLite lets one writer in at a time, so it cannot show a race")


@pytest.fixture
def draft(mai: Member, binh: Member, template: MessageTemplate, now: datetime) -> Draft:
    wallet = factories.make_wallet(transfers_allowed=True)
    give(mai, 1000, "earned", now)
    return draft_gift(
        giver=mai, phone="0987654321", amount=10, note="", wallet=wallet, at=now
    )


@pytest.fixture
def proof(mai: Member, draft: Draft, now: datetime) -> SignInCode:
    """The code that Mai typed right, not used yet."""
    sent = send_gift_code(giver=mai, draft=draft, ip=None, at=now)
    code = Message.objects.get(key=f"code:{sent.pk}").context["otp"]
    return prove_code(
        phone=sent.phone, browser=draft.token, code=code, at=now, purpose="gift"
    )


def at_once(act: Callable[[], str]) -> Counter[str]:
    """Do something from many threads that start together; count the outcomes."""
    barrier = Barrier(THREADS)

    def worker(_thread: int) -> str:
        try:
            barrier.wait(timeout=20)
            return act()
        finally:
            connections.close_all()

    with ThreadPoolExecutor(THREADS) as pool:
        return Counter(pool.map(worker, range(THREADS), timeout=60))


def giving_once(
    mai: Member, draft: Draft, proof: SignInCode, now: datetime
) -> Callable[[], str]:
    def act() -> str:
        try:
            giving._give(mai, draft, proof, now)
        except CodeExpired:
            return "expired"
        return "given"

    return act


def test_of_many_taps_one_gives(
    mai: Member, binh: Member, draft: Draft, proof: SignInCode, now: datetime
) -> None:
    outcomes = at_once(giving_once(mai, draft, proof, now))

    assert outcomes == {"given": 1, "expired": THREADS - 1}
    assert balances([mai.pk, binh.pk]) == {mai.pk: 990, binh.pk: 10}
    assert_proved()


def test_a_code_that_is_read_and_then_marked_gives_more(
    mai: Member,
    draft: Draft,
    proof: SignInCode,
    now: datetime,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The control: without the guarded update, and a key for each tap, gifts repeat."""

    def careless(signin: SignInCode, *, at: datetime) -> None:
        if SignInCode.objects.get(pk=signin.pk).used_at is not None:
            raise CodeExpired
        signin.used_at = at
        signin.save(update_fields=["used_at"])

    taps: Iterator[int] = count()
    monkeypatch.setattr(giving, "use_code", careless)
    monkeypatch.setattr(giving, "_key", lambda giver, token: f"{token}{next(taps)}")
    outcomes = at_once(giving_once(mai, draft, proof, now))

    assert outcomes["given"] > 1
    assert Transfer.objects.filter(kind="gift").count() == outcomes["given"]
