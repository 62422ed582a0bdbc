"""Lists from a file: whom it names, what is doubled or unknown, adding and replacing."""

from __future__ import annotations

import threading
from datetime import datetime
from pathlib import Path

import pytest
from django.db import connection, transaction
from openpyxl import Workbook

from core.errors import InvalidInput
from members import lists
from members.lists import (
    ListTaken,
    found_ids,
    new_on_list,
    pasted,
    read_list,
    refused_rows,
    take_in,
)
from members.merging import move_person, move_person_back
from members.models import Identifier, ListEntry, ListUpload, Member, MemberList
from tests import factories


@pytest.fixture
def press(db: None) -> MemberList:
    factories.make_programme()
    return MemberList.objects.create(code="press", name="Press")


def read(
    tmp_path: Path, press: MemberList, now: datetime, text: str, mode: str = "add"
) -> ListUpload:
    path = tmp_path / "list.csv"
    path.write_text(text)
    return read_list(path, member_list=press, mode=mode, name="list.csv", at=now, by=None)


def on(press: MemberList) -> set[str]:
    entries = ListEntry.objects.filter(list=press)
    return set(entries.values_list("member__code", flat=True))


def test_members_are_found_by_all_their_names(
    tmp_path: Path, press: MemberList, mai: Member, binh: Member, now: datetime
) -> None:
    lan = factories.make_member(code="LAN")
    Identifier.objects.create(member=lan, kind="email", value="lan@x.vn")
    hoa = factories.make_member(code="HOA")
    Identifier.objects.create(member=hoa, kind="card", value="9900")
    text = "0912 345 678\nBINH\nLan@X.vn\n9900\n+84912345678\n0900000001\n=1+1\n"

    upload = read(tmp_path, press, now, text)

    assert found_ids(upload) == sorted([mai.pk, binh.pk, lan.pk, hoa.pk])
    assert (upload.num_found, upload.num_doubled, upload.num_refused) == (4, 1, 2)
    assert [(row.row, row.text) for row in refused_rows(upload)] == [
        (6, "0900000001"),
        (7, "=1+1"),
    ]
    assert on(press) == set(), "nothing is written before somebody looked"
    assert take_in(upload, at=now) == 4
    assert on(press) == {"MAI", "BINH", "LAN", "HOA"}


def test_columns_have_names_in_two_languages(
    tmp_path: Path, press: MemberList, mai: Member, binh: Member, now: datetime
) -> None:
    upload = read(
        tmp_path, press, now, "Họ tên;SĐT;Mã thành viên\nMai;0912345678;\nB;;BINH"
    )
    assert found_ids(upload) == sorted([mai.pk, binh.pk])

    with pytest.raises(InvalidInput, match="must name the columns"):
        read(tmp_path, press, now, "Mai,0912345678\nBình,0987654321\n")


def test_a_workbook_is_read_too(
    tmp_path: Path, press: MemberList, mai: Member, now: datetime
) -> None:
    book = Workbook()
    book.active.append(["phone"])
    # A spreadsheet has eaten the zero.
    book.active.append([912345678])
    path = tmp_path / "list.xlsx"
    book.save(path)
    upload = read_list(path, member_list=press, mode="add", name="x", at=now, by=None)
    assert found_ids(upload) == [mai.pk]


def test_pasted_lines_are_a_list(
    tmp_path: Path, press: MemberList, mai: Member, binh: Member, now: datetime
) -> None:
    upload = read(tmp_path, press, now, pasted("0912345678, BINH;\n\n nobody \t"))
    assert (upload.num_found, upload.num_refused) == (2, 1)


def test_add_replace_and_repeat(
    tmp_path: Path, press: MemberList, mai: Member, binh: Member, now: datetime
) -> None:
    take_in(read(tmp_path, press, now, "MAI\n"), at=now)
    second = read(tmp_path, press, now, "MAI\nBINH\n")
    assert new_on_list(second) == (1, 0)
    assert take_in(second, at=now) == 1
    third = read(tmp_path, press, now, "BINH\n", mode="replace")
    assert new_on_list(third) == (0, 1)
    assert take_in(third, at=now) == 0
    assert on(press) == {"BINH"}

    with pytest.raises(ListTaken):
        take_in(second, at=now)
    assert on(press) == {"BINH"}
    second.refresh_from_db()
    assert list(refused_rows(second)) == []


def test_a_file_has_an_end(
    tmp_path: Path,
    press: MemberList,
    mai: Member,
    now: datetime,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(lists, "MAX_ROWS", 2)
    assert read(tmp_path, press, now, "phone\n1\n2\n").num_refused == 2
    with pytest.raises(InvalidInput, match="more than 2 rows"):
        read(tmp_path, press, now, "phone\n1\n2\n3\n")
    for rubbish in ("", "\n\n"):
        with pytest.raises(InvalidInput):
            read(tmp_path, press, now, rubbish)
    # Bytes that are no text name nobody.
    path = tmp_path / "list.csv"
    path.write_bytes(b"phone\n\xff\xfe\x00abc\n0912345678\n")
    upload = read_list(path, member_list=press, mode="add", name="x", at=now, by=None)
    assert (upload.num_found, upload.num_refused) == (1, 1)


def test_the_number_of_queries_does_not_grow_with_the_file(
    tmp_path: Path,
    press: MemberList,
    now: datetime,
    django_assert_max_num_queries: object,
) -> None:
    Member.objects.bulk_create(Member(code=f"M{n}") for n in range(900))
    text = "\n".join(f"M{n}" for n in range(900))
    with django_assert_max_num_queries(12):  # type: ignore[operator]
        upload = read(tmp_path, press, now, text)
    assert upload.num_found == 900


def test_a_merged_member_is_found_as_the_kept_one(
    tmp_path: Path, press: MemberList, mai: Member, binh: Member, now: datetime
) -> None:
    upload = read(tmp_path, press, now, "MAI\nBINH\n")
    Member.objects.filter(pk=binh.pk).update(state="merged", merged_into=mai)
    assert read(tmp_path, press, now, "MAI\nBINH\n").num_doubled == 1
    assert take_in(upload, at=now) == 1
    assert on(press) == {"MAI"}


def test_entries_move_with_a_merge_and_back(
    press: MemberList, mai: Member, binh: Member, now: datetime
) -> None:
    other = MemberList.objects.create(code="other", name="Other")
    for one, member in ((press, mai), (press, binh), (other, binh)):
        ListEntry.objects.create(list=one, member=member, added_at=now, source="t")
    before = set(ListEntry.objects.values_list("list__code", "member__code"))
    with transaction.atomic():
        moved = move_person(kept=mai, merged=binh, at=now)
    assert on(other) == {"MAI"}
    assert on(press) == {"MAI", "BINH"}, "one of them was on it already"
    with transaction.atomic():
        move_person_back(kept=mai, merged=binh, moved=moved, at=now)
    assert set(ListEntry.objects.values_list("list__code", "member__code")) == before


@pytest.mark.postgresql
@pytest.mark.django_db(transaction=True)
def test_a_file_is_taken_in_once_by_two_at_once(
    tmp_path: Path, press: MemberList, mai: Member, now: datetime
) -> None:
    upload = read(tmp_path, press, now, "MAI\n")
    outcomes: list[str] = []

    def take() -> None:
        try:
            outcomes.append(str(take_in(upload, at=now)))
        except ListTaken:
            outcomes.append("taken")
        finally:
            connection.close()

    threads = [threading.Thread(target=take) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(outcomes) == ["1", "taken", "taken", "taken"]
