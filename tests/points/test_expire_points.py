"""Expiry: each lot ends after its last usable day, once, however often the night runs."""

from datetime import UTC, date, datetime

from members.models import Member
from points.audit import verify_ledger
from points.models import Lot, Transfer
from points.queries import balances, expiring
from points.services import (
    Grant,
    expire_points,
    grant_points,
    reverse_transfer,
    spend_points,
)
from tests.factories import make_wallet

LAST_DAY = date(2026, 6, 30)
# 23:59 and 00:01 in Ho Chi Minh City.
LAST_EVENING = datetime(2026, 6, 30, 16, 59, tzinfo=UTC)
FIRST_NIGHT = datetime(2026, 6, 30, 17, 1, tzinfo=UTC)


def give(member: Member, amount: int, key: str, expires_on: date | None) -> None:
    at = datetime(2026, 3, 2, 5, 0, tzinfo=UTC)
    grant_points(grants=[Grant(member.pk, amount, key, expires_on)], at=at)


def test_takes_lots_only_after_their_last_day(mai: Member, binh: Member) -> None:
    make_wallet()
    give(mai, 30, "a", LAST_DAY)
    give(mai, 20, "b", date(2026, 7, 1))
    give(binh, 7, "c", LAST_DAY)
    give(binh, 5, "d", None)

    assert expire_points(at=LAST_EVENING).points == 0
    done = expire_points(at=FIRST_NIGHT)

    assert (done.lots, done.points, done.members) == (2, 37, 2)
    assert balances([mai.pk, binh.pk]) == {mai.pk: 20, binh.pk: 5}
    assert verify_ledger().ok


def test_a_second_night_takes_nothing(mai: Member) -> None:
    make_wallet()
    give(mai, 30, "a", LAST_DAY)
    expire_points(at=FIRST_NIGHT)

    assert expire_points(at=FIRST_NIGHT).points == 0
    assert Transfer.objects.filter(kind="expire").count() == 1


def test_spent_lots_take_nothing_else_with_them(mai: Member) -> None:
    make_wallet()
    give(mai, 30, "a", LAST_DAY)
    give(mai, 20, "b", None)
    spend_points(member=mai, amount=30, key="gift", at=LAST_EVENING)

    assert expire_points(at=FIRST_NIGHT).points == 0
    assert balances([mai.pk]) == {mai.pk: 20}


def test_points_that_come_back_to_an_expired_lot_expire_again(mai: Member) -> None:
    make_wallet()
    give(mai, 30, "a", LAST_DAY)
    spent = spend_points(member=mai, amount=10, key="gift", at=LAST_EVENING)
    expire_points(at=FIRST_NIGHT)
    reverse_transfer(transfer=spent, key="back", at=FIRST_NIGHT)
    assert balances([mai.pk]) == {mai.pk: 10}

    assert expire_points(at=FIRST_NIGHT).points == 10
    assert balances([mai.pk]) == {mai.pk: 0}
    assert verify_ledger().ok


def test_works_in_bounded_chunks(mai: Member) -> None:
    make_wallet()
    grant_points(
        grants=[Grant(mai.pk, 1, f"g{n}", LAST_DAY) for n in range(25)],
        at=LAST_EVENING,
    )

    assert expire_points(at=FIRST_NIGHT, chunk=10).lots == 25
    assert not Lot.objects.filter(remaining__gt=0).exists()


def test_members_see_what_expires_when(mai: Member, binh: Member) -> None:
    make_wallet()
    give(mai, 30, "a", LAST_DAY)
    give(mai, 5, "b", LAST_DAY)
    give(mai, 20, "c", date(2026, 7, 20))
    give(mai, 9, "d", date(2026, 12, 31))

    soon = expiring([mai.pk, binh.pk], at=LAST_EVENING, within_days=30)

    assert soon == {mai.pk: [(LAST_DAY, 35), (date(2026, 7, 20), 20)]}


def test_goes_through_a_day_in_small_chunks(mai: Member, binh: Member) -> None:
    make_wallet()
    for number in range(5):
        give(mai, 10 + number, f"mai:{number}", LAST_DAY)
    give(binh, 7, "binh", LAST_DAY)

    done = expire_points(at=FIRST_NIGHT, chunk=2)
    again = expire_points(at=FIRST_NIGHT, chunk=2)

    assert (done.lots, done.points, done.members) == (6, 67, 2)
    assert (again.lots, again.points, again.members) == (0, 0, 0)
    assert balances([mai.pk, binh.pk]) == {mai.pk: 0, binh.pk: 0}
    assert verify_ledger().ok
