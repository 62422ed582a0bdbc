"""Batches and what happens beside them at the same moment, on real connections."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from django.db import connection

from members.models import Member
from rewards.batches import (
    Wish,
    ask_batch,
    claim_batch,
    run_batch,
    running,
    take_in,
    upload_codes,
    withdraw_rest,
    withdrawing,
)
from rewards.errors import BatchClosed
from rewards.giving import Giving, give_benefit
from rewards.models import Benefit, Voucher, VoucherBatch, VoucherType
from tests.rewards.batches.helpers import done, made, write_list
from tests.rewards.helpers import make_benefit, make_voucher_type

pytestmark = [pytest.mark.postgresql, pytest.mark.django_db(transaction=True)]


def at_once(works: Sequence[Callable[[], object]]) -> list[BaseException]:
    """Do works on connections of their own, all begun at the same moment."""
    start = threading.Barrier(len(works))
    faults: list[BaseException] = []

    def run(work: Callable[[], object]) -> None:
        try:
            start.wait(10)
            work()
        except BaseException as fault:
            faults.append(fault)
        finally:
            connection.close()

    threads = [threading.Thread(target=run, args=[work]) for work in works]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    return faults


@pytest.fixture
def pool(db: None) -> VoucherType:
    return make_voucher_type(codes="pool")


@pytest.fixture
def benefit(pool: VoucherType) -> Benefit:
    return make_benefit(voucher_type=pool)


def promised_and_cancelled() -> int:
    return Voucher.objects.filter(state="cancelled", member__isnull=False).count()


def give_meanwhile(benefit: Benefit, member: Member, now: datetime) -> None:
    giving = Giving(benefit, member.pk, "meanwhile", "staff")
    assert at_once([lambda: give_benefit(giving, at=now)]) == []


def test_a_code_given_while_its_batch_is_withdrawn_stays_with_its_member(
    pool: VoucherType,
    benefit: Benefit,
    mai: Member,
    now: datetime,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    batch = made(pool, 5, now)
    real = withdrawing.execute

    def late(sql: str, parameters: Any) -> int:
        # The worker has looked for its rows, and has not written yet.
        give_meanwhile(benefit, mai, now)
        return real(sql, parameters)

    withdraw_rest(batch, because="late", at=now)
    with monkeypatch.context() as patch:
        patch.setattr(withdrawing, "execute", late)
        ended = run_batch(batch.pk)

    assert ended is not None
    assert (ended.state, ended.num_withdrawn) == ("withdrawn", 4)
    assert Voucher.objects.get(member=mai).state == "issued"
    assert promised_and_cancelled() == 0


def test_control_whoever_looks_first_and_writes_then_breaks_the_promise(
    pool: VoucherType,
    benefit: Benefit,
    mai: Member,
    now: datetime,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    batch = made(pool, 5, now)

    def careless(batch: VoucherBatch, count: int) -> tuple[int | None, int]:
        rest = withdrawing.rest_of(batch).filter(pk__gt=batch.reached_id)
        free = list(rest.values_list("pk", flat=True))
        if not free:
            return None, 0
        give_meanwhile(benefit, mai, now)
        changed = Voucher.objects.filter(pk__in=free).update(state="cancelled")
        return max(free), changed

    withdraw_rest(batch, because="late", at=now)
    monkeypatch.setattr(running, "cancel_rows", careless)
    run_batch(batch.pk)

    assert promised_and_cancelled() == 1


def test_members_who_take_codes_while_the_rest_is_withdrawn(
    pool: VoucherType, benefit: Benefit, mai: Member, binh: Member, now: datetime
) -> None:
    batch = made(pool, 300, now)
    withdraw_rest(batch, because="late", at=now)

    def take(member: Member) -> None:
        for number in range(20):
            key = f"{member.pk}:{number}"
            give_benefit(Giving(benefit, member.pk, key, "staff"), at=now)

    def withdraw() -> None:
        run_batch(batch.pk, chunk=20)

    faults = at_once([lambda: take(mai), lambda: take(binh), withdraw])

    # Who comes when nothing is left is refused; nobody waits, nothing breaks.
    assert {type(fault).__name__ for fault in faults} <= {"BenefitUnavailable"}
    given = Voucher.objects.filter(member__isnull=False)
    assert set(given.values_list("state", flat=True)) <= {"issued"}
    batch.refresh_from_db()
    assert batch.state == "withdrawn"
    assert batch.num_withdrawn + given.count() == 300
    assert not Voucher.objects.filter(state="pooled").exists()


def test_the_same_list_uploaded_twice_and_taken_in_at_once(
    pool: VoucherType, tmp_path: Path, now: datetime
) -> None:
    path = write_list(tmp_path, "code", *(f"GRAB{n:05}" for n in range(2000)))
    drafts = [
        upload_codes(path, voucher_type=pool, name=name, at=now) for name in ("A", "B")
    ]
    for draft in drafts:
        take_in(draft, at=now)

    faults = at_once([lambda d=d: run_batch(d.pk, chunk=100) for d in drafts])

    assert faults == []
    batches = list(VoucherBatch.objects.order_by("pk"))
    assert [batch.state for batch in batches] == ["done", "done"]
    assert [batch.made + batch.num_known for batch in batches] == [2000, 2000]
    assert sum(batch.made for batch in batches) == 2000 == Voucher.objects.count()


def test_two_workers_claim_one_batch_at_once(pool: VoucherType, now: datetime) -> None:
    batch = ask_batch(Wish(pool, 5000, "Tết"), at=now)
    claims: list[Any] = []

    at_once([lambda: claims.append(claim_batch(batch.pk))] * 5)

    assert sum(claim is not None for claim in claims) == 1


def test_a_double_click_makes_one_batch(pool: VoucherType, now: datetime) -> None:
    def ask() -> None:
        ask_batch(Wish(pool, 50, "Tết"), at=now, key="click")

    assert at_once([ask] * 5) == []
    assert VoucherBatch.objects.count() == 1


def test_a_list_confirmed_by_two_at_once_is_taken_in_once(
    pool: VoucherType, tmp_path: Path, now: datetime
) -> None:
    path = write_list(tmp_path, "code", "GRAB1", "GRAB2")
    draft = upload_codes(path, voucher_type=pool, name="", at=now)

    faults = at_once([lambda: take_in(draft, at=now)] * 4)

    assert [type(fault) for fault in faults] == [BatchClosed] * 3
    assert done(draft).made == 2
