"""The same people told by several sources at once are made once."""

import random
import time
from collections import Counter
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from threading import Barrier

import pytest
from django.db import connections

from members import saving
from members.errors import BusyMembers
from members.facts import Draft
from members.models import Consent, Identifier, Member, MemberTag, Tag
from members.services import MemberFact, register_member, save_members

pytestmark = [pytest.mark.postgresql, pytest.mark.django_db(transaction=True)]

THREADS = 6
FACTS = [
    MemberFact(
        code=f"C{i}",
        phone=f"09{12_000_000 + i}",
        zalo_user_id=f"z{i}",
        consent=True,
        tags=("VIP",),
    )
    for i in range(200)
]


@pytest.fixture(autouse=True)
def _everyone_looks_before_anyone_writes(monkeypatch: pytest.MonkeyPatch) -> None:
    match = saving._match

    def match_slowly(drafts: list[Draft]) -> None:
        match(drafts)
        time.sleep(0.05)

    monkeypatch.setattr(saving, "_match", match_slowly)


def tell_at_once(now: datetime) -> Counter[str]:
    barrier = Barrier(THREADS)

    def tell(thread: int) -> Sequence[str]:
        facts = random.Random(thread).sample(FACTS, len(FACTS))
        try:
            barrier.wait(timeout=20)
            saved = save_members(facts, source=f"till-{thread}", at=now)
            return [one.outcome for one in saved]
        except BusyMembers:
            return ["lost"] * len(facts)
        finally:
            connections.close_all()

    with ThreadPoolExecutor(THREADS) as pool:
        results = list(pool.map(tell, range(THREADS), timeout=60))
    return Counter(outcome for outcomes in results for outcome in outcomes)


def test_everyone_is_made_once_and_everyone_gets_an_answer(now):
    outcomes = tell_at_once(now)
    assert outcomes == {"new": 200, "known": 200 * (THREADS - 1)}
    assert Member.objects.count() == 200
    kinds = Counter(Identifier.objects.values_list("kind", flat=True))
    assert kinds == {"phone": 200, "zalo": 200, "card": 200}
    assert Consent.objects.count() == 200
    assert (Tag.objects.count(), MemberTag.objects.count()) == (1, 200)


def test_control_without_a_second_look_the_race_is_lost(now, monkeypatch):
    monkeypatch.setattr(saving, "ATTEMPTS", 1)
    outcomes = tell_at_once(now)
    assert outcomes["lost"] > 0
    assert Member.objects.count() == outcomes["new"]


def test_one_phone_at_two_tills_is_one_member(now):
    barrier = Barrier(THREADS)

    def register(thread: int) -> int:
        try:
            barrier.wait(timeout=20)
            return register_member(phone="0912345678", at=now, source="pos").pk
        finally:
            connections.close_all()

    with ThreadPoolExecutor(THREADS) as pool:
        ids = set(pool.map(register, range(THREADS), timeout=60))
    assert len(ids) == Member.objects.count() == 1
    assert Identifier.objects.filter(kind="phone").count() == 1
