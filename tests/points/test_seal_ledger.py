"""Sealing: what is final gets a link of the chain, once, in whatever rhythm."""

from __future__ import annotations

import hashlib
import json
import logging
from datetime import UTC, date, datetime, timedelta
from io import StringIO
from typing import Any

import pytest
from django.core.management import call_command
from django.db import IntegrityError, transaction
from django.utils import timezone
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from core.batch import execute
from members.models import Member
from points import sealing
from points.audit import verify_ledger
from points.models import EarnRule, LedgerSeal, Lot, LotDraw, Transfer
from points.seal_check import CHANGED, check_seals
from points.sealing import BEFORE_ALL, NO_HEAD, read_rows, seal_ledger
from points.services import reverse_transfer, spend_points
from tests.factories import make_earn_rule, make_wallet
from tests.points.helpers import give, lift_guards

LATER = timedelta(minutes=11)


@pytest.fixture(autouse=True)
def rule(mai: Member, binh: Member, now: datetime) -> EarnRule:
    """Six movements with lots, draws and a reversal."""
    rule = make_earn_rule(wallet=make_wallet())
    give(mai, 50, "a", now, date(2026, 12, 31))
    give(binh, 20, "b", now)
    spent = spend_points(member=mai, amount=30, key="gift", at=now)
    reverse_transfer(transfer=spent, key="back", at=now)
    give(mai, 7, "c", now)
    spend_points(member=binh, amount=5, key="gift-2", at=now)
    return rule


def seal(block: int = sealing.BLOCK) -> sealing.Sealing:
    return seal_ledger(at=timezone.now() + LATER, block=block)


def chain() -> list[LedgerSeal]:
    return list(LedgerSeal.objects.order_by("number"))


def test_a_seal_covers_what_is_final() -> None:
    done = seal()

    (only,) = chain()
    ids = list(Transfer.objects.order_by("pk").values_list("pk", flat=True))
    assert (done.seals, done.transfers, done.head) == (1, 6, only.head)
    assert (only.number, only.first_id, only.last_id) == (1, ids[0], ids[-1])
    assert (only.num_transfers, only.points_moved) == (6, 50 + 20 + 30 + 30 + 7 + 5)
    assert only.previous == NO_HEAD
    assert sealing.unpack_ids(only.transfer_ids) == ids
    assert len(only.marks) == 6 * sealing.MARK_BYTES


def test_what_was_just_written_waits_ten_minutes() -> None:
    first = Transfer.objects.earliest("pk")

    early = seal_ledger(at=first.created_at + timedelta(minutes=9, seconds=59))
    assert (early.seals, early.transfers, early.head) == (0, 0, "")

    late = seal_ledger(at=timezone.now() + timedelta(minutes=10, seconds=1))
    assert (late.seals, late.transfers) == (1, 6)


def test_a_young_row_keeps_later_ones_waiting(mai: Member) -> None:
    """Ids are dealt out before they are committed: nothing is sealed past a gap in time."""
    old = dict.fromkeys(("happened_at", "created_at"), datetime(2026, 3, 1, tzinfo=UTC))
    last = Transfer.objects.latest("pk")
    Transfer.objects.bulk_create([copy_of(last, key="late", **old)])

    assert seal_ledger(at=timezone.now()).transfers == 0
    assert seal().transfers == 7


def copy_of(transfer: Transfer, **changes: Any) -> Transfer:
    fields = {
        field.attname: getattr(transfer, field.attname)
        for field in Transfer._meta.concrete_fields
        if field.name != "id"
    }
    return Transfer(**fields | changes)


def test_a_repeat_seals_nothing_twice() -> None:
    first = seal()

    again = seal()

    assert (again.seals, again.transfers, again.head) == (0, 0, first.head)
    assert len(chain()) == 1


def test_blocks_are_bounded_and_follow_each_other() -> None:
    done = seal(block=4)

    first, second = chain()
    assert (done.seals, done.transfers, done.head) == (2, 6, second.head)
    assert (first.num_transfers, second.num_transfers) == (4, 2)
    assert (second.number, second.previous) == (2, first.head)
    assert second.first_id > first.last_id


def test_a_run_that_stopped_is_taken_up_where_it_was(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    write = sealing._write

    def stop_at_the_third(last: LedgerSeal | None, *rest: Any) -> LedgerSeal | None:
        if last and last.number == 2:
            raise KeyboardInterrupt
        return write(last, *rest)

    monkeypatch.setattr(sealing, "_write", stop_at_the_third)
    with pytest.raises(KeyboardInterrupt):
        seal(block=2)
    monkeypatch.undo()

    done = seal(block=2)

    assert (done.seals, done.transfers) == (1, 2)
    assert [one.num_transfers for one in chain()] == [2, 2, 2]
    assert check_seals(most=9).differences == []


def test_who_loses_the_race_goes_on_after_the_winner(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Someone else adds the very link between our reading and our writing."""
    write = sealing._write

    def be_second(last: LedgerSeal | None, *rest: Any) -> LedgerSeal | None:
        if last is None:
            assert write(last, *rest)
        return write(last, *rest)

    monkeypatch.setattr(sealing, "_write", be_second)

    done = seal(block=4)

    assert (done.seals, done.transfers) == (1, 2)
    assert [one.num_transfers for one in chain()] == [4, 2]
    assert check_seals(most=9).sealed == 6


def test_each_seal_tells_its_head_in_the_log(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, logger="points.sealing")

    head = seal().head

    (line,) = (r.getMessage() for r in caplog.records if r.name == "points.sealing")
    assert line == f"Ledger seal 1: 6 transfers through {chain()[0].last_id}, head {head}"


def test_the_command_tells_the_head() -> None:
    head = seal(block=4).head
    out = StringIO()

    call_command("seal_ledger", "--json", stdout=out)
    assert json.loads(out.getvalue()) == {"seals": 0, "transfers": 0, "head": head}

    call_command("seal_ledger", stdout=out)
    assert out.getvalue().endswith(f"0 transfers under 0 new seals.\nHead: {head}\n")


@pytest.mark.parametrize(
    "sql",
    [
        "UPDATE points_ledgerseal SET points_moved = 0",
        "DELETE FROM points_ledgerseal",
        "UPDATE points_ledgerseal SET number = number + 1",
    ],
)
def test_a_seal_is_never_changed(sql: str) -> None:
    seal()
    before = LedgerSeal.objects.values().get()

    with pytest.raises(IntegrityError, match="append-only"), transaction.atomic():
        execute(sql)

    assert LedgerSeal.objects.values().get() == before


# --- The text of a transfer -------------------------------------------------------------


def test_both_databases_write_the_same_text(rule: EarnRule) -> None:
    """What is sealed on one database has to hold after a move to the other."""
    last = Transfer.objects.latest("pk")
    transfer = copy_of(
        last,
        pk=10**6,
        key="ord:khách | 'x'",
        happened_at=datetime(2026, 3, 2, 12, 0, 0, 120_000, tzinfo=UTC),
        created_at=datetime(2026, 3, 2, 12, 0, 5, tzinfo=UTC),
        source_type="order",
        source_id=77,
        rule_id=rule.pk,
        rule_version=1,
        reason="goodwill",
        note="Nguyễn Thị Mai",
        actor="staff",
    )
    Transfer.objects.bulk_create([transfer])
    owner = last.from_account_id
    Lot.objects.bulk_create(
        Lot(
            pk=pk,
            account_id=owner,
            transfer=transfer,
            amount=pk,
            remaining=1,
            expires_on=day,
        )
        for pk, day in ((9002, date(2027, 1, 31)), (9001, None))
    )
    LotDraw.objects.bulk_create(
        [LotDraw(pk=8001, transfer=transfer, lot_id=9001, amount=-3)]
    )

    (row,) = read_rows(after=10**6 - 1, through=10**6)

    text = (
        f"1000000|{owner}|{last.to_account_id}|5|"
        "2026-03-02 12:00:00.120000|2026-03-02 12:00:05.000000|"
        f"77|{rule.pk}|1|||5:spend|5:order|8:goodwill|15:ord:khách | 'x'|"
        f"9001|{owner}|9001|,9002|{owner}|9002|2027-01-31|8001|9001|-3"
    )
    assert row.digest == hashlib.sha256(text.encode()).digest()


def test_a_note_and_a_name_can_be_taken_out_without_breaking_a_seal() -> None:
    seal()
    lift_guards()

    assert Transfer.objects.update(note="", actor="erased") == 6

    assert check_seals(most=9).differences == []


def test_what_is_left_of_a_lot_is_no_part_of_a_seal(mai: Member, now: datetime) -> None:
    seal()

    spend_points(member=mai, amount=20, key="gift-3", at=now)

    assert check_seals(most=9).differences == []
    assert seal().transfers == 1
    assert verify_ledger().ok


# --- Any rhythm -------------------------------------------------------------------------


@settings(
    max_examples=25,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(
    rhythm=st.lists(
        st.tuples(st.integers(0, 4), st.integers(1, 5)), min_size=1, max_size=6
    ),
    target=st.integers(0, 5),
)
def test_any_rhythm_gives_the_same_verdict(
    mai: Member, now: datetime, rhythm: list[tuple[int, int]], target: int
) -> None:
    """Postings and seals in any order and block size: all is sealed once, and holds."""
    with transaction.atomic():
        written = 6
        for step, (postings, block) in enumerate(rhythm):
            for number in range(postings):
                give(mai, 3, f"more:{step}:{number}", now)
            written += postings
            seal(block=block)

        check = check_seals(known_head=chain()[0].head, most=9)
        assert (check.sealed, check.differences) == (written, [])
        assert [r.id for r in read_rows(after=BEFORE_ALL, through=2**63 - 1)] == [
            pk for one in chain() for pk in sealing.unpack_ids(one.transfer_ids)
        ]

        lift_guards()
        changed = Transfer.objects.order_by("pk")[target].pk
        Transfer.objects.filter(pk=changed).update(happened_at=now - timedelta(days=1))
        (difference,) = check_seals(most=9).differences
        assert (difference["rule"], difference["transfer"]) == (CHANGED, changed)
        transaction.set_rollback(True)
