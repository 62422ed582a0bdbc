"""Uploading a partner's codes: looked at first, taken in once, refused by row."""

from __future__ import annotations

import gzip
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from django.contrib.auth.models import User
from openpyxl import Workbook

from core.approvals import approve_change, withdraw_change
from core.errors import InvalidInput
from core.models import ChangeRequest
from rewards.batches import discard_upload, run_batch, take_in, upload_codes, uploading
from rewards.batches.figures import rejected_rows
from rewards.errors import BatchClosed, BatchRefused
from rewards.models import UploadedCode, Voucher, VoucherBatch, VoucherType
from tests.console import allow
from tests.rewards.batches.helpers import (
    codes_of,
    done,
    killed_and_taken_over,
    pooled,
    problems_of,
    write_list,
)
from tests.rewards.helpers import make_voucher_type

pytestmark = pytest.mark.django_db


@pytest.fixture
def pool(db: None) -> VoucherType:
    return make_voucher_type("grab", name="Grab 50K", codes="pool")


@pytest.fixture
def upload(pool: VoucherType, tmp_path: Path, now: datetime) -> Any:
    def read(*lines: str, name: str = "codes.csv", **told: Any) -> VoucherBatch:
        path = write_list(tmp_path, *lines, name=name)
        return upload_codes(path, **{"voucher_type": pool, "name": "", "at": now} | told)

    return read


def taken(draft: VoucherBatch, now: datetime, **options: Any) -> VoucherBatch:
    batch = take_in(draft, at=now)
    assert isinstance(batch, VoucherBatch)
    return done(batch, **options)


def counts(batch: VoucherBatch) -> tuple[int, int, int]:
    return (batch.size, batch.num_known, batch.num_rejected)


def approve_above(voucher_type: VoucherType, bound: int, **fields: Any) -> None:
    for name, value in {"approval_above": bound, **fields}.items():
        setattr(voucher_type, name, value)
    voucher_type.save()


# --- reading ----------------------------------------------------------------------------


def test_nothing_is_taken_in_before_it_is_confirmed(
    upload: Any, pool: VoucherType, now: datetime
) -> None:
    draft = upload("code", "GRAB-0001", "GRAB-0002")

    assert (draft.state, draft.origin, draft.name) == ("draft", "uploaded", "codes")
    assert counts(draft) == (2, 0, 0)
    assert not Voucher.objects.exists()
    assert run_batch(draft.pk) is None

    batch = taken(draft, now)

    assert (batch.state, batch.made, batch.size) == ("done", 2, 2)
    fields = ("code", "written_as", "state", "voucher_type", "valid_until", "uses")
    assert list(batch.vouchers.order_by("pk").values_list(*fields)) == [
        ("GRAB0001", "GRAB-0001", "pooled", pool.pk, None, 0),
        ("GRAB0002", "GRAB-0002", "pooled", pool.pk, None, 0),
    ]
    assert not UploadedCode.objects.exists()


@pytest.mark.parametrize(
    "lines",
    [
        ("Mã voucher;Hạn sử dụng", "abcd1234;31/12/2026"),
        ("HSD,Mã", "2026-12-31,abcd1234"),
        ("voucher code\texpiry date\tvalue", "abcd1234\t2026-12-31 23:59:59\t50000"),
        ("abcd1234,31/12/2026",),
    ],
)
def test_headers_as_partners_write_them(
    upload: Any, lines: tuple[str, ...], now: datetime
) -> None:
    voucher = taken(upload(*lines), now).vouchers.get()

    assert (voucher.code, voucher.written_as) == ("ABCD1234", "abcd1234")
    # Through its last day in Ho Chi Minh City.
    assert voucher.valid_until == datetime(2026, 12, 31, 17, 0, tzinfo=UTC)


def test_a_plain_list_needs_no_header(upload: Any, now: datetime) -> None:
    batch = taken(upload("AB12", "CD34", "", "EF56", name="codes.txt"), now)

    assert codes_of(batch) == ["AB12", "CD34", "EF56"]


def test_a_workbook(pool: VoucherType, tmp_path: Path, now: datetime) -> None:
    book = Workbook()
    for row in (("code", "valid_until"), ("AB12", date(2026, 12, 31)), (1234567, None)):
        book.active.append(row)
    book.save(tmp_path / "codes.xlsx")

    draft = upload_codes(tmp_path / "codes.xlsx", voucher_type=pool, name="", at=now)

    rows = taken(draft, now).vouchers.order_by("pk").values_list("code", "valid_until")
    assert list(rows) == [
        ("AB12", datetime(2026, 12, 31, 17, 0, tzinfo=UTC)),
        ("1234567", None),
    ]


def test_one_day_for_rows_that_say_none(upload: Any, now: datetime) -> None:
    day = now + timedelta(days=7)

    batch = taken(upload("code,hsd", "AB12,", "CD34,31/12/2026", valid_until=day), now)

    until = list(batch.vouchers.order_by("pk").values_list("valid_until", flat=True))
    assert until == [day, datetime(2026, 12, 31, 17, 0, tzinfo=UTC)]


def test_what_is_wrong_is_said_row_by_row(upload: Any, now: datetime) -> None:
    pooled(make_voucher_type("other"), "OTHER001")
    draft = upload(
        "code,valid_until",
        "GOOD0001,",  # 2
        "good-0001,",  # 3: the same
        "1,23457E+15,",  # 4: cut at its comma
        "1.23457E+15,",  # 5
        "TẾT2027,",  # 6
        "AB1,",  # 7
        "A" * 41 + ",",  # 8
        "GOOD0002,soon",  # 9
        "GOOD0003,01/03/2026",  # 10: yesterday
        "OTHER001,",  # 11
        '"GOOD#4",',  # 12
        "GOOD0005,02/03/2026",  # 13: through today
    )

    assert problems_of(draft) == {
        3: "doubled",
        4: "short",
        5: "rounded",
        6: "letters",
        7: "short",
        8: "long",
        9: "date",
        10: "over",
        11: "not_free",
        12: "letters",
    }
    assert counts(draft) == (2, 0, 10)
    told = {number: (code, why) for code, number, why in rejected_rows(draft)}
    assert told[3] == ("good-0001", "The same code stands further up in the file.")
    # Whose code it is, is nobody's business.
    assert told[11] == ("OTHER001", "This code is not free. Ask for another one.")
    assert told[6][0] == "TẾT2027"

    batch = taken(draft, now)

    assert codes_of(batch) == ["GOOD0001", "GOOD0005"]
    assert counts(batch) == (2, 0, 10)
    assert len(list(rejected_rows(batch))) == 10, "they can still be downloaded"


def test_bytes_that_are_no_text_spoil_their_row_only(
    pool: VoucherType, tmp_path: Path, now: datetime
) -> None:
    path = tmp_path / "codes.csv"
    path.write_bytes(b"code\nAB12\nCD\xff34\nEF\x0056\nGH78\n")

    draft = upload_codes(path, voucher_type=pool, name="", at=now)

    assert problems_of(draft) == {3: "unreadable", 4: "unreadable"}
    assert codes_of(taken(draft, now)) == ["AB12", "GH78"]


@pytest.mark.parametrize(
    ("lines", "said"),
    [
        (("",), "is empty"),
        (("code",), "no code in this file"),
        (("Coupon number of the partner", "AB12"), "must name the columns"),
        (("AB12,31/12/2026,50000",), "must name the columns"),
    ],
)
def test_what_is_no_list_of_codes(upload: Any, lines: tuple[str, ...], said: str) -> None:
    with pytest.raises(InvalidInput, match=said):
        upload(*lines)
    assert not VoucherBatch.objects.exists()


def test_a_file_that_is_too_long(upload: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("rewards.batches.reading.MAX_ROWS", 2)

    with pytest.raises(InvalidInput, match="more than 2 rows"):
        upload("code", "AB12", "CD34", "EF56")

    assert not VoucherBatch.objects.exists()
    assert not UploadedCode.objects.exists()


def test_what_unfolds_to_more_than_it_says(
    pool: VoucherType, tmp_path: Path, now: datetime, monkeypatch: pytest.MonkeyPatch
) -> None:
    packed = tmp_path / "codes.csv.gz"
    packed.write_bytes(gzip.compress(b"code\nAB12\n"))
    with pytest.raises(InvalidInput, match=r"Unpack codes\.csv\.gz"):
        upload_codes(packed, voucher_type=pool, name="", at=now)

    book = Workbook()
    book.active.append(("code",))
    book.save(tmp_path / "codes.xlsx")
    monkeypatch.setattr("rewards.batches.reading.MAX_UNPACKED", 1000)
    with pytest.raises(InvalidInput, match="too large"):
        upload_codes(tmp_path / "codes.xlsx", voucher_type=pool, name="", at=now)

    (tmp_path / "broken.xlsx").write_bytes(b"PK\x03\x04 and no more")
    with pytest.raises(InvalidInput, match="no Excel workbook"):
        upload_codes(tmp_path / "broken.xlsx", voucher_type=pool, name="", at=now)
    assert not VoucherBatch.objects.exists()


def test_types_that_take_no_lists(upload: Any) -> None:
    for voucher_type in (
        make_voucher_type("shared", codes="shared"),
        make_voucher_type("bound", codes="generated"),
        make_voucher_type("days", owner_only=False, valid_days=3),
    ):
        with pytest.raises(BatchRefused):
            upload("code", "AB12", voucher_type=voucher_type)
    assert not VoucherBatch.objects.exists()


def test_an_old_printed_list(upload: Any, now: datetime) -> None:
    """Codes printed by an earlier system belong to whoever shows them."""
    ends = now + timedelta(days=9)
    flyer = make_voucher_type("flyer", owner_only=False, valid_from=now, valid_until=ends)

    batch = taken(
        upload(
            "code,hsd", "AB12,", "CD34,05/03/2026", "EF56,05/03/2027", voucher_type=flyer
        ),
        now,
    )

    fields = ("state", "member", "issued_at", "valid_from", "valid_until")
    assert list(batch.vouchers.order_by("pk").values_list(*fields)) == [
        ("issued", None, now, now, ends),
        ("issued", None, now, now, datetime(2026, 3, 5, 17, 0, tzinfo=UTC)),
        ("issued", None, now, now, ends),
    ]


# --- again, and at the same time --------------------------------------------------------


def test_a_repeat_changes_nothing(upload: Any, now: datetime) -> None:
    taken(upload("code", "AB12", "CD34"), now)
    before = list(Voucher.objects.order_by("pk").values())

    again = upload("code", "ab-12", "CD34")

    assert counts(again) == (0, 2, 0)
    with pytest.raises(BatchClosed):
        take_in(again, at=now)
    assert list(Voucher.objects.order_by("pk").values()) == before

    more = taken(upload("code", "AB12", "EF56", "CD34"), now)
    assert counts(more) == (1, 2, 0)
    assert codes_of(more) == ["EF56"]


def test_a_list_is_confirmed_once(upload: Any, now: datetime) -> None:
    draft = upload("code", "AB12")
    assert isinstance(take_in(draft, at=now), VoucherBatch)

    with pytest.raises(BatchClosed):
        take_in(draft, at=now)
    with pytest.raises(BatchClosed):
        discard_upload(draft)
    assert codes_of(done(draft)) == ["AB12"]


def test_what_became_known_meanwhile_is_passed_over(
    upload: Any, pool: VoucherType, now: datetime
) -> None:
    draft = upload("code", "AB12", "CD34", "EF56", "GH78")
    pooled(pool, "CD34")
    pooled(make_voucher_type("other"), "GH78")

    batch = taken(draft, now, chunk=3)

    assert (batch.state, batch.made) == ("done", 2)
    assert counts(batch) == (2, 1, 1)
    assert codes_of(batch) == ["AB12", "EF56"]
    assert [row[0] for row in rejected_rows(batch)] == ["GH78"]
    assert Voucher.objects.count() == 4


@pytest.mark.parametrize("step", ["take_rows", "_hold"])
@pytest.mark.parametrize("wrote", [False, True])
def test_a_kill_anywhere_costs_and_doubles_no_code(
    upload: Any, now: datetime, monkeypatch: pytest.MonkeyPatch, step: str, wrote: bool
) -> None:
    draft = upload("code", *(f"GRAB{n:04}" for n in range(23)))
    take_in(draft, at=now)

    batch = killed_and_taken_over(monkeypatch, draft, step, wrote=wrote)

    assert (batch.state, batch.made, counts(batch)) == ("done", 23, (23, 0, 0))
    assert codes_of(batch) == [f"GRAB{n:04}" for n in range(23)]
    assert not UploadedCode.objects.exists()


def test_a_large_list_is_stored_in_parts(
    upload: Any, now: datetime, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(uploading, "CHUNK", 4)
    taken(upload("code", "GRAB0003", "GRAB0009"), now)

    draft = upload("code", *(f"GRAB{n:04}" for n in range(23)))

    assert counts(draft) == (21, 2, 0)
    assert problems_of(draft) == {5: "known", 11: "known"}


# --- discarding, forgetting -------------------------------------------------------------


def test_discarded_it_leaves_no_trace(upload: Any) -> None:
    discard_upload(upload("code", "AB12"))

    assert not VoucherBatch.objects.exists()
    assert not UploadedCode.objects.exists()


def test_old_drafts_are_forgotten(
    upload: Any, pool: VoucherType, staff: User, now: datetime
) -> None:
    approve_above(pool, 0)
    waits, old = upload("code", "AB12"), upload("code", "CD34")
    take_in(waits, at=now, by=staff)

    new = upload("code", "EF56", at=now + timedelta(days=8))

    assert set(VoucherBatch.objects.all()) == {waits, new}
    assert not UploadedCode.objects.filter(batch_id=old.pk).exists()


# --- a second person --------------------------------------------------------------------


def test_a_large_list_waits_for_a_second_person(
    upload: Any, pool: VoucherType, staff: User, helper: User, now: datetime
) -> None:
    approve_above(pool, 1, terms={"kind": "partner"})
    allow(helper, "add_voucherbatch", "decide_changerequest")
    draft = upload("code", "AB12", "CD34")

    request = take_in(draft, at=now, by=staff)

    assert isinstance(request, ChangeRequest)
    assert request.summary == (
        "codes: 2 codes of “Grab 50K”, worth nothing at your own tills"
    )
    assert take_in(draft, at=now, by=staff) == request
    with pytest.raises(BatchClosed, match="second person"):
        discard_upload(draft)
    assert run_batch(draft.pk) is None

    approve_change(request, by=User.objects.get(pk=helper.pk), at=now)

    batch = done(draft)
    assert (batch.asked_by, codes_of(batch)) == (staff, ["AB12", "CD34"])


def test_a_request_that_is_taken_back_frees_the_draft(
    upload: Any, pool: VoucherType, staff: User, now: datetime
) -> None:
    approve_above(pool, 0)
    draft = upload("code", "AB12")
    request = take_in(draft, at=now, by=staff)
    assert isinstance(request, ChangeRequest)

    withdraw_change(request, by=staff, at=now)

    discard_upload(draft)
    assert not VoucherBatch.objects.exists()
