"""Taking codes back: the rest of a batch, or one voucher, and never what members hold."""

from __future__ import annotations

from datetime import datetime

import pytest

from core.errors import InvalidInput
from members.models import Member
from rewards.batches import (
    cancel_voucher,
    continue_batch,
    has_work,
    run_batch,
    running,
    stop_batch,
    withdraw_rest,
)
from rewards.batches.withdrawing import rest_of
from rewards.errors import BatchClosed, VoucherClosed
from rewards.models import Voucher, VoucherBatch, VoucherType
from tests.rewards.batches.helpers import (
    ask,
    codes_of,
    done,
    killed_and_taken_over,
    let_the_lease_end,
    made,
    states_of,
)
from tests.rewards.helpers import make_voucher_type

pytestmark = pytest.mark.django_db


@pytest.fixture
def pool(db: None) -> VoucherType:
    return make_voucher_type(codes="pool", uses_per_code=2)


@pytest.fixture
def batch(pool: VoucherType, mai: Member, now: datetime) -> VoucherBatch:
    """Twelve codes: one given to mai, one used by somebody, one cancelled before."""
    batch = made(pool, 12, now)
    given, used, gone = batch.vouchers.order_by("pk")[2:5]
    Voucher.objects.filter(pk=given.pk).update(state="issued", member=mai)
    Voucher.objects.filter(pk=used.pk).update(state="issued", uses=1)
    cancel_voucher(gone, because="printed badly", at=now)
    return batch


def test_what_nobody_has_is_cancelled(batch: VoucherBatch, now: datetime) -> None:
    assert rest_of(batch).count() == 9

    asked = withdraw_rest(batch, because=" The flyers are late. ", at=now)

    assert (asked.state, asked.withdraw_asked_at) == ("withdrawing", now)
    assert states_of(batch).count("pooled") == 9

    ended = done(batch, chunk=5)

    assert (ended.state, ended.num_withdrawn) == ("withdrawn", 9)
    cancelled = ["cancelled"]
    assert states_of(batch) == cancelled * 2 + ["issued"] * 2 + cancelled * 8
    rest = batch.vouchers.filter(cancelled_because="The flyers are late.")
    assert set(rest.values_list("cancelled_at", "uses")) == {(now, 0)}
    assert rest.count() == 9
    assert batch.vouchers.get(cancelled_because="printed badly").state == "cancelled"


def test_printed_codes_too(now: datetime) -> None:
    batch = made(make_voucher_type(owner_only=False), 6, now)
    withdraw_rest(batch, because="late", at=now)

    assert done(batch).num_withdrawn == 6
    assert set(states_of(batch)) == {"cancelled"}


def test_a_reason_is_needed(batch: VoucherBatch, now: datetime) -> None:
    with pytest.raises(InvalidInput):
        withdraw_rest(batch, because="  ", at=now)

    batch.refresh_from_db()
    assert batch.state == "done"


def test_only_once_and_not_while_it_is_made(
    batch: VoucherBatch, pool: VoucherType, now: datetime
) -> None:
    running_batch = ask(pool, 5, now)
    with pytest.raises(BatchClosed):
        withdraw_rest(running_batch, because="late", at=now)

    withdraw_rest(batch, because="late", at=now)
    for _state in ("withdrawing", "withdrawn"):
        with pytest.raises(BatchClosed):
            withdraw_rest(batch, because="again", at=now)
        with pytest.raises(BatchClosed):
            stop_batch(batch)
        if _state == "withdrawing":
            done(batch)
    with pytest.raises(BatchClosed):
        continue_batch(batch)


def test_a_stopped_batch_can_be_withdrawn_and_makes_no_more(
    pool: VoucherType, now: datetime
) -> None:
    batch = ask(pool, 12, now)
    run_batch(batch.pk, chunk=5, deadline=0)
    stop_batch(batch)

    withdraw_rest(batch, because="late", at=now)
    ended = done(batch, chunk=5)

    assert (ended.state, ended.made, ended.num_withdrawn) == ("withdrawn", 5, 5)
    assert len(codes_of(batch)) == 5
    assert not has_work()


@pytest.mark.parametrize("step", ["cancel_rows", "_hold"])
@pytest.mark.parametrize("wrote", [False, True])
def test_a_kill_anywhere_miscounts_nothing(
    batch: VoucherBatch,
    now: datetime,
    monkeypatch: pytest.MonkeyPatch,
    step: str,
    wrote: bool,
) -> None:
    withdraw_rest(batch, because="late", at=now)

    ended = killed_and_taken_over(monkeypatch, batch, step, wrote=wrote)

    assert (ended.state, ended.num_withdrawn) == ("withdrawn", 9)
    assert states_of(batch).count("cancelled") == 10


def test_one_that_failed_goes_on_withdrawing(
    batch: VoucherBatch, now: datetime, monkeypatch: pytest.MonkeyPatch
) -> None:
    withdraw_rest(batch, because="late", at=now)
    with monkeypatch.context() as patch:
        patch.setattr(running, "MAX_FAILURES", 1)
        patch.setattr(running, "cancel_rows", lambda *args: 1 / 0)
        run_batch(batch.pk)
        let_the_lease_end(batch)
        assert run_batch(batch.pk) is None
    batch.refresh_from_db()
    assert batch.state == "failed"

    assert continue_batch(batch).state == "withdrawing"
    assert done(batch).num_withdrawn == 9


# --- one voucher ------------------------------------------------------------------------


def test_one_voucher_is_cancelled_with_a_reason(batch: VoucherBatch, now: datetime) -> None:
    voucher = batch.vouchers.get(member__isnull=False)

    cancelled = cancel_voucher(voucher, because="given by mistake", at=now)

    assert (cancelled.state, cancelled.cancelled_at) == ("cancelled", now)
    assert cancelled.cancelled_because == "given by mistake"
    with pytest.raises(VoucherClosed):
        cancel_voucher(voucher, because="again", at=now)
    cancelled.refresh_from_db()
    assert cancelled.cancelled_because == "given by mistake"


def test_what_was_used_stays_used(batch: VoucherBatch, now: datetime) -> None:
    used = batch.vouchers.get(uses=1)

    assert cancel_voucher(used, because="leaked", at=now).uses == 1

    Voucher.objects.filter(pk=used.pk).update(state="issued", uses=2)
    with pytest.raises(VoucherClosed):
        cancel_voucher(used, because="leaked", at=now)
    used.refresh_from_db()
    assert used.state == "issued"


def test_no_reason_no_cancelling(batch: VoucherBatch, now: datetime) -> None:
    voucher = batch.vouchers.get(uses=1)
    with pytest.raises(InvalidInput):
        cancel_voucher(voucher, because="", at=now)
    voucher.refresh_from_db()
    assert voucher.state == "issued"
