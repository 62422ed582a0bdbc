"""Asking for codes in bulk: what is refused, what waits, what a repeat does."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db import IntegrityError, transaction

from core.approvals import AlreadyDecided, approve_change, reject_change
from core.errors import InvalidInput
from core.models import ChangeRequest
from rewards import tasks
from rewards.batches import Wish, ask_batch
from rewards.codes import needed_length, room_for
from rewards.errors import BatchRefused, KeyReused
from rewards.models import Voucher, VoucherBatch, VoucherType
from tests.console import allow
from tests.rewards.helpers import make_voucher_type

pytestmark = pytest.mark.django_db


@pytest.fixture
def pool(db: None) -> VoucherType:
    return make_voucher_type(codes="pool", prefix="TET")


@pytest.fixture
def checker(helper: User) -> User:
    allow(helper, "add_voucherbatch", "decide_changerequest")
    return User.objects.get(pk=helper.pk)


def ask(voucher_type: VoucherType, size: int, at: datetime, **told: Any) -> Any:
    names = ("valid_from", "valid_until")
    window = {name: told.pop(name) for name in names if name in told}
    return ask_batch(Wish(voucher_type, size, "Tết", **window), at=at, **told)


def refused(voucher_type: VoucherType, size: int, at: datetime, **told: Any) -> str:
    with pytest.raises((BatchRefused, InvalidInput)) as refusal:
        ask(voucher_type, size, at, **told)
    assert not VoucherBatch.objects.exists()
    assert not ChangeRequest.objects.exists()
    return str(refusal.value.message)


def test_a_batch_waits_for_a_worker(pool: VoucherType, staff: User, now: datetime) -> None:
    until = now + timedelta(days=30)

    batch = ask(pool, 500, now, by=staff, valid_until=until)

    assert (batch.state, batch.size, batch.made) == ("running", 500, 0)
    assert (batch.origin, batch.asked_by, batch.asked_at) == ("generated", staff, now)
    assert (batch.valid_from, batch.valid_until) == (None, until)
    assert not Voucher.objects.exists()


@pytest.mark.parametrize("size", [0, -1, 10_000_001])
def test_sizes_that_make_no_sense(pool: VoucherType, size: int, now: datetime) -> None:
    assert "from 1 to 10.000.000 codes" in refused(pool, size, now)


def test_a_name_is_needed(pool: VoucherType, now: datetime) -> None:
    with pytest.raises(InvalidInput):
        ask_batch(Wish(pool, 5, "  "), at=now)


def test_a_guess_stays_hopeless(now: datetime) -> None:
    """25 letters: seven of them have 6,103,515,625 codes, a millionth is 6,103."""
    short = make_voucher_type(codes="pool", length=7)

    said = refused(short, 6104, now)

    assert "With 7 random letters only 6.103 codes are safe" in said
    assert "to 8 or more" in said
    assert ask(short, 6103, now).size == 6103


def test_codes_that_are_there_or_under_way_take_room(now: datetime) -> None:
    short = make_voucher_type(codes="pool", length=7)
    # Another type in the same space, and one in another.
    make_voucher_type("same", codes="pool", length=7)
    same = VoucherType.objects.get(code="same")
    other = make_voucher_type("other", codes="pool", length=7, prefix="AB")
    Voucher.objects.create(code="CCCCCCC", voucher_type=same, state="pooled")
    Voucher.objects.create(code="ABCCCCC", voucher_type=other, state="pooled")
    ask(same, 6000, now)

    with pytest.raises(BatchRefused) as refusal:
        ask(short, 103, now)

    assert refusal.value.extra == {"needed_length": 8}
    assert "6.001 are there" in str(refusal.value.message)
    assert ask(short, 102, now).size == 102


def test_room_does_not_overflow() -> None:
    assert room_for(24) == 25**24 // 10**6
    assert [needed_length(count) for count in (1, 244, 245, 10**6, 10**7)] == [
        5,
        6,
        7,
        9,
        10,
    ]


def test_printed_codes_belong_to_whoever_shows_them(now: datetime) -> None:
    bound = make_voucher_type(codes="generated")
    assert "Printed codes have no owner" in refused(bound, 5, now)

    free = make_voucher_type("free", codes="generated", owner_only=False)

    assert ask(free, 5, now).size == 5


def test_printed_codes_need_an_end_of_their_own(now: datetime) -> None:
    days = make_voucher_type(owner_only=False, valid_days=30)

    assert "is given to nobody" in refused(days, 5, now)
    assert ask(days, 5, now, valid_until=now + timedelta(days=30)).size == 5


def test_types_without_codes_of_their_own(now: datetime) -> None:
    shared = make_voucher_type(codes="shared", owner_only=False)
    assert "one code for everyone" in refused(shared, 5, now)

    off = make_voucher_type("off", codes="pool", is_active=False)
    assert "is switched off" in refused(off, 5, now)


def test_a_window_lies_ahead(pool: VoucherType, now: datetime) -> None:
    assert "in the future" in refused(pool, 5, now, valid_until=now)
    window = {"valid_from": now + timedelta(days=2), "valid_until": now + timedelta(days=1)}
    assert "in the future" in refused(pool, 5, now, **window)


def test_the_same_key_makes_one_batch(pool: VoucherType, now: datetime) -> None:
    first = ask(pool, 5, now, key="click")

    assert ask(pool, 5, now, key="click") == first
    with pytest.raises(KeyReused):
        ask(pool, 6, now, key="click")
    assert VoucherBatch.objects.count() == 1


def test_the_database_keeps_a_batch_within_its_size(pool: VoucherType) -> None:
    with pytest.raises(IntegrityError, match="within_size"), transaction.atomic():
        VoucherBatch.objects.create(
            voucher_type=pool,
            name="x",
            origin="generated",
            size=1,
            made=2,
            asked_at="2026-03-02T05:00Z",
        )


# --- a second person --------------------------------------------------------------------


def test_many_codes_wait_for_a_second_person(
    staff: User,
    checker: User,
    now: datetime,
    monkeypatch: pytest.MonkeyPatch,
    django_capture_on_commit_callbacks: Any,
) -> None:
    said: list[str] = []
    monkeypatch.setattr(
        tasks.run_batches, "apply_async", lambda **_told: said.append("look")
    )
    terms = {"kind": "percent", "percent": "20", "at_most": "50000"}
    pool = make_voucher_type(codes="pool", approval_above=1000, terms=terms)
    until = now + timedelta(days=30)

    request = ask(pool, 100_000, now, by=staff, key="click", valid_until=until)

    assert isinstance(request, ChangeRequest)
    assert request.summary == (
        "Tết: 100.000 codes of “20% off drinks”, worth 5.000.000.000 ₫ at most"
    )
    assert not VoucherBatch.objects.exists()
    assert ask(pool, 100_000, now, by=staff, key="click") == request

    with django_capture_on_commit_callbacks(execute=True):
        approve_change(request, by=checker, at=now)

    batch = VoucherBatch.objects.get()
    assert (batch.state, batch.size, batch.valid_until) == ("running", 100_000, until)
    assert (batch.asked_by, batch.name, batch.key) == (staff, "Tết", "click")
    assert said == ["look"]
    with pytest.raises(AlreadyDecided):
        approve_change(request, by=checker, at=now)
    assert VoucherBatch.objects.count() == 1


def test_what_is_rejected_is_not_made(staff: User, checker: User, now: datetime) -> None:
    pool = make_voucher_type(codes="pool", approval_above=10)
    request = ask(pool, 11, now, by=staff)

    reject_change(request, by=checker, at=now)

    assert not VoucherBatch.objects.exists()


def test_approval_checks_once_more(staff: User, checker: User, now: datetime) -> None:
    pool = make_voucher_type(codes="pool", approval_above=10)
    request = ask(pool, 11, now, by=staff)
    VoucherType.objects.update(is_active=False)

    with pytest.raises(BatchRefused):
        approve_change(request, by=checker, at=now)

    request.refresh_from_db()
    assert request.state == "open"
    assert not VoucherBatch.objects.exists()


def test_many_small_batches_of_a_day_count_together(
    staff: User, helper: User, now: datetime
) -> None:
    pool = make_voucher_type(codes="pool", approval_above=10)
    assert isinstance(ask(pool, 6, now, by=staff), VoucherBatch)
    assert isinstance(ask(pool, 4, now, by=staff), VoucherBatch)

    assert isinstance(ask(pool, 1, now, by=staff), ChangeRequest)

    # Another person, another day, and the command line.
    assert isinstance(ask(pool, 10, now, by=helper), VoucherBatch)
    tomorrow = now + timedelta(days=1)
    assert isinstance(ask(pool, 10, tomorrow, by=staff), VoucherBatch)
    assert isinstance(ask(pool, 1000, now), VoucherBatch)


def test_without_a_bound_nobody_is_asked(staff: User, now: datetime) -> None:
    pool = make_voucher_type(codes="pool", approval_above=None)

    assert isinstance(ask(pool, 1_000_000, now, by=staff), VoucherBatch)


@pytest.mark.parametrize(
    ("terms", "uses", "worth"),
    [
        ({"kind": "amount", "amount": "20000"}, 1, "worth 220.000 ₫ at most"),
        ({"kind": "amount", "amount": "20000"}, 3, "worth 660.000 ₫ at most"),
        (
            {"kind": "amount", "amount": "20000"},
            None,
            "without an upper bound in money",
        ),
        (
            {"kind": "amount", "amount": "20000", "at_most": 5000},
            1,
            "worth 55.000 ₫ at most",
        ),
        ({"kind": "percent", "percent": "20"}, 1, "without an upper bound in money"),
        (
            {"kind": "bands", "bands": [["0", None, "1000"], ["100", None, "9000"]]},
            1,
            "worth 99.000 ₫ at most",
        ),
        (
            {"kind": "bands", "bands": [["0", None, "1000"], ["100", "10"]]},
            1,
            "without an upper bound in money",
        ),
        ({"kind": "partner"}, 1, "worth nothing at your own tills"),
        ({"at_most": "what"}, 1, "without an upper bound in money"),
        ({}, 1, "without an upper bound in money"),
    ],
)
def test_the_request_says_what_it_is_worth(
    terms: dict[str, Any], uses: int | None, worth: str, staff: User, now: datetime
) -> None:
    pool = make_voucher_type(
        codes="pool", approval_above=10, terms=terms, uses_per_code=uses
    )

    request = ask(pool, 11, now, by=staff)

    assert request.summary == f"Tết: 11 codes of “20% off drinks”, {worth}"
