"""Merging while others buy and spend: every point and every fact ends up in one place."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from decimal import Decimal
from threading import Barrier, Event
from typing import Any

import pytest
from django.db import connections

from activities.models import Order
from activities.services import OrderFact
from core.errors import DomainError
from flows import record as recording
from flows.merge import merge_members
from flows.record import record
from members.models import Member, MemberMerge
from points.audit import verify_ledger
from points.models import Transfer
from points.queries import balances
from points.services import spend_points
from tests.factories import make_earn_rule, make_programme, make_wallet
from tests.points.helpers import give

pytestmark = [pytest.mark.postgresql, pytest.mark.django_db(transaction=True)]

ROUNDS = 5


@pytest.fixture(autouse=True)
def _programme(db: None) -> None:
    make_programme()
    make_earn_rule(wallet=make_wallet(), amount=Decimal(1000))


def at_once(verbs: Sequence[Callable[[], Any]]) -> list[Any]:
    """Start all verbs at the same moment; a refusal is an answer, too."""
    barrier = Barrier(len(verbs))

    def run(verb: Callable[[], Any]) -> Any:
        try:
            barrier.wait(timeout=20)
            return verb()
        except DomainError as refusal:
            return refusal.code
        finally:
            connections.close_all()

    with ThreadPoolExecutor(len(verbs)) as pool:
        return list(pool.map(run, verbs, timeout=60))


def merge(kept: Member, merged: Member, at: datetime) -> MemberMerge:
    return merge_members(kept=kept, merged=merged, note="Same", by="staff", at=at)


def points(*members: Member) -> list[int]:
    found = balances([member.pk for member in members])
    return [found[member.pk] for member in members]


def test_spends_meet_a_merge(mai: Member, binh: Member, now: datetime) -> None:
    give(mai, 30, "a", now)
    give(binh, 70, "b", now)

    def spend(n: int) -> Callable[[], Any]:
        member = (mai, binh)[n % 2]
        return lambda: spend_points(member=member, amount=10, key=f"s{n}", at=now).amount

    answers = at_once([lambda: merge(mai, binh, now), *(spend(n) for n in range(8))])

    # Binh's 70 pay for four of 10 whenever they come; of Mai's own 30 three are sure.
    spent = sum(answer for answer in answers[1:] if isinstance(answer, int))
    assert spent in (70, 80)
    assert points(mai, binh) == [100 - spent, 0]
    assert verify_ledger().differences == []


@pytest.mark.parametrize("round_", range(ROUNDS))
def test_two_merges_at_once_make_one(
    round_: int, mai: Member, binh: Member, now: datetime
) -> None:
    give(mai, 30, "a", now)
    give(binh, 70, "b", now)

    same = at_once([lambda: merge(mai, binh, now).pk] * 3)

    assert len(set(same)) == 1
    assert points(mai, binh) == [100, 0]
    assert Transfer.objects.filter(kind=Transfer.Kind.MERGE).count() == 1
    assert verify_ledger().differences == []


@pytest.mark.parametrize("round_", range(ROUNDS))
def test_of_two_merges_that_contradict_one_is_refused(
    round_: int, mai: Member, binh: Member, now: datetime
) -> None:
    give(mai, 30, "a", now)
    give(binh, 70, "b", now)

    answers = at_once(
        [lambda: merge(mai, binh, now).kept, lambda: merge(binh, mai, now).kept]
    )

    kept = next(answer for answer in answers if isinstance(answer, Member))
    assert answers.count("merge_refused") == 1
    assert sorted(points(mai, binh)) == [0, 100]
    assert points(kept) == [100]
    assert verify_ledger().differences == []


def buy_while_merging(
    mai: Member, binh: Member, now: datetime, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Record an order of Binh's; the merge begins once we know whose order it is."""
    known, save = Event(), recording.save_orders

    def save_slowly(*args: Any, **kwargs: Any) -> Any:
        known.set()
        time.sleep(0.5)
        return save(*args, **kwargs)

    monkeypatch.setattr(recording, "save_orders", save_slowly)

    def merge_then() -> Any:
        assert known.wait(20)
        return merge(mai, binh, now)

    fact = OrderFact("till", "1", binh.pk, now, Decimal(50_000))
    at_once([lambda: record([fact], at=now)[0].points, merge_then])


def test_an_order_that_was_just_told_comes_along(
    mai: Member, binh: Member, now: datetime, monkeypatch: pytest.MonkeyPatch
) -> None:
    buy_while_merging(mai, binh, now, monkeypatch)

    assert Order.objects.get().member == mai
    assert points(mai, binh) == [50, 0]
    assert mai.purchases.num_orders == 1
    assert verify_ledger().differences == []


def test_control_without_the_lock_the_order_is_left_behind(
    mai: Member, binh: Member, now: datetime, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept_ids = recording.kept_ids
    monkeypatch.setattr(recording, "kept_ids", lambda ids, lock: kept_ids(ids))

    buy_while_merging(mai, binh, now, monkeypatch)

    assert Order.objects.get().member == binh
