"""The proof: silent on a sound ledger, and it names what someone changed past the verbs."""

import json
from datetime import datetime
from io import StringIO

import pytest
from django.core.management import call_command

from members.models import Member
from points.audit import verify_ledger
from points.models import (
    Account,
    Hold,
    Lot,
    LotDraw,
    TakenBack,
    Transfer,
    Wallet,
)
from points.services import (
    Grant,
    TakeBack,
    grant_points,
    reserve_points,
    spend_points,
    take_back,
)
from tests.factories import make_wallet
from tests.points.helpers import hold


@pytest.fixture(autouse=True)
def _some_history(mai: Member, binh: Member, now: datetime) -> None:
    make_wallet()
    grant_points(grants=[Grant(mai.pk, 50, "a"), Grant(binh.pk, 20, "b")], at=now)
    spend_points(member=mai, amount=30, key="gift", at=now)


def run() -> tuple[int, dict[str, object]]:
    out = StringIO()
    try:
        call_command("verify_ledger", "--json", stdout=out)
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
