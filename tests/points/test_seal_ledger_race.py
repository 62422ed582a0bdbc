"""Sealing while others seal and post: one chain, and no movement slips in behind a seal."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import datetime, timedelta
from threading import Barrier, Event
from typing import Any

import pytest
from django.db import connections, transaction
from django.utils import timezone

from members.models import Member
from points import sealing
from points.models import LedgerSeal, Transfer
from points.seal_check import ADDED, check_seals
from points.sealing import Sealing, seal_ledger
from tests.factories import make_wallet
from tests.points.helpers import give

pytestmark = [
    pytest.mark.postgresql,
    pytest.mark.django_db(transaction=True),
    pytest.mark.usefixtures("threads_end_their_sessions"),
]

SEALERS = 4
LATER = timedelta(minutes=11)


@pytest.fixture(autouse=True)
def _wallet(db: None) -> None:
    make_wallet()


def seal(block: int = sealing.BLOCK) -> Sealing:
    try:
        return seal_ledger(at=timezone.now() + LATER, block=block)
    finally:
        connections.close_all()


def test_many_who_seal_at_once_make_one_chain(
    mai: Member, now: datetime, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(20):
        give(mai, 5, f"a{number}", now)
    newest, barrier = sealing._newest, Barrier(SEALERS)

    def all_see_the_same(*_none: Any) -> LedgerSeal | None:
        found = newest()
        if found is None:
            barrier.wait(30)
        return found

    monkeypatch.setattr(sealing, "_newest", all_see_the_same)

    with ThreadPoolExecutor(SEALERS) as pool:
        runs = list(pool.map(lambda _n: seal(block=3), range(SEALERS)))

    assert sum(run.seals for run in runs) == LedgerSeal.objects.count() == 7
    assert sum(run.transfers for run in runs) == 20
    check = check_seals(most=9)
    assert (check.sealed, check.differences) == (20, [])


@pytest.fixture
def accounts(mai: Member, binh: Member, now: datetime) -> None:
    give(mai, 1, "mai", now)
    give(binh, 1, "binh", now)
    assert seal().transfers == 2


@contextmanager
def posting_under_way(member: Member, at: datetime) -> Iterator[None]:
    """Post in another process' stead and commit it only at the end.

    The accounts have to be there: who makes one keeps everyone else waiting.
    """
    posted, may_commit = Event(), Event()

    def post() -> None:
        try:
            with transaction.atomic():
                give(member, 5, "slow", at)
                posted.set()
                assert may_commit.wait(30)
        finally:
            connections.close_all()

    with ThreadPoolExecutor(1) as pool:
        slow = pool.submit(post)
        assert posted.wait(30)
        try:
            yield
        finally:
            may_commit.set()
            slow.result(30)


def test_a_posting_that_takes_long_holds_the_seals_back(
    mai: Member, binh: Member, now: datetime, accounts: None
) -> None:
    with posting_under_way(mai, now):
        give(binh, 5, "quick", now)
        assert seal().transfers == 0

    assert seal().transfers == 2
    assert check_seals(most=9).differences == []


def test_control_by_the_clock_alone_it_would_slip_in_behind(
    mai: Member,
    binh: Member,
    now: datetime,
    accounts: None,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(sealing, "_final_before", lambda at: at)

    with posting_under_way(mai, now):
        give(binh, 5, "quick", now)
        assert seal().transfers == 1

    slow = Transfer.objects.get(key="slow").pk
    (difference,) = check_seals(most=9).differences
    assert difference == {"rule": ADDED, "transfer": slow, "seal": 2}


def test_who_only_reads_holds_nothing_back(mai: Member, now: datetime) -> None:
    give(mai, 5, "a", now)
    reading, may_end = Event(), Event()

    def read() -> None:
        with transaction.atomic():
            assert Transfer.objects.count() == 1
            reading.set()
            assert may_end.wait(30)
        connections.close_all()

    with ThreadPoolExecutor(1) as pool:
        reader = pool.submit(read)
        assert reading.wait(30)
        done = seal()
        may_end.set()
        reader.result(30)

    assert done.transfers == 1
