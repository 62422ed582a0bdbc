"""Files of orders: what is good goes in once, what is not comes back with a reason."""

import csv
import gzip
import json
from datetime import datetime
from decimal import Decimal
from io import StringIO
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command
from openpyxl import Workbook

import flows.import_orders as import_module
from activities.models import Order, Store
from flows.import_orders import ChunkResult
from flows.order_rows import Draft
from members.models import Member
from points.queries import balances
from tests.factories import make_earn_rule, make_programme, make_wallet

HEADER = "order_id,member_id,placed_at,total"


@pytest.fixture(autouse=True)
def _programme(db: None) -> None:
    make_programme()
    make_earn_rule(wallet=make_wallet())


def run(path: Path, *options: str) -> dict[str, object]:
    out = StringIO()
    call_command("import_orders", str(path), "--json", *options, stdout=out)
    return json.loads(out.getvalue())


def write(folder: Path, *lines: str, header: str = HEADER) -> Path:
    path = folder / "orders.csv"
    path.write_text("\n".join([header, *lines]) + "\n", encoding="utf-8")
    return path


def rejects(folder: Path) -> list[dict[str, str]]:
    text = (folder / "orders.rejected.csv").read_text(encoding="utf-8-sig")
    return list(csv.DictReader(StringIO(text)))


def test_a_file_becomes_orders_and_points(
    mai: Member, binh: Member, tmp_path: Path
) -> None:
    path = write(
        tmp_path,
        "A1,MAI,2026-01-05,125000",
        "A2,BINH,05/02/2026 09:30,1.250.000",
        "A3,MAI,2026-01-06T10:00:00+07:00,9999",
    )

    report = run(path)

    assert report == {
        "rows": 3,
        "orders": 3,
        "members": 2,
        "created_members": 0,
        "refunds": 0,
        "refunds_known": 0,
        "refunds_unmatched": "0.00",
        "new": 3,
        "known": 0,
        "rejected": 0,
        "points": 137,
        "reject_file": "",
        "notices": [],
    }
    assert balances([mai.pk, binh.pk]) == {mai.pk: 12, binh.pk: 125}
    assert not (tmp_path / "orders.rejected.csv").exists()


def test_repeating_the_file_changes_nothing(mai: Member, tmp_path: Path) -> None:
    path = write(tmp_path, "A1,MAI,2026-01-05,125000")
    run(path)

    report = run(path)

    assert (report["new"], report["known"], report["points"]) == (0, 1, 0)
    assert balances([mai.pk]) == {mai.pk: 12}


def test_rows_of_one_number_are_one_order(mai: Member, tmp_path: Path) -> None:
    path = write(
        tmp_path,
        "A1,MAI,2026-01-05,58000,CF01,2,29000",
        "A1,MAI,2026-01-05,15000,BM01,1,15000",
        "A2,MAI,2026-01-06,10000,BM01,1,15000",
        header=f"{HEADER},sku,quantity,unit_price",
    )

    report = run(path)

    assert (report["rows"], report["orders"], report["points"]) == (3, 2, 8)
    order = Order.objects.get(external_id="A1")
    assert order.total == Decimal(73000)
    assert [line.total for line in order.lines.all()] == [Decimal(58000), Decimal(15000)]
    assert Order.objects.get(external_id="A2").total == Decimal(10000)


def test_one_total_may_stand_for_the_whole_order(mai: Member, tmp_path: Path) -> None:
    path = write(
        tmp_path,
        "A1,MAI,2026-01-05,60000,CF01,2,29000",
        "A1,MAI,2026-01-05,60000,BM01,1,15000",
        header=f"{HEADER},sku,quantity,unit_price",
    )

    run(path)

    assert Order.objects.get().total == Decimal(60000)


def test_totals_that_fit_nothing_reject_the_order(mai: Member, tmp_path: Path) -> None:
    path = write(
        tmp_path,
        "A1,MAI,2026-01-05,60000,CF01,2,29000",
        "A1,MAI,2026-01-05,15000,BM01,1,15000",
        header=f"{HEADER},sku,quantity,unit_price",
    )

    report = run(path)

    assert (report["rejected"], report["orders"]) == (2, 0)
    assert not Order.objects.exists()


@pytest.mark.parametrize(
    ("line", "says"),
    [
        ("A1,MAI,2026-13-05,1000", "no date"),
        ("A1,MAI,yesterday,1000", "no date"),
        ("A1,MAI,2026-01-05,a lot", "no amount"),
        ("A1,MAI,2026-01-05,", "no total"),
        ("A1,NOBODY,2026-01-05,1000", "no member NOBODY"),
        ("A1,,2026-01-05,1000", "names no member"),
        (",MAI,2026-01-05,1000", "order number"),
        ("A1,MAI,2026-01-05", "cells"),
        ("A1,MAI,2199-01-05,1000", "future"),
    ],
)
def test_a_bad_row_comes_back_with_a_reason(
    mai: Member, tmp_path: Path, line: str, says: str
) -> None:
    path = write(tmp_path, line, "A9,MAI,2026-01-05,50000")

    report = run(path)

    assert (report["rejected"], report["new"]) == (1, 1)
    (rejected,) = rejects(tmp_path)
    assert rejected["rejected_row"] == "2"
    assert says in rejected["reason"]
    assert balances([mai.pk]) == {mai.pk: 5}


def test_a_bad_line_takes_its_whole_order_with_it(mai: Member, tmp_path: Path) -> None:
    path = write(
        tmp_path,
        "A1,MAI,2026-01-05,29000,CF01,29000",
        "A1,MAI,2026-01-05,xx,BM01,15000",
        "A2,MAI,2026-01-05,50000,BM01,50000",
        header=f"{HEADER},sku,unit_price",
    )

    report = run(path)

    assert (report["rejected"], report["orders"]) == (2, 1)
    assert len(rejects(tmp_path)) == 2


def test_the_same_number_with_other_content_is_rejected(
    mai: Member, tmp_path: Path
) -> None:
    run(write(tmp_path, "A1,MAI,2026-01-05,50000"))

    report = run(write(tmp_path, "A1,MAI,2026-01-05,60000"))

    assert (report["rejected"], report["known"]) == (1, 0)
    assert "other content" in rejects(tmp_path)[0]["reason"]
    assert Order.objects.get().total == Decimal(50000)


def test_another_currency_is_rejected(mai: Member, tmp_path: Path) -> None:
    path = write(tmp_path, "A1,MAI,2026-01-05,5,USD", header=f"{HEADER},currency")
    assert run(path)["rejected"] == 1
    assert "USD" in rejects(tmp_path)[0]["reason"]


def test_members_are_found_by_phone(mai: Member, tmp_path: Path) -> None:
    path = write(
        tmp_path,
        "A1,0912 345 678,2026-01-05,50000",
        "A2,84912345678,2026-01-05,50000",
        "A3,12345,2026-01-05,50000",
        header="order_id,phone,placed_at,total",
    )

    report = run(path)

    assert (report["new"], report["rejected"]) == (2, 1)
    assert "mobile number" in rejects(tmp_path)[0]["reason"]
    assert balances([mai.pk]) == {mai.pk: 10}


def test_members_can_be_made_on_the_way(tmp_path: Path) -> None:
    path = write(tmp_path, *(f"A{n},NEW{n % 3},2026-01-05,50000" for n in range(9)))

    report = run(path, "--create-members")

    assert (report["members"], report["created_members"], report["new"]) == (3, 3, 9)
    assert Member.objects.count() == 3


def test_a_dry_run_says_the_same_and_keeps_nothing(mai: Member, tmp_path: Path) -> None:
    path = write(tmp_path, "A1,MAI,2026-01-05,50000", "A2,NEW,2026-01-05,70000")

    dry = run(path, "--dry-run", "--create-members")

    assert not Order.objects.exists()
    assert Member.objects.count() == 1
    assert dry == run(path, "--create-members")


def test_stores_are_known_or_made(mai: Member, tmp_path: Path) -> None:
    Store.objects.create(code="Q1", name="Quận 1")
    lines = ("A1,MAI,2026-01-05,50000,Q1", "A2,MAI,2026-01-05,50000,Q7")
    path = write(tmp_path, *lines, header=f"{HEADER},store")

    report = run(path)
    assert (report["new"], report["rejected"]) == (1, 1)
    assert "--create-stores" in rejects(tmp_path)[0]["reason"]

    report = run(path, "--create-stores")
    assert (report["new"], report["known"]) == (1, 1)
    assert Order.objects.get(external_id="A2").store.code == "Q7"


def test_reads_gzip_xlsx_and_other_headers(mai: Member, tmp_path: Path) -> None:
    zipped = tmp_path / "orders.csv.gz"
    with gzip.open(zipped, "wt") as file:
        file.write("Invoice,MEMBER_ID,when,total\nA1,MAI,2026-01-05,50000\n")
    book = Workbook()
    book.active.append(["order_id", "member_id", "placed_at", "total"])
    book.active.append(["A1", "MAI", datetime(2026, 1, 5), 50000])  # noqa: DTZ001
    book.save(tmp_path / "orders.xlsx")

    first = run(zipped, "--map", "Invoice=order_id", "--map", "when=placed_at")
    second = run(tmp_path / "orders.xlsx", "--source", "excel")

    assert (first["new"], second["new"]) == (1, 1)
    totals = Order.objects.values_list("total", flat=True)
    assert list(totals) == [Decimal(50000), Decimal(50000)]


def test_an_unknown_column_is_named(mai: Member, tmp_path: Path) -> None:
    path = write(tmp_path, "A1,MAI,2026-01-05,50000,x", header=f"{HEADER},colour")
    (notice,) = run(path)["notices"]
    assert "colour" in notice


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"", "empty"),
        (b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR", "CSV"),
        (b"order_id,member_id\nA1,MAI\n", "placed_at"),
        (b"order_id,member_id,placed_at\nA1,MAI,2026-01-05\n", "total"),
        (b"hello world\n", "lacks"),
    ],
)
def test_a_file_that_is_none_is_refused_in_one_sentence(
    tmp_path: Path, content: bytes, says: str
) -> None:
    path = tmp_path / "orders.csv"
    path.write_bytes(content)

    with pytest.raises(CommandError) as refusal:
        run(path)

    assert says in str(refusal.value)
    assert not Order.objects.exists()


def sizes_of_chunks(path: Path, monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Import a file and return how many rows were in memory for each chunk."""
    sizes: list[int] = []

    def import_chunk(drafts: list[Draft], **options: object) -> ChunkResult:
        sizes.append(sum(len(draft.rows) for draft in drafts))
        return ChunkResult()

    monkeypatch.setattr(import_module, "_import_chunk", import_chunk)
    monkeypatch.setattr(
        import_module, "map_chunks", lambda work, c: ((d, work(d)) for d in c)
    )
    run(path)
    return sizes


def test_a_file_without_a_good_row_is_never_whole_in_memory(
    mai: Member, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = write(tmp_path, *["A1,MAI"] * 1200)

    assert sizes_of_chunks(path, monkeypatch) == [500, 500, 200]
    assert len(rejects(tmp_path)) == 1200


def test_chunks_of_very_long_rows_are_small(
    mai: Member, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    note = "x" * 10_000
    rows = [f"A{number},MAI,2026-01-05,58000,{note}" for number in range(1500)]
    path = write(tmp_path, *rows, header="order_id,member_id,placed_at,total,note")

    sizes = sizes_of_chunks(path, monkeypatch)

    # Two million letters each; the last holds what stayed open for rows to come.
    assert max(sizes[1:-1]) == 200
    assert sum(sizes) == 1500
