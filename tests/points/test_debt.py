"""Debt: only taking back what is already spent may lead below zero, and it is repaid."""

from datetime import datetime

import pytest

from members.models import Member
from points.audit import verify_ledger
from points.errors import NotEnoughPoints
from points.models import Lot, Transfer
from points.queries import balances
from points.services import (
    Grant,
    adjust_points,
    expire_points,
    grant_points,
    reverse_transfer,
    spend_points,
)
from tests.factories import make_wallet


@pytest.fixture(autouse=True)
def _wallet(db: None) -> None:
    make_wallet(allows_debt=True)


def give(member: Member, amount: int, key: str, at: datetime) -> Transfer:
    grant_points(grants=[Grant(member.pk, amount, key)], at=at)
    return Transfer.objects.get(key=key)


def test_nobody_spends_on_credit(mai: Member, now: datetime) -> None:
    give(mai, 10, "a", now)

    with pytest.raises(NotEnoughPoints) as refusal:
        spend_points(member=mai, amount=11, key="gift", at=now)

    assert (refusal.value.wanted, refusal.value.balance) == (11, 10)
    assert balances([mai.pk]) == {mai.pk: 10}
    assert Transfer.objects.count() == 1


def test_correcting_by_hand_makes_no_debt(mai: Member, now: datetime) -> None:
    give(mai, 10, "a", now)

    with pytest.raises(NotEnoughPoints):
        adjust_points(
            member=mai, amount=-11, key="adjust", at=now, note="Mistake", actor="staff"
        )

    assert balances([mai.pk]) == {mai.pk: 10}


def test_points_that_come_back_repay_first(mai: Member, now: datetime) -> None:
    earned = give(mai, 50, "a", now)
    spent = spend_points(member=mai, amount=50, key="gift", at=now)
    reverse_transfer(transfer=earned, key="a-back", at=now)
    assert balances([mai.pk]) == {mai.pk: -50}

    reverse_transfer(transfer=spent, key="gift-back", at=now)

    assert balances([mai.pk]) == {mai.pk: 0}
    assert Lot.objects.get().remaining == 0
    audit = verify_ledger()
    assert audit.ok, audit.differences


def test_what_is_left_after_repaying_returns_to_its_lots(
    mai: Member, now: datetime
) -> None:
    first = give(mai, 20, "a", now)
    give(mai, 30, "b", now)
    spent = spend_points(member=mai, amount=50, key="gift", at=now)
    reverse_transfer(transfer=first, key="a-back", at=now)

    reverse_transfer(transfer=spent, key="gift-back", at=now)

    assert balances([mai.pk]) == {mai.pk: 30}
    assert dict(Lot.objects.values_list("transfer__key", "remaining")) == {"a": 0, "b": 30}
    audit = verify_ledger()
    assert audit.ok, audit.differences
    assert expire_points(at=now).points == 0


def test_earning_reduces_a_debt_that_it_cannot_repay(mai: Member, now: datetime) -> None:
    earned = give(mai, 50, "a", now)
    spend_points(member=mai, amount=50, key="gift", at=now)
    reverse_transfer(transfer=earned, key="a-back", at=now)

    give(mai, 20, "b", now)

    assert balances([mai.pk]) == {mai.pk: -30}
    with pytest.raises(NotEnoughPoints):
        spend_points(member=mai, amount=1, key="gift-2", at=now)
    assert verify_ledger().ok
