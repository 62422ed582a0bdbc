"""Codes in bulk in the console: asked for, uploaded, watched, downloaded, withdrawn."""

from __future__ import annotations

import csv
import io
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import User
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.urls import reverse
from django.utils import timezone
from openpyxl import load_workbook

from core.models import ChangeRequest
from members.models import Member
from rewards import tasks
from rewards.admin import batch_acts, batch_page
from rewards.batches import claim_batch, stop_batch, upload_codes
from rewards.models import UploadedCode, Voucher, VoucherBatch, VoucherType
from tests.console import allow, num_queries
from tests.rewards.batches.helpers import ask, codes_of, done, made, pooled, write_list
from tests.rewards.helpers import make_voucher_type

pytestmark = pytest.mark.django_db

LIST = reverse("admin:rewards_voucherbatch_changelist")
MAKE = reverse("admin:rewards_voucherbatch_make")
UPLOAD = reverse("admin:rewards_voucherbatch_upload")
SHARE = reverse("admin:rewards_voucherbatch_share")


@pytest.fixture(autouse=True)
def nudged(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What the console announced to the worker."""
    calls: list[str] = []
    for door in ("asking_pages", "batch_acts"):
        monkeypatch.setattr(f"rewards.admin.{door}.nudge_batches", lambda: calls.append(""))
    return calls


@pytest.fixture
def pool(db: None) -> VoucherType:
    return make_voucher_type(
        "grab",
        name="Grab 50K",
        codes="pool",
        prefix="GR",
        terms={"kind": "amount", "amount": "50000"},
    )


def address(batch: VoucherBatch, name: str = "change") -> str:
    return reverse(f"admin:rewards_voucherbatch_{name}", args=[batch.pk])


def text(client: Client, where: str, **asked: Any) -> str:
    response = client.get(where, asked)
    assert response.status_code == 200
    return response.content.decode()


def wish(voucher_type: VoucherType, **fields: Any) -> dict[str, Any]:
    told = {"voucher_type": voucher_type.pk, "size": 500, "name": "Tết", "key": "click"}
    return told | fields


def seen(response: Any) -> str:
    """Return the mark of what was shown, as the browser sends it back."""
    return str(response.context["form"]["seen"].value())


# --- making -----------------------------------------------------------------------------


def test_codes_are_made_after_their_consequences_were_read(
    console: Client, pool: VoucherType, staff: User, nudged: list[str]
) -> None:
    assert "before anything is made you read here" in text(console, MAKE)

    looked = console.post(MAKE, wish(pool))

    said = looked.content.decode()
    assert "500 codes of “Grab 50K”, worth 25.000.000 ₫ at most." in said
    assert "They look like GR" in said
    assert "They wait in the pool until members are given them." in said
    # 25 ** 10 // 500
    assert "A guess meets one of them once in 190.734.863.281." in said
    assert not VoucherBatch.objects.exists()

    response = console.post(MAKE, wish(pool, act="1", seen=seen(looked)))

    batch = VoucherBatch.objects.get()
    assert response["Location"] == address(batch)
    assert (batch.size, batch.name, batch.asked_by) == (500, "Tết", staff)
    assert nudged == [""]
    assert LogEntry.objects.get().change_message == "500 codes asked for"

    again = console.post(MAKE, wish(pool, act="1", seen=seen(looked)))
    assert again["Location"] == address(batch)
    assert VoucherBatch.objects.count() == 1


def test_what_was_not_seen_is_not_made(console: Client, pool: VoucherType) -> None:
    looked = console.post(MAKE, wish(pool))

    changed = console.post(MAKE, wish(pool, size=5000, act="1", seen=seen(looked)))
    unseen = console.post(MAKE, wish(pool, act="1"))

    assert "5.000 codes of “Grab 50K”" in changed.content.decode()
    assert unseen.status_code == 200
    assert not VoucherBatch.objects.exists()


def test_days_are_whole_days(console: Client, pool: VoucherType) -> None:
    days = {"first_day": "2027-01-01", "last_day": "2027-01-31"}
    looked = console.post(MAKE, wish(pool, **days))
    assert "Usable from 01/01/2027 through 31/01/2027." in looked.content.decode()

    console.post(MAKE, wish(pool, act="1", seen=seen(looked), **days))

    batch = VoucherBatch.objects.get()
    zone = "%Y-%m-%d %H:%M"
    local = [timezone.localtime(at) for at in (batch.valid_from, batch.valid_until) if at]
    assert [f"{at:{zone}}" for at in local] == ["2027-01-01 00:00", "2027-02-01 00:00"]


def test_refusals_stand_above_the_form(console: Client) -> None:
    short = make_voucher_type(codes="pool", length=6)
    refused = console.post(MAKE, wish(short, size=245)).content.decode()
    assert "to 7 or more" in refused

    bound = make_voucher_type("bound", codes="generated")
    refused = console.post(MAKE, wish(bound)).content.decode()
    assert "Printed codes have no owner" in refused
    assert "What happens then" in refused
    assert not VoucherBatch.objects.exists()


def test_many_codes_go_to_a_second_person(
    console: Client, pool: VoucherType, nudged: list[str]
) -> None:
    VoucherType.objects.update(approval_above=100)
    looked = console.post(MAKE, wish(pool))
    said = looked.content.decode()
    assert "Above 100 a day a second person has to approve it first." in said
    assert "Ask a second person" in said

    response = console.post(MAKE, wish(pool, act="1", seen=seen(looked)), follow=True)

    assert "a second person has to approve this" in response.content.decode()
    request = ChangeRequest.objects.get()
    assert request.summary == ("Tết: 500 codes of “Grab 50K”, worth 25.000.000 ₫ at most")
    assert not VoucherBatch.objects.exists()
    assert nudged == []


def test_only_who_may_add_batches_asks(
    helper: User, helper_console: Client, pool: VoucherType
) -> None:
    allow(helper, "view_voucherbatch")
    for page in (MAKE, UPLOAD, SHARE):
        assert helper_console.get(page).status_code == 403
        assert helper_console.post(page, wish(pool)).status_code == 403
    listed = text(helper_console, LIST)
    assert "to-make" not in listed
    assert not VoucherBatch.objects.exists()


# --- the list and the page --------------------------------------------------------------


def test_the_list_looks_again_while_something_is_under_way(
    console: Client, pool: VoucherType
) -> None:
    batch = ask(pool, 500, timezone.now())
    VoucherBatch.objects.update(made=120)

    listed = text(console, LIST)
    assert 'max="500" value="120"' in listed
    assert "24,0 %" in listed
    assert 'hx-trigger="every 3s"' in listed

    VoucherBatch.objects.update(made=0)
    done(batch)
    listed = text(console, LIST)
    assert "every 3s" not in listed
    assert 'id="batches-live"' in listed
    assert "500" in listed


def test_pools_that_run_low_carry_a_badge(console: Client, pool: VoucherType) -> None:
    made(pool, 12, timezone.now())
    assert "only 12 left" not in text(console, LIST)

    VoucherType.objects.update(low_codes=12)

    assert "only 12 left" in text(console, LIST)


def test_the_list_costs_the_same_however_long_it_is(
    console: Client, pool: VoucherType
) -> None:
    now = timezone.now()
    VoucherType.objects.update(low_codes=500)
    made(pool, 5, now)
    few = num_queries(console, LIST)
    for number in range(4):
        made(make_voucher_type(f"type{number}", codes="pool", low_codes=9), 5, now)

    assert num_queries(console, LIST) == few


def test_the_page_refreshes_itself_until_it_is_done(
    console: Client, pool: VoucherType
) -> None:
    batch = ask(pool, 500, timezone.now())
    said = text(console, address(batch))
    assert "Handed to the background worker." in said
    assert 'hx-trigger="every 2s"' in said

    claim_batch(batch.pk)
    VoucherBatch.objects.update(made=100, started_at=timezone.now() - timedelta(minutes=1))
    said = text(console, address(batch))
    assert "100 of 500 codes" in said
    assert "About 4 minutes left." in said
    assert "In the pool" not in said, "nothing is counted while it is made"

    VoucherBatch.objects.update(made=0, leased_until=None)
    done(batch)
    said = text(console, address(batch))
    assert "every 2s" not in said
    assert "In the pool" in said


def test_the_figures_add_up_and_lead_to_the_vouchers(
    console: Client, pool: VoucherType, mai: Member
) -> None:
    batch = made(pool, 10, timezone.now())
    rows = list(batch.vouchers.values_list("pk", flat=True))
    Voucher.objects.filter(pk__in=rows[:3]).update(state="issued", member=mai)
    Voucher.objects.filter(pk=rows[0]).update(uses=1)

    response = console.get(address(batch))

    tiles = {tile.title: tile.value for tile in response.context["tiles"]}
    assert tiles == {
        "Codes": "10",
        "In the pool": "7",
        "Given out": "2",
        "Used": "1",
        "Expired unused": "0",
        "Cancelled": "0",
    }
    used = response.context["tiles"][3].address
    found = console.get(used).context["cl"].result_list
    assert [voucher.pk for voucher in found] == [rows[0]]


def test_one_statement_counts_all_figures(console: Client, pool: VoucherType) -> None:
    small, large = made(pool, 3, timezone.now()), made(pool, 300, timezone.now())

    assert num_queries(console, address(small)) == num_queries(console, address(large))


def test_stopped_and_continued(
    console: Client, pool: VoucherType, nudged: list[str]
) -> None:
    batch = ask(pool, 500, timezone.now())

    said = console.post(address(batch, "stop"), follow=True).content.decode()
    assert "The batch is stopped." in said
    assert "it can go on, or the rest can be withdrawn" in said
    assert (
        "not under way"
        in console.post(address(batch, "stop"), follow=True).content.decode()
    )

    said = console.post(address(batch, "continue"), follow=True).content.decode()
    assert "The batch goes on." in said
    assert nudged == [""]
    acts = LogEntry.objects.order_by("pk").values_list("change_message", flat=True)
    assert list(acts) == ["stop", "continue"]


@pytest.mark.parametrize("name", ["stop", "continue", "take_in", "discard"])
def test_acts_are_posted_by_who_may(
    console: Client, helper: User, helper_console: Client, pool: VoucherType, name: str
) -> None:
    batch = ask(pool, 5, timezone.now())
    allow(helper, "view_voucherbatch")

    assert console.get(address(batch, name)).status_code == 403
    assert helper_console.post(address(batch, name)).status_code == 403
    batch.refresh_from_db()
    assert batch.state == "running"


def test_a_failure_says_what_to_do(console: Client, pool: VoucherType) -> None:
    batch = ask(pool, 5, timezone.now())
    VoucherBatch.objects.update(state="failed", error="OSError('no disk')")

    said = text(console, address(batch))

    assert "it can go on from there" in said
    assert "OSError(&#x27;no disk&#x27;)" in said
    assert address(batch, "continue") in said


# --- uploading --------------------------------------------------------------------------


def send(client: Client, voucher_type: VoucherType, *lines: str, **fields: Any) -> Any:
    file = SimpleUploadedFile("urbox.csv", "\n".join(lines).encode())
    told = {"voucher_type": voucher_type.pk, "file": file, "name": "", "last_day": ""}
    return client.post(UPLOAD, told | fields)


def test_a_list_is_looked_at_and_then_taken_in(
    console: Client, pool: VoucherType, staff: User, nudged: list[str]
) -> None:
    pooled(pool, "KNOWN1")
    assert "save the column as text" in text(console, UPLOAD)

    response = send(
        console, pool, "code", "ub-0001", "UB-0002", "UB 0001", "KNOWN1", "TẾT", "A!", "B!"
    )

    draft = VoucherBatch.objects.get()
    assert response["Location"] == address(draft)
    assert (draft.name, draft.asked_by) == ("urbox", staff)
    page = console.get(address(draft))
    said = page.content.decode()
    assert [tile.value for tile in page.context["tiles"]] == ["2", "1", "4"]
    assert "Take in 2 codes" in said
    assert "2 codes of “Grab 50K”, worth 100.000 ₫ at most." in said
    assert [row["number"] for row in page.context["rows"]] == list(range(2, 9))
    reasons = [
        (reason["count"], [row["number"] for row in reason["rows"]])
        for reason in page.context["reasons"]
    ]
    assert reasons == [("3", [6, 7, 8]), ("1", [4])]
    assert '<td class="is-text console-code">ub-0001</td>' in said
    assert Voucher.objects.count() == 1

    console.post(address(draft, "take_in"))
    assert nudged == [""]
    tasks.run_batches()

    said = text(console, address(draft))
    assert codes_of(draft) == ["UB0001", "UB0002"]
    assert "Refused rows as a file: 4" in said


def test_a_list_with_nothing_new(console: Client, pool: VoucherType) -> None:
    pooled(pool, "KNOWN1")
    send(console, pool, "code", "KNOWN1")
    draft = VoucherBatch.objects.get()

    said = text(console, address(draft))

    assert "There is nothing new in this list." in said
    assert address(draft, "take_in") not in said
    refused = console.post(address(draft, "take_in"), follow=True).content.decode()
    assert "there is nothing new in it" in refused


def test_a_list_can_be_forgotten(console: Client, pool: VoucherType) -> None:
    send(console, pool, "code", "UB0001")
    draft = VoucherBatch.objects.get()

    response = console.post(address(draft, "discard"))

    assert response["Location"] == LIST
    assert not VoucherBatch.objects.exists()
    assert not UploadedCode.objects.exists()
    last = LogEntry.objects.order_by("pk").last()
    assert last is not None
    assert (last.change_message, last.object_repr) == ("discard", "urbox")


def test_a_large_list_waits_for_a_second_person(
    console: Client, pool: VoucherType, nudged: list[str]
) -> None:
    VoucherType.objects.update(approval_above=1)
    send(console, pool, "code", "UB0001", "UB0002")
    draft = VoucherBatch.objects.get()

    said = console.post(address(draft, "take_in"), follow=True).content.decode()

    assert "Nothing is taken in yet" in said
    assert "Waits for a second person" in said
    assert address(draft, "take_in") not in said
    assert ChangeRequest.objects.get().payload == {"batch": draft.pk, "size": 2}


@pytest.mark.parametrize(
    ("lines", "said"),
    [
        (("Coupon number", "AB12"), "The first row must name the columns."),
        (("",), "is empty"),
    ],
)
def test_files_that_are_no_lists(
    console: Client, pool: VoucherType, lines: tuple[str, ...], said: str
) -> None:
    assert said in send(console, pool, *lines).content.decode()
    assert not VoucherBatch.objects.exists()


def test_a_file_that_is_too_large(
    console: Client, pool: VoucherType, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("rewards.admin.batch_forms.MAX_BYTES", 10)

    assert "larger than 20 MB" in send(console, pool, "code", "UB0001").content.decode()
    assert not VoucherBatch.objects.exists()


@pytest.mark.parametrize(
    ("name", "shown"),
    [("../../etc/urbox.csv", "urbox"), (f"{'ấ' * 200}.csv", "ấ" * 56)],
)
def test_names_of_files_do_no_harm(
    console: Client, pool: VoucherType, name: str, shown: str
) -> None:
    file = SimpleUploadedFile("x", b"code\nUB0001\n")
    file._name = name

    send(console, pool, file=file)

    assert VoucherBatch.objects.get().name == shown


@pytest.mark.parametrize("day", ["0001-01-01", "9999-12-31"])
def test_days_beyond_all_clocks_are_refused(
    console: Client, pool: VoucherType, day: str
) -> None:
    for field in ("first_day", "last_day"):
        response = console.post(MAKE, wish(pool, **{field: day}))
        assert response.context["form"].errors[field]
    assert send(console, pool, "code", "UB0001", last_day=day).status_code == 200
    assert not VoucherBatch.objects.exists()


def test_refused_rows_can_be_corrected_and_sent_again(
    console: Client, pool: VoucherType, tmp_path: Path
) -> None:
    send(console, pool, "code", "UB0001", "=UB!", "A")
    draft = VoucherBatch.objects.get()

    response = console.get(address(draft, "refused"))

    lines = b"".join(response.streaming_content).decode("utf-8-sig").splitlines()
    assert list(csv.reader(lines)) == [
        ["code", "rejected_row", "reason"],
        ["'=UB!", "3", "A code has only letters from A to Z, digits and dashes."],
        ["A", "4", "A code needs at least 4 letters or digits."],
    ]
    again = write_list(tmp_path, *lines)
    second = upload_codes(again, voucher_type=pool, name="", at=timezone.now())
    assert (second.size, second.num_rejected) == (0, 2)


# --- one code for everyone --------------------------------------------------------------


def test_a_code_is_shared_after_its_consequences_were_read(console: Client) -> None:
    tet = make_voucher_type(
        "tet", name="Tết", codes="shared", owner_only=False, uses_per_code=500
    )
    told = {"voucher_type": tet.pk, "code": "tet-2027", "key": "click"}

    looked = console.post(SHARE, told)
    said = looked.content.decode()
    assert "Whoever says TET2027 at a till gets “Tết”." in said
    assert "It can be used 500 times, by everyone together." in said
    assert not Voucher.objects.exists()

    response = console.post(SHARE, {**told, "act": "1", "seen": seen(looked)})

    voucher = Voucher.objects.get()
    assert voucher.code == "TET2027"
    assert response["Location"] == reverse(
        "admin:rewards_voucher_change", args=[voucher.pk]
    )
    assert LogEntry.objects.get().object_id == str(voucher.pk)

    refused = console.post(SHARE, {**told, "code": "TẾT"}).content.decode()
    assert "4 to 40 letters" in refused


# --- the codes as a file ----------------------------------------------------------------


def test_codes_leave_with_a_note_of_who_took_them(
    console: Client, pool: VoucherType, staff: User, mai: Member
) -> None:
    batch = made(pool, 3, timezone.now())
    first = batch.vouchers.order_by("pk")[0]
    Voucher.objects.filter(pk=first.pk).update(
        written_as="gr-1",
        state="issued",
        member=mai,
        # Midnight in Ho Chi Minh City.
        valid_from=datetime(2025, 12, 31, 17, tzinfo=UTC),
        valid_until=datetime(2030, 12, 31, 17, tzinfo=UTC),
    )

    response = console.get(address(batch, "codes"), {"kind": "csv"})

    lines = b"".join(response.streaming_content).decode("utf-8-sig").splitlines()
    rows = list(csv.reader(lines))
    assert rows[0] == ["code", "usable from", "usable through", "state"]
    assert rows[1] == ["gr-1", "2026-01-01", "2030-12-31", "can be used"]
    assert [row[0] for row in rows[2:]] == codes_of(batch)[1:]
    assert 'attachment; filename="grab-' in response["Content-Disposition"]
    entry = LogEntry.objects.get()
    assert (entry.user, entry.change_message) == (staff, "export of 3 codes (csv)")
    assert "export of 3 codes" in text(
        console, reverse("admin:rewards_voucherbatch_history", args=[batch.pk])
    )


def test_a_workbook_of_a_batch_that_is_not_too_large(
    console: Client, pool: VoucherType, monkeypatch: pytest.MonkeyPatch
) -> None:
    batch = made(pool, 3, timezone.now())

    response = console.get(address(batch, "codes"), {"kind": "xlsx"})

    sheet = load_workbook(io.BytesIO(response.content)).active
    assert [row[0].value for row in sheet.iter_rows(min_row=2)] == codes_of(batch)
    for module in (batch_acts, batch_page):
        monkeypatch.setattr(module, "SHEET_ROWS", 2)
    assert console.get(address(batch, "codes"), {"kind": "xlsx"}).status_code == 404
    assert console.get(address(batch, "codes"), {"kind": "exe"}).status_code == 404
    assert "Codes as XLSX" not in text(console, address(batch))


def test_looking_is_not_exporting(
    helper: User, helper_console: Client, pool: VoucherType
) -> None:
    batch = made(pool, 3, timezone.now())
    allow(helper, "view_voucherbatch")

    said = text(helper_console, address(batch))

    assert "Codes as CSV" not in said
    assert "Withdraw" not in said
    assert helper_console.get(address(batch, "codes")).status_code == 403
    assert helper_console.get(address(batch, "withdraw")).status_code == 403
    assert helper_console.get(address(batch, "refused")).status_code == 403
    assert not LogEntry.objects.exists()


# --- withdrawing ------------------------------------------------------------------------


def test_the_rest_is_withdrawn_after_its_number_was_read(
    console: Client, pool: VoucherType, mai: Member, nudged: list[str]
) -> None:
    batch = made(pool, 10, timezone.now())
    given = batch.vouchers.order_by("pk")[0]
    Voucher.objects.filter(pk=given.pk).update(state="issued", member=mai)

    page = text(console, address(batch, "withdraw"))
    assert "9 codes that nobody was given and nobody used stop working." in page
    assert "What members were given stays theirs." in page
    assert "Withdraw 9 codes" in page

    unsaid = console.post(address(batch, "withdraw"), {"because": " "})
    assert unsaid.status_code == 200
    assert not Voucher.objects.filter(state="cancelled").exists()

    console.post(address(batch, "withdraw"), {"because": "The flyers are late."})

    # So few are withdrawn at once.
    assert Voucher.objects.filter(state="cancelled").count() == 9
    assert nudged == []
    said = text(console, address(batch))
    assert "9 codes were withdrawn: The flyers are late." in said
    assert LogEntry.objects.get().change_message == "rest withdrawn: The flyers are late."


def test_many_are_withdrawn_by_a_worker(
    console: Client,
    pool: VoucherType,
    nudged: list[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(batch_acts, "AT_ONCE", 2)
    batch = made(pool, 3, timezone.now())

    console.post(address(batch, "withdraw"), {"because": "late"})

    assert nudged == [""]
    said = text(console, address(batch))
    assert "0 of 3 codes" in said
    assert 'hx-trigger="every 2s"' in said
    tasks.run_batches()
    assert "3 codes were withdrawn: late" in text(console, address(batch))


def test_nothing_left_to_withdraw(console: Client, pool: VoucherType) -> None:
    batch = made(pool, 3, timezone.now())
    batch.vouchers.update(state="cancelled")

    said = text(console, address(batch, "withdraw"))

    assert "There is nothing left that could be withdrawn." in said
    assert "Withdraw 0 codes" not in said


def test_a_batch_under_way_is_stopped_first(console: Client, pool: VoucherType) -> None:
    batch = ask(pool, 3, timezone.now())
    Voucher.objects.create(code="X1X1", voucher_type=pool, batch=batch, state="pooled")

    said = console.post(address(batch, "withdraw"), {"because": "late"}).content.decode()

    assert "Stop the batch first" in said
    stop_batch(batch)
    assert not Voucher.objects.filter(state="cancelled").exists()
