"""Taking a movement back: once, and into the very lots it came from."""

from datetime import date, datetime

import pytest

from members.models import Member
from points.audit import verify_ledger
from points.errors import AlreadyReversed, KeyReused, NotEnoughPoints
from points.models import Account, Lot, Transfer
from points.queries import balances
from points.services import (
    Grant,
    adjust_points,
    grant_points,
    reverse_transfer,
    spend_points,
)
from tests.factories import make_wallet


def give(
    member: Member, amount: int, key: str, expires_on: date | None, at: datetime
) -> None:
    grant_points(grants=[Grant(member.pk, amount, key, expires_on)], at=at)


def test_spent_points_return_to_their_own_lots(mai: Member, now: datetime) -> None:
    make_wallet()
    give(mai, 30, "a", date(2026, 6, 30), now)
    give(mai, 50, "b", date(2026, 12, 31), now)
    spent = spend_points(member=mai, amount=45, key="gift", at=now)

    reverse_transfer(transfer=spent, key="gift-back", at=now)

    left = dict(Lot.objects.values_list("expires_on", "remaining"))
    assert left == {date(2026, 6, 30): 30, date(2026, 12, 31): 50}
    assert balances([mai.pk]) == {mai.pk: 80}
    assert verify_ledger().ok


def test_happens_once(mai: Member, now: datetime) -> None:
    make_wallet()
    give(mai, 30, "a", None, now)
    spent = spend_points(member=mai, amount=10, key="gift", at=now)
    back = reverse_transfer(transfer=spent, key="back", at=now)

    assert reverse_transfer(transfer=spent, key="back", at=now).pk == back.pk
    with pytest.raises(AlreadyReversed):
        reverse_transfer(transfer=spent, key="back-again", at=now)

    assert balances([mai.pk]) == {mai.pk: 30}
    assert Transfer.objects.filter(kind="reverse").count() == 1


def test_takes_earned_points_from_their_own_lot(mai: Member, now: datetime) -> None:
    make_wallet()
    give(mai, 30, "a", date(2026, 6, 30), now)
    give(mai, 50, "b", date(2026, 12, 31), now)

    reverse_transfer(transfer=Transfer.objects.get(key="b"), key="b-back", at=now)

    left = dict(Lot.objects.values_list("expires_on", "remaining"))
    assert left == {date(2026, 6, 30): 30, date(2026, 12, 31): 0}
    assert verify_ledger().ok


def test_refuses_to_take_back_what_is_spent(mai: Member, now: datetime) -> None:
    make_wallet()
    give(mai, 30, "a", None, now)
    spend_points(member=mai, amount=20, key="gift", at=now)

    with pytest.raises(NotEnoughPoints):
        reverse_transfer(transfer=Transfer.objects.get(key="a"), key="back", at=now)

    assert balances([mai.pk]) == {mai.pk: 10}
    assert verify_ledger().ok


def test_debt_is_repaid_by_what_is_earned_next(mai: Member, now: datetime) -> None:
    make_wallet(allows_debt=True)
    give(mai, 30, "a", None, now)
    spend_points(member=mai, amount=20, key="gift", at=now)
    reverse_transfer(transfer=Transfer.objects.get(key="a"), key="back", at=now)
    assert balances([mai.pk]) == {mai.pk: -20}
    assert verify_ledger().ok

    give(mai, 50, "c", None, now)

    assert balances([mai.pk]) == {mai.pk: 30}
    assert Lot.objects.get(transfer__key="c").remaining == 30
    assert verify_ledger().ok


def test_adjusting_by_hand_names_who_and_why(mai: Member, now: datetime) -> None:
    make_wallet()
    transfer = adjust_points(
        member=mai, amount=15, key="adjust:1", at=now, note="Goodwill", actor="staff"
    )
    adjust_points(
        member=mai, amount=-5, key="adjust:2", at=now, note="Mistake", actor="staff"
    )

    assert (transfer.actor, transfer.note, transfer.kind) == ("staff", "Goodwill", "adjust")
    assert balances([mai.pk]) == {mai.pk: 10}
    assert set(Account.objects.values_list("kind", flat=True)) == {"member", "adjusted"}


def test_one_key_takes_back_one_movement(mai: Member, now: datetime) -> None:
    make_wallet()
    give(mai, 30, "a", None, now)
    first = spend_points(member=mai, amount=10, key="gift:1", at=now)
    second = spend_points(member=mai, amount=10, key="gift:2", at=now)
    reverse_transfer(transfer=first, key="back", at=now)

    with pytest.raises(KeyReused):
        reverse_transfer(transfer=second, key="back", at=now)

    assert balances([mai.pk]) == {mai.pk: 20}
