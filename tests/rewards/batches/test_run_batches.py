"""Codes made in the background: as many as asked for, each once, whatever dies."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import AbstractContextManager, nullcontext
from datetime import datetime, timedelta
from typing import Any

import pytest
from django.utils import timezone

from core.codes import ALPHABET
from flows.tasks import catch_up_jobs
from rewards import tasks
from rewards.batches import (
    claim_batch,
    continue_batch,
    has_work,
    making,
    run_batch,
    running,
    stop_batch,
    work_on_batches,
)
from rewards.errors import BatchClosed
from rewards.models import Voucher, VoucherBatch, VoucherType
from tests.rewards.batches.helpers import (
    ask,
    codes_of,
    done,
    killed_and_taken_over,
    let_the_lease_end,
    made,
)
from tests.rewards.helpers import make_voucher_type

pytestmark = pytest.mark.django_db


@pytest.fixture
def pool(db: None) -> VoucherType:
    return make_voucher_type(codes="pool", prefix="TET", uses_per_code=3)


def test_codes_of_a_pool_wait_in_it(pool: VoucherType, now: datetime) -> None:
    until = now + timedelta(days=30)

    batch = made(pool, 2500, now, valid_until=until)

    assert (batch.state, batch.made, batch.leased_until) == ("done", 2500, None)
    assert batch.finished_at is not None
    codes = codes_of(batch)
    assert len(set(codes)) == 2500
    assert all(re.fullmatch(f"TET[{ALPHABET}]{{10}}", code) for code in codes)
    fields = ("state", "member", "uses", "max_uses", "valid_from", "valid_until")
    rows = batch.vouchers.values_list(*fields, "issued_at", "written_as").distinct()
    assert list(rows) == [("pooled", None, 0, 3, None, until, None, "")]


def test_printed_codes_are_usable_by_whoever_shows_them(now: datetime) -> None:
    ends = now + timedelta(days=20)
    flyer = make_voucher_type(owner_only=False, valid_from=now, valid_until=ends)

    # A code never outlives its type.
    late = made(flyer, 5, now, valid_until=now + timedelta(days=30))
    early = made(flyer, 5, now, valid_until=now + timedelta(days=10))

    fields = ("state", "member", "valid_from", "valid_until", "issued_at")
    assert set(late.vouchers.values_list(*fields)) == {("issued", None, now, ends, now)}
    until = early.vouchers.values_list("valid_until", flat=True).distinct()
    assert list(until) == [now + timedelta(days=10)]


def test_codes_that_exist_are_drawn_again(
    pool: VoucherType, now: datetime, monkeypatch: pytest.MonkeyPatch
) -> None:
    known = codes_of(made(pool, 3, now))
    real = making.draw_codes
    draws: Iterator[set[str]] = iter(
        [{*known[:2], "TETCCCCCCCCCC"}, {"TETCCCCCCCCCC", *known}]
    )
    monkeypatch.setattr(
        making, "draw_codes", lambda *args: next(draws, None) or real(*args)
    )

    batch = made(pool, 3, now)

    assert (batch.state, batch.made) == ("done", 3)
    assert len({*codes_of(batch), *known}) == 6


def test_a_space_that_is_full_says_so(
    pool: VoucherType, now: datetime, monkeypatch: pytest.MonkeyPatch
) -> None:
    known = codes_of(made(pool, 3, now))
    monkeypatch.setattr(making, "draw_codes", lambda *args: {*known})
    batch = ask(pool, 3, now)

    failed = run_batch(batch.pk)

    assert failed is not None
    assert (failed.state, failed.made) == ("failed", 0)
    assert "Choose more random letters" in failed.error
    assert not has_work()


def test_no_code_that_a_spreadsheet_takes_for_a_number(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    plain = make_voucher_type(codes="pool", length=6)
    draws = [["346794", "34E679", "34A679"], ["ACDEFG", "799999"], ["EEEEEE", "AEEEEE"]]
    monkeypatch.setattr(making, "random_codes", lambda *args: draws.pop(0))

    assert making.draw_codes(plain, 3) == {"34A679", "ACDEFG", "AEEEEE"}


@pytest.mark.parametrize("step", ["write_codes", "_hold"])
@pytest.mark.parametrize("wrote", [False, True])
def test_a_kill_anywhere_costs_and_doubles_no_code(
    pool: VoucherType,
    now: datetime,
    monkeypatch: pytest.MonkeyPatch,
    step: str,
    wrote: bool,
) -> None:
    batch = killed_and_taken_over(monkeypatch, ask(pool, 23, now), step, wrote=wrote)

    assert (batch.state, batch.made, batch.claim) == ("done", 23, 2)
    assert len(set(codes_of(batch))) == 23
    assert Voucher.objects.count() == 23


def test_control_without_transactions_a_kill_makes_too_many(
    pool: VoucherType, now: datetime, monkeypatch: pytest.MonkeyPatch
) -> None:
    def bare(*args: Any) -> AbstractContextManager[None]:
        return nullcontext()

    monkeypatch.setattr(running.transaction, "atomic", bare)

    killed_and_taken_over(monkeypatch, ask(pool, 23, now), "write_codes", wrote=True)

    assert Voucher.objects.count() == 28


def test_two_workers_do_it_once(pool: VoucherType, now: datetime) -> None:
    """A worker that was thought dead comes back and finds that it lost the batch."""
    batch = ask(pool, 23, now)
    slow = claim_batch(batch.pk)
    assert slow is not None
    assert claim_batch(batch.pk) is None
    let_the_lease_end(batch)
    quick = claim_batch(batch.pk)
    assert quick is not None
    for one in (quick, slow, quick, slow):
        running.run_claimed(one, chunk=5, deadline=0)
        VoucherBatch.objects.filter(pk=batch.pk).update(leased_until=timezone.now())

    assert (VoucherBatch.objects.get().made, quick.claim) == (10, 2)
    let_the_lease_end(batch)
    assert done(batch, chunk=5).made == 23
    assert Voucher.objects.count() == 23


def test_a_slice_ends_in_time_and_the_rest_is_still_due(
    pool: VoucherType, now: datetime, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(running, "chunk_size", lambda: 5)
    first, second = ask(pool, 12, now), ask(pool, 3, now)

    assert work_on_batches(seconds=0)

    rows = VoucherBatch.objects.order_by("pk").values_list("made", "leased_until")
    assert list(rows) == [(5, None), (0, None)]
    assert not work_on_batches(seconds=60)
    assert (len(codes_of(first)), len(codes_of(second))) == (12, 3)


def test_stopped_in_the_middle_and_continued(pool: VoucherType, now: datetime) -> None:
    batch = ask(pool, 12, now)

    def told(seen: VoucherBatch) -> None:
        if seen.made == 5:
            stop_batch(VoucherBatch.objects.get(pk=seen.pk))

    stopped = run_batch(batch.pk, chunk=5, told=told)

    assert stopped is not None
    assert (stopped.state, stopped.made) == ("cancelled", 5)
    assert Voucher.objects.count() == 5
    assert not has_work()
    with pytest.raises(BatchClosed):
        stop_batch(stopped)

    assert continue_batch(stopped).state == "running"
    finished = done(batch)
    assert (finished.state, finished.made) == ("done", 12)
    assert len(set(codes_of(finished))) == 12
    with pytest.raises(BatchClosed):
        continue_batch(finished)


def test_what_fails_is_tried_again_and_given_up_in_the_end(
    pool: VoucherType, now: datetime, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*args: Any) -> Any:
        raise OSError("no disk")

    batch = ask(pool, 12, now)
    with monkeypatch.context() as patch:
        patch.setattr(running, "write_codes", fail)
        for _time in range(running.MAX_FAILURES):
            assert run_batch(batch.pk) is not None
            assert run_batch(batch.pk) is None, "first comes a pause"
            let_the_lease_end(batch)
        assert run_batch(batch.pk) is None

    batch.refresh_from_db()
    assert (batch.state, batch.error, batch.made) == ("failed", "OSError('no disk')", 0)
    assert not has_work()

    continue_batch(batch)
    assert done(batch).made == 12


# --- the task ---------------------------------------------------------------------------


def test_the_task_announces_what_it_could_not_do(
    pool: VoucherType, now: datetime, monkeypatch: pytest.MonkeyPatch
) -> None:
    said: list[str] = []
    monkeypatch.setattr(tasks, "nudge_batches", lambda: said.append("again"))
    monkeypatch.setattr(tasks, "SLICE_SECONDS", 0)
    monkeypatch.setattr(running, "chunk_size", lambda: 5)
    ask(pool, 12, now)
    tasks.run_batches()
    assert said == ["again"]

    monkeypatch.setattr(tasks, "SLICE_SECONDS", 60)
    tasks.run_batches()
    assert said == ["again"]
    assert not has_work()


def test_a_poll_finds_what_the_broker_lost(
    pool: VoucherType,
    now: datetime,
    monkeypatch: pytest.MonkeyPatch,
    django_capture_on_commit_callbacks: Any,
) -> None:
    published: list[dict[str, Any]] = []
    monkeypatch.setattr(
        tasks.run_batches, "apply_async", lambda **told: published.append(told)
    )
    with django_capture_on_commit_callbacks(execute=True):
        catch_up_jobs()
    assert published == []
    batch = ask(pool, 12, now)

    with django_capture_on_commit_callbacks(execute=True):
        catch_up_jobs()
    assert published == [{"expires": 60, "retry": False}]

    claim_batch(batch.pk)
    with django_capture_on_commit_callbacks(execute=True):
        catch_up_jobs()
    assert len(published) == 1, "somebody is at it"


def test_a_broker_that_is_away_does_no_harm(
    db: None,
    monkeypatch: pytest.MonkeyPatch,
    django_capture_on_commit_callbacks: Any,
    caplog: pytest.LogCaptureFixture,
) -> None:
    def refuse(**told: Any) -> None:
        raise ConnectionError

    monkeypatch.setattr(tasks.run_batches, "apply_async", refuse)
    with django_capture_on_commit_callbacks(execute=True):
        tasks.nudge_batches()

    assert "rewards.tasks.run_batches was not announced: ConnectionError" in caplog.text
