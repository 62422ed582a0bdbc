"""The proof: silent on a sound ledger, and it names what someone changed past the verbs."""

import json
from datetime import datetime, timedelta
from io import StringIO

import pytest
from django.core.management import CommandError, call_command
from django.utils import timezone

from members.models import Member
from points.audit import verify_ledger
from points.models import (
    Account,
    Hold,
    LedgerSeal,
    Lot,
    LotDraw,
    TakenBack,
    Transfer,
    Wallet,
)
from points.sealing import head_of, read_rows, seal_ledger
from points.services import (
    Grant,
    TakeBack,
    grant_points,
    reserve_points,
    spend_points,
    take_back,
)
from tests.factories import make_wallet
from tests.points.helpers import hold, lift_guards


@pytest.fixture(autouse=True)
def _some_history(mai: Member, binh: Member, now: datetime) -> None:
    make_wallet()
    grant_points(grants=[Grant(mai.pk, 50, "a"), Grant(binh.pk, 20, "b")], at=now)
    spend_points(member=mai, amount=30, key="gift", at=now)


def run(*options: str) -> tuple[int, dict[str, object]]:
    out = StringIO()
    try:
        call_command("verify_ledger", "--json", *options, stdout=out)
    except SystemExit as stop:
        return int(str(stop.code)), json.loads(out.getvalue())
    return 0, json.loads(out.getvalue())


def broken_rules() -> set[str]:
    return {str(difference["rule"]) for difference in verify_ledger().differences}


def test_a_sound_ledger_adds_up() -> None:
    code, answer = run()

    assert (code, answer["ok"], answer["differences"]) == (0, True, [])
    totals = answer["totals"]
    assert totals["transfers"] == 3
    assert totals["member_balances"] == 40
    assert (totals["account_opening"], totals["account_redeemed"]) == (-70, 30)


def test_a_changed_balance_is_named(mai: Member) -> None:
    Account.objects.filter(member=mai).update(balance=999)

    code, answer = run()

    assert code == 1
    difference = answer["differences"][0]
    assert difference["balance"] == 999
    assert difference["sum_of_transfers"] == 20
    assert len(broken_rules()) == 3


def test_a_changed_lot_is_named() -> None:
    Lot.objects.filter(transfer__key="b").update(remaining=19)
    assert broken_rules() == {
        "what remains in a member's lots is the balance (or nothing, when in debt)",
        "what remains in a lot is its amount less the draws on it",
    }


def test_a_changed_version_is_named(binh: Member) -> None:
    Account.objects.filter(member=binh).update(version=7)
    assert broken_rules() == {"the version of a member's account counts its transfers"}


def test_a_draw_that_nobody_made_is_named() -> None:
    gift, lot = Transfer.objects.get(key="gift"), Lot.objects.get(transfer__key="b")
    LotDraw.objects.create(transfer=gift, lot=lot, amount=5)
    assert "what was spent, expired or deducted was drawn from lots" in broken_rules()


def test_a_transfer_past_the_verbs_is_named(
    mai: Member, binh: Member, now: datetime
) -> None:
    accounts = Account.objects.filter(kind="member").order_by("member__code")
    Transfer.objects.create(
        key="stolen",
        kind="adjust",
        from_account=accounts[0],
        to_account=accounts[1],
        amount=10,
        happened_at=now,
    )
    assert "the balance of a member's account is the sum of its transfers" in broken_rules()


def test_a_forged_count_of_what_was_taken_back_is_named(now: datetime) -> None:
    gift = Transfer.objects.get(key="gift")
    take_back([TakeBack(gift.pk, 10, "back")], at=now)
    assert broken_rules() == set()

    TakenBack.objects.update(amount=30)

    assert broken_rules() == {
        "what was taken back of a transfer is what its reversals moved, and never more"
    }


def test_a_hold_that_nobody_released_is_named(mai: Member, now: datetime) -> None:
    hold(mai, 15, "wait", now, wallet=Wallet.objects.get())
    reserve_points(member=mai, amount=5, source="till", reference="1", at=now)
    assert broken_rules() == set()

    Hold.objects.update(remaining=0)

    assert broken_rules() == {
        "what the programme holds is held for members or reserved by tills"
    }


# --- Against the seals ------------------------------------------------------------------


def seal(block: int = 2) -> str:
    """Seal the three movements, two and one, and return the newest head."""
    return seal_ledger(at=timezone.now() + timedelta(minutes=11), block=block).head


def differences() -> list[dict[str, object]]:
    return verify_ledger().differences


def ids() -> list[int]:
    return list(Transfer.objects.order_by("pk").values_list("pk", flat=True))


def test_a_sealed_ledger_tells_how_much_is_sealed_and_its_head() -> None:
    assert run()[1] | {"totals": {}} == {
        "ok": True,
        "totals": {},
        "sealed": 0,
        "head": "",
        "differences": [],
    }
    head = seal()

    code, answer = run("--head", head)

    assert (code, answer["sealed"], answer["head"]) == (0, 3, head)


def test_the_head_of_any_seal_is_known_however_it_is_written() -> None:
    seal()
    first = LedgerSeal.objects.get(number=1).head
    groups = " ".join(first[i : i + 8] for i in range(0, 64, 8)).upper()

    assert run("--head", groups)[0] == 0


def test_a_head_that_is_none_is_refused() -> None:
    with pytest.raises(CommandError, match="64 letters a to f and digits"):
        run("--head", "abc")


def test_every_transfer_that_was_changed_is_named() -> None:
    seal()
    first, _second, third = ids()
    lift_guards()
    Transfer.objects.filter(pk=first).update(source_id=5)
    Transfer.objects.filter(pk=third).update(kind="expire")

    code, answer = run()

    assert code == 1
    rule = "a sealed transfer is what it was"
    assert answer["differences"] == [
        {"rule": rule, "transfer": first, "seal": 1},
        {"rule": rule, "transfer": third, "seal": 2},
    ]


def test_a_transfer_that_is_gone_is_named() -> None:
    head = seal()
    first, second, _third = ids()
    lift_guards()
    LotDraw.objects.filter(transfer_id=second).delete()
    Lot.objects.filter(transfer_id=second).delete()
    Transfer.objects.filter(pk=second)._raw_delete("default")

    named = [one for one in differences() if "seal" in one]

    rule = "a sealed transfer is still there"
    assert named == [{"rule": rule, "transfer": second, "seal": 1}]
    assert first < second
    assert verify_ledger(known_head=head).head == head


@pytest.mark.parametrize("place", ["before", "between"])
def test_a_transfer_that_came_in_between_is_named(place: str) -> None:
    last = Transfer.objects.latest("pk")
    lift_guards()
    # Leave out a number, as a transaction that was undone does.
    LotDraw.objects.filter(transfer_id=last.pk).update(transfer_id=last.pk + 1)
    Transfer.objects.filter(pk=last.pk).update(id=last.pk + 1)
    seal()
    last.pk, last.key = last.pk if place == "between" else -7, "new"
    Transfer.objects.bulk_create([last])

    named = [one for one in differences() if "seal" in one]

    rule = "no transfer comes between sealed ones"
    number = 2 if place == "between" else 1
    assert named == [{"rule": rule, "transfer": last.pk, "seal": number}]


def test_what_was_written_after_the_last_seal_is_no_difference(
    mai: Member, now: datetime
) -> None:
    seal()
    grant_points(grants=[Grant(mai.pk, 5, "later")], at=now)

    assert verify_ledger().ok
    assert verify_ledger().sealed == 3


def forge(seal: LedgerSeal, **changes: object) -> None:
    LedgerSeal.objects.filter(pk=seal.pk).update(**changes)


@pytest.mark.parametrize(
    "change",
    [
        {"points_moved": 1},
        {"num_transfers": 7},
        {"first_id": -5},
        {"last_id": 10**9},
        {"content": "0" * 64},
        {"marks": b"x" * 16},
        {"transfer_ids": b"x"},
        {"sealed_at": timezone.now()},
    ],
    ids=lambda change: next(iter(change)),
)
def test_a_seal_that_was_changed_is_named_and_has_no_say(change: dict[str, object]) -> None:
    seal()
    lift_guards()
    forge(LedgerSeal.objects.get(number=1), **change)

    assert differences() == [{"rule": "a seal is what it was", "seal": 1}]


def test_a_seal_that_is_gone_is_named() -> None:
    seal(block=1)
    lift_guards()
    LedgerSeal.objects.filter(number=2).delete()

    assert differences() == [{"rule": "no seal is missing", "seal": 2, "next": 3}]


def test_a_seal_made_anew_breaks_the_chain() -> None:
    """Who makes a seal to fit what they changed is found at the next one."""
    seal()
    lift_guards()
    first = LedgerSeal.objects.get(number=1)
    first.sealed_at += timedelta(hours=1)
    forge(first, sealed_at=first.sealed_at, head=head_of(first))

    rule = "each seal follows from the one before it"
    assert differences() == [{"rule": rule, "seal": 2}]


def test_a_row_made_to_fit_its_mark_is_found_by_the_whole() -> None:
    """A mark is eight bytes, so one could be met by trying; the block is bound in full."""
    seal()
    first, second, _third = ids()
    lift_guards()
    seal_row = LedgerSeal.objects.get(number=1)
    Transfer.objects.filter(pk=second).update(source_id=5)
    marks = seal_row.marks[:8] + _mark_now(second)
    seal_row.marks = marks
    forge(seal_row, marks=marks, head=head_of(seal_row))
    following = LedgerSeal.objects.get(number=2)
    following.previous = head_of(seal_row)
    forge(following, previous=following.previous, head=head_of(following))

    rule = "a sealed transfer is what it was"
    assert differences() == [{"rule": rule, "first": first, "last": second}]


def _mark_now(transfer_id: int) -> bytes:
    (row,) = read_rows(after=transfer_id - 1, through=transfer_id)
    return row.mark


def test_only_a_head_kept_outside_finds_who_rewrites_ledger_and_seals() -> None:
    head = seal()
    lift_guards()
    Transfer.objects.filter(pk=ids()[0]).update(source_id=5)
    LedgerSeal.objects.all().delete()
    seal()

    assert verify_ledger().ok
    code, answer = run("--head", head)
    rule = "the head that was kept outside is a seal of this ledger"
    assert (code, answer["differences"]) == (1, [{"rule": rule, "head": head}])


def test_no_more_is_named_than_fills_a_screen(monkeypatch: pytest.MonkeyPatch) -> None:
    seal()
    lift_guards()
    monkeypatch.setattr("points.audit.MOST_DIFFERENCES", 2)
    Transfer.objects.update(source_id=5)

    assert [one["transfer"] for one in differences()] == ids()[:2]


def test_the_screen_shows_how_much_is_sealed_and_the_head() -> None:
    head, out = seal(), StringIO()

    call_command("verify_ledger", stdout=out)

    lines = out.getvalue().splitlines()
    assert f"{'sealed':>20} {'3':>20}" in lines
    assert f"{'head':>20} {head}" in lines
    assert lines[-1] == "Every proof holds."
