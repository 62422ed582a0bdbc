"""Spending: first-expiring first, never below zero, once per key."""

from datetime import date, datetime, timedelta

import pytest
from django.db import transaction

from members.models import Member
from points.audit import verify_ledger
from points.errors import AmountOutOfRange, KeyReused, NotEnoughPoints
from points.ledger import Posting, post
from points.models import Account, Lot, LotDraw, Transfer
from points.queries import balances
from points.services import Grant, grant_points, spend_points
from points.services.accounts import default_wallet, lock_sides, member_accounts
from tests.factories import make_wallet


@pytest.fixture(autouse=True)
def _wallet(db: None) -> None:
    make_wallet()


def give(member: Member, amount: int, expires_on: date | None, at: datetime) -> None:
    grant_points(
        grants=[Grant(member.pk, amount, f"opening:{expires_on}", expires_on)], at=at
    )


def test_takes_what_expires_first(mai: Member, now: datetime) -> None:
    give(mai, 50, None, now)
    give(mai, 30, date(2026, 12, 31), now)
    give(mai, 20, date(2026, 6, 30), now)

    spend_points(member=mai, amount=45, key="gift:1", at=now)

    left = dict(Lot.objects.values_list("expires_on", "remaining"))
    assert left == {None: 50, date(2026, 12, 31): 5, date(2026, 6, 30): 0}
    assert balances([mai.pk]) == {mai.pk: 55}
    assert sorted(LotDraw.objects.values_list("amount", flat=True)) == [20, 25]
    assert verify_ledger().ok


def test_refuses_more_than_there_is(mai: Member, now: datetime) -> None:
    give(mai, 30, None, now)

    with pytest.raises(NotEnoughPoints) as refusal:
        spend_points(member=mai, amount=31, key="gift:1", at=now)

    assert (refusal.value.wanted, refusal.value.balance) == (31, 30)
    assert balances([mai.pk]) == {mai.pk: 30}
    assert Transfer.objects.count() == 1
    assert Lot.objects.get().remaining == 30


def test_does_not_spend_what_expired_yesterday(mai: Member, now: datetime) -> None:
    give(mai, 30, now.date() - timedelta(days=1), now)
    give(mai, 10, now.date(), now)

    with pytest.raises(NotEnoughPoints):
        spend_points(member=mai, amount=11, key="gift:1", at=now)
    spend_points(member=mai, amount=10, key="gift:2", at=now)

    assert balances([mai.pk]) == {mai.pk: 30}


def test_a_repeat_gives_back_the_first_transfer(mai: Member, now: datetime) -> None:
    give(mai, 30, None, now)

    first = spend_points(member=mai, amount=10, key="gift:1", at=now)
    again = spend_points(member=mai, amount=10, key="gift:1", at=now)

    assert first.pk == again.pk
    assert balances([mai.pk]) == {mai.pk: 20}


def test_a_key_cannot_stand_for_two_amounts(mai: Member, now: datetime) -> None:
    give(mai, 30, None, now)
    spend_points(member=mai, amount=10, key="gift:1", at=now)

    with pytest.raises(KeyReused):
        spend_points(member=mai, amount=11, key="gift:1", at=now)

    assert balances([mai.pk]) == {mai.pk: 20}


def test_a_key_belongs_to_its_member(mai: Member, binh: Member, now: datetime) -> None:
    give(mai, 30, None, now)
    spend_points(member=mai, amount=10, key="gift:1", at=now)

    with pytest.raises(KeyReused):
        spend_points(member=binh, amount=10, key="gift:1", at=now)


@pytest.mark.parametrize("amount", [0, -5, 10**12 + 1])
def test_refuses_amounts_that_are_none(mai: Member, now: datetime, amount: int) -> None:
    give(mai, 30, None, now)

    with pytest.raises(AmountOutOfRange):
        spend_points(member=mai, amount=amount, key="gift:1", at=now)

    assert balances([mai.pk]) == {mai.pk: 30}


def test_answers_what_was_written_without_reading_it_back(
    mai: Member, now: datetime
) -> None:
    give(mai, 30, None, now)

    spent = spend_points(
        member=mai, amount=10, key="gift:1", at=now, note="Ly sứ", actor="staff"
    )

    stored = Transfer.objects.get(key="gift:1")
    fields = [field.attname for field in Transfer._meta.concrete_fields]
    assert [getattr(spent, name) for name in fields] == [
        getattr(stored, name) for name in fields
    ]
    repeat = spend_points(member=mai, amount=10, key="gift:1", at=now, note="Another")
    assert (repeat.pk, repeat.note) == (stored.pk, "Ly sứ")


def test_opens_an_account_to_refuse_who_never_earned(binh: Member, now: datetime) -> None:
    with pytest.raises(NotEnoughPoints) as refusal:
        spend_points(member=binh, amount=1, key="gift:1", at=now)

    assert (refusal.value.wanted, refusal.value.balance) == (1, 0)
    assert not Transfer.objects.exists()


def test_a_movement_outside_the_locked_accounts_stops_everything(
    mai: Member, binh: Member, now: datetime
) -> None:
    give(mai, 30, None, now)
    wallet = default_wallet()
    kinds = [Account.Kind.REDEEMED.value]
    binhs = lock_sides(wallet, member_ids=[binh.pk], kinds=kinds)
    account = member_accounts(wallet, [mai.pk])[mai.pk]
    posting = Posting("x", "spend", account, binhs.programme["redeemed"], 5, now)

    with pytest.raises(AssertionError, match="locked"), transaction.atomic():
        post([posting], locked=binhs.locked)

    assert balances([mai.pk]) == {mai.pk: 30}
    assert not Transfer.objects.filter(key="x").exists()
