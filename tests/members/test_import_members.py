"""The command that imports a file of members."""

import csv
import json
import time
from collections.abc import Callable
from datetime import UTC, date, datetime
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command

from members.models import Consent, Identifier, Member, MemberTag
from points.models import Lot, Transfer
from tests.battery.forking import Process
from tests.battery.running import Database, started
from tests.battery.running import run as run_program
from tests.factories import make_wallet

HEADER = "member_id,phone,consent,zalo_user_id,follows_oa\n"


def run(path: Path, *args: str) -> dict[str, Any]:
    out = StringIO()
    call_command("import_members", str(path), "--json", *args, stdout=out)
    return json.loads(out.getvalue())


def write(tmp_path: Path, content: str, name: str = "members.csv") -> Path:
    path = tmp_path / name
    path.write_text(content)
    return path


def counts(report: dict[str, Any]) -> tuple[int, ...]:
    names = ("rows", "members", "new", "updated", "known", "rejected", "points")
    return tuple(report[name] for name in names)


@pytest.mark.django_db
def test_imports_a_list_with_every_column(tmp_path):
    make_wallet()
    path = write(
        tmp_path,
        "Mã KH;SĐT;Họ tên;email;Ngày sinh;Giới tính;province;joined_at;zalo_user_id;"
        "follows_oa;consent;tags;hạng;Điểm;points_expire_on\n"
        "C1;912345678;Nguyễn Thị Mai;mai@example.com;06/05/1994;Nữ;Đà Nẵng;05/01/2025;"
        "7001;có;1;VIP|Quận 1;Vàng;1.250;31/12/2099\n",
    )
    report = run(path)
    assert counts(report) == (1, 1, 1, 0, 0, 0, 1250)
    assert report["notices"] == ["The column “tier” is ignored: there are no tiers yet."]
    member = Member.objects.get(code="C1")
    assert (member.name, member.gender, member.province) == (
        "Nguyễn Thị Mai",
        "female",
        "Đà Nẵng",
    )
    assert member.birth_date == date(1994, 5, 6)
    assert member.joined_at == datetime(2025, 1, 5, 5, 0, tzinfo=UTC)
    assert member.follows_oa
    assert Identifier.objects.get(kind="phone").value == "+84912345678"
    assert Identifier.objects.get(kind="zalo").value == "7001"
    assert Consent.objects.get().source == "import:file"
    tags = MemberTag.objects.order_by("tag__code").values_list("tag__code", flat=True)
    assert list(tags) == ["quan-1", "vip"]
    lot = Lot.objects.get()
    assert (lot.remaining, lot.expires_on) == (1250, date(2099, 12, 31))
    assert Transfer.objects.get().kind == "opening"


@pytest.mark.django_db
def test_the_same_file_again_changes_nothing(tmp_path):
    make_wallet()
    path = write(tmp_path, "member_id,phone,points\nC1,0912345678,100\nC2,,\n")
    assert counts(run(path)) == (2, 2, 2, 0, 0, 0, 100)
    members = list(Member.objects.order_by("pk").values())
    assert counts(run(path)) == (2, 2, 0, 0, 2, 0, 0)
    assert list(Member.objects.order_by("pk").values()) == members
    assert Transfer.objects.count() == 1


@pytest.mark.django_db
def test_a_dry_run_says_the_same_and_keeps_nothing(tmp_path):
    make_wallet()
    path = write(tmp_path, "member_id,points\nC1,100\nC1,100\n,5\n")
    assert counts(run(path, "--dry-run")) == (3, 1, 1, 0, 1, 1, 100)
    assert not Member.objects.exists()
    assert not Transfer.objects.exists()
    assert counts(run(path)) == (3, 1, 1, 0, 1, 1, 100)


@pytest.mark.django_db
def test_bad_rows_go_to_a_file_with_their_reasons(tmp_path):
    make_wallet()
    path = write(
        tmp_path,
        "member_id,phone,birth_date,consent,points,points_expire_on,gender\n"
        "C1,0912345678,,,,,\n"
        "C2,0912345678,,,,,\n"
        "C3,12345,,,,,\n"
        "C4,,31/02/2000,,,,\n"
        "C5,,,maybe,,,\n"
        "C6,,,,-5,,\n"
        "C7,,,,1.5,,\n"
        "C8,,,,5,01/01/2020,\n"
        "C9,,,,,,woman\n"
        "C10,\n"
        ",,,,,,male\n"
        'C11,"0987654321,,,,,\n'
        "C12,0987654321,,,,,\n",
    )
    report = run(path)
    assert counts(report) == (13, 2, 2, 0, 0, 11, 0)
    assert set(Member.objects.values_list("code", flat=True)) == {"C1", "C12"}
    assert report["reject_file"] == str(tmp_path / "members.rejected.csv")
    with (tmp_path / "members.rejected.csv").open(encoding="utf-8-sig") as file:
        rejects = {row["rejected_row"]: row["reason"] for row in csv.DictReader(file)}
    assert rejects == {
        "3": "0912 345 678 belongs to member C1. Correct the one or the other.",
        "4": "“12345” is no Vietnamese mobile number. Write it like 0912 345 678.",
        "5": "“31/02/2000” is no date. "
        "Write 2026-12-31 or 31/12/2026, with 09:30 behind it.",
        "6": "“maybe” in consent is neither yes nor no. Write yes or no.",
        "7": "“-5” in points cannot be. Write a number from 0 to a trillion.",
        "8": "“1.5” in points is no whole number. Write 1250.",
        "9": "01/01/2020 in points_expire_on has passed. Leave these points out.",
        "10": "“woman” in gender is unknown. Write female, male or other.",
        "11": "The row has 2 cells; the header has 7.",
        "12": "A member needs a member code or a phone number.",
        "13": "The row cannot be read. Check its quotation marks.",
    }


@pytest.mark.django_db
def test_another_opening_balance_is_for_a_person_to_decide(tmp_path):
    make_wallet()
    run(write(tmp_path, "member_id,points\nC1,100\n"))
    path = write(tmp_path, "member_id,name,points\nC1,Mai,200\nC2,Binh,5\nC2,Binh,6\n")
    assert counts(run(path)) == (3, 1, 1, 0, 0, 2, 5)
    reasons = (tmp_path / "members.rejected.csv").read_text("utf-8-sig")
    assert "This member came with 100 points before. Adjust them by hand." in reasons
    assert "This member came with 5 points before." in reasons
    assert Member.objects.get(code="C1").name == ""


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        ("", "is empty"),
        ("name\nMai\n", "lacks the column member_id or phone. It has: name."),
        ("\0\1\2\3", "is no CSV or XLSX file"),
        ('{"members": []}', "lacks the column"),
        ("member_id,points\nC1,5\n", "Run setup_programme first"),
    ],
)
def test_refuses_a_file_that_is_no_list_of_members(tmp_path, content, sentence):
    with pytest.raises(CommandError, match=sentence):
        run(write(tmp_path, content))
    assert not Member.objects.exists()


@pytest.mark.django_db
def test_an_unknown_column_is_named_and_the_rest_goes_on(tmp_path):
    report = run(write(tmp_path, "member_id,shoe_size\nC1,38\n"))
    assert report["new"] == 1
    assert report["notices"] == [
        "The column “shoe_size” is unknown and ignored. Use --map shoe_size=FIELD."
    ]


@pytest.mark.django_db
def test_the_source_stands_beside_the_consent(tmp_path):
    path = write(tmp_path, "member_id,consent\nA1,yes\n")
    run(path, "--source", "crm")
    assert Consent.objects.get().source == "import:crm"


@pytest.mark.django_db
def test_columns_can_be_mapped(tmp_path):
    path = write(tmp_path, "Kunde,Tel\nC1,0912345678\n")
    assert run(path, "--map", "Kunde=member_id", "--map", "Tel=phone")["new"] == 1
    assert Member.objects.get().code == "C1"


@pytest.mark.django_db
def test_people_read_plain_numbers(tmp_path):
    out = StringIO()
    path = write(tmp_path, HEADER + "C1,0912345678,1,,0\nC2,12,,,\n")
    call_command("import_members", str(path), stdout=out)
    lines = [line.split() for line in out.getvalue().splitlines()]
    assert ["new", "1"] in lines
    assert lines[-1][-1].endswith("members.rejected.csv")


@pytest.mark.django_db(transaction=True)
def test_a_killed_import_is_simply_started_again(
    scratch: Callable[[], Database], tmp_path: Path
) -> None:
    """Kill it once it has kept something; the second run ends with every row."""
    database = scratch()
    path = write(
        tmp_path,
        HEADER + "".join(f"C{i},09{10_000_000 + i},1,,0\n" for i in range(20_000)),
    )
    command = ("manage.py", "import_members", str(path), "--json")
    with started(database, *command) as first:
        _wait_until_something_is_kept(database, first)
    kept = database.count("members_member")
    assert 0 < kept < 20_000
    assert kept % 1000 == 0
    report = json.loads(run_program(database, *command))
    assert counts(report) == (20_000, 20_000, 20_000 - kept, 0, kept, 0, 0)
    assert database.count("members_member") == 20_000


def _wait_until_something_is_kept(database: Database, process: Process) -> None:
    deadline = time.monotonic() + 60
    while not database.count("members_member"):
        assert process.is_running(), "the import ended before it could be killed"
        assert time.monotonic() < deadline
        time.sleep(0.02)
