"""Taking back in parts: bounded by what was moved, and points return to their own lots."""

from datetime import date, datetime, timedelta

import pytest

from members.models import Member
from points.errors import AlreadyReversed, KeyReused, NotEnoughPoints
from points.models import TakenBack, Transfer
from points.queries import balances
from points.services import (
    TakeBack,
    capture_points,
    gift_points,
    mature_points,
    reserve_points,
    reverse_transfer,
    spend_points,
    take_back,
)
from tests.factories import make_wallet
from tests.points.helpers import assert_proved, give, hold, lots

SPRING, SUMMER = date(2026, 4, 30), date(2026, 8, 31)


def test_a_part_of_a_spend_returns_to_the_lot_drawn_last(
    mai: Member, now: datetime
) -> None:
    make_wallet()
    give(mai, 30, "a", now, SPRING)
    give(mai, 30, "b", now, SUMMER)
    spent = spend_points(member=mai, amount=50, key="gift", at=now)

    taken = take_back([TakeBack(spent.pk, 15, "back:1")], at=now)

    # As if 35 had been spent: the spring lot is empty, 25 of summer are there again.
    assert [part.amount for part in taken] == [15]
    assert lots(mai) == [(SUMMER, 25)]
    take_back([TakeBack(spent.pk, 35, "back:2")], at=now)
    assert lots(mai) == [(SPRING, 30), (SUMMER, 30)]
    assert_proved()


def test_never_more_than_was_moved(mai: Member, now: datetime) -> None:
    make_wallet()
    give(mai, 30, "a", now)
    spent = spend_points(member=mai, amount=20, key="gift", at=now)
    take_back([TakeBack(spent.pk, 15, "back:1")], at=now)

    with pytest.raises(AlreadyReversed):
        take_back([TakeBack(spent.pk, 6, "back:2")], at=now)

    assert balances([mai.pk]) == {mai.pk: 25}
    count = TakenBack.objects.get()
    assert (count.moved, count.amount) == (20, 15)
    with pytest.raises(AlreadyReversed):
        reverse_transfer(transfer=spent, key="whole", at=now)
    assert_proved()


def test_a_repeat_answers_what_the_first_did(mai: Member, now: datetime) -> None:
    make_wallet()
    earned = give(mai, 30, "a", now)
    other = give(mai, 30, "b", now)

    for _time in range(2):
        taken = take_back([TakeBack(earned.pk, 10, "back")], at=now)
        assert [part.amount for part in taken] == [10]

    assert balances([mai.pk]) == {mai.pk: 50}
    with pytest.raises(KeyReused):
        take_back([TakeBack(other.pk, 10, "back")], at=now)


def test_clamped_it_takes_what_is_there(mai: Member, now: datetime) -> None:
    make_wallet()
    first, second = give(mai, 30, "a", now), give(mai, 30, "b", now)
    spend_points(member=mai, amount=45, key="gift", at=now)
    parts = [TakeBack(t.pk, 30, f"back:{t.key}", clamp=True) for t in (first, second)]

    taken = take_back(parts, at=now)

    assert [part.amount for part in taken] == [15, 0]
    assert balances([mai.pk]) == {mai.pk: 0}
    assert_proved()


@pytest.mark.parametrize(
    ("left", "parts"),
    [(15, [5, 10]), (16, [5, 11]), (1, [0, 1]), (0, [0, 0]), (90, [30, 60])],
)
def test_neighbours_of_one_share_bear_alike_what_is_missing(
    mai: Member, now: datetime, left: int, parts: list[int]
) -> None:
    make_wallet()
    brand, partner = give(mai, 30, "a", now), give(mai, 60, "b", now)
    if left < 90:
        spend_points(member=mai, amount=90 - left, key="gift", at=now)
    asked = [
        TakeBack(t.pk, t.amount, f"back:{t.key}", clamp=True, share="rule")
        for t in (brand, partner)
    ]

    for _time in range(2):
        assert [part.amount for part in take_back(asked, at=now)] == parts

    assert balances([mai.pk]) == {mai.pk: 0}
    assert_proved()


def test_what_is_held_of_a_share_is_not_missing(mai: Member, now: datetime) -> None:
    wallet = make_wallet()
    day = date(2026, 3, 20)
    held = hold(mai, 60, "h", now, wallet=wallet, matures_on=day)
    free = give(mai, 30, "a", now)
    spend_points(member=mai, amount=25, key="gift", at=now)
    asked = [
        TakeBack(t.pk, t.amount, f"back:{t.key}", clamp=True, share="rule")
        for t in (held, free)
    ]

    taken = take_back(asked, at=now)

    assert [part.amount for part in taken] == [60, 5]
    assert_proved()


def test_without_leave_for_debt_all_or_nothing(mai: Member, now: datetime) -> None:
    make_wallet()
    earned = give(mai, 30, "a", now)
    spend_points(member=mai, amount=20, key="gift", at=now)

    with pytest.raises(NotEnoughPoints):
        take_back([TakeBack(earned.pk, 11, "back")], at=now)

    assert balances([mai.pk]) == {mai.pk: 10}
    assert not TakenBack.objects.exists()


def test_debt_is_made_where_the_wallet_allows_it(mai: Member, now: datetime) -> None:
    make_wallet(allows_debt=True)
    earned = give(mai, 30, "a", now)
    spend_points(member=mai, amount=20, key="gift", at=now)

    take_back([TakeBack(earned.pk, 25, "back", clamp=True)], at=now)

    assert balances([mai.pk]) == {mai.pk: -15}
    give(mai, 40, "c", now)
    assert lots(mai) == [(None, 25)]
    assert_proved()


def test_held_points_leave_the_hold_first(mai: Member, now: datetime) -> None:
    wallet = make_wallet()
    earned = hold(mai, 30, "a", now, wallet=wallet, matures_on=date(2026, 3, 20))

    take_back([TakeBack(earned.pk, 10, "back:1")], at=now)
    assert mature_points(at=now + timedelta(days=30)).points == 20
    take_back([TakeBack(earned.pk, 15, "back:2")], at=now)

    assert balances([mai.pk]) == {mai.pk: 5}
    kinds = Transfer.objects.order_by("pk").values_list("kind", "amount")
    assert list(kinds) == [
        ("earn", 30),
        ("reverse", 10),
        ("mature", 20),
        ("reverse", 15),
        ("reverse", 15),
    ]
    assert_proved()


def test_what_paid_at_a_till_comes_back_from_both_transfers(
    mai: Member, now: datetime
) -> None:
    make_wallet()
    give(mai, 50, "a", now, SPRING)
    held = reserve_points(member=mai, amount=40, source="till", reference="7", at=now)
    paid = capture_points(reservation=held, amount=30, at=now)

    take_back([TakeBack(paid.capture_id or 0, 10, "back")], at=now)

    assert lots(mai) == [(SPRING, 30)]
    assert_proved()


def test_a_gift_that_repaid_a_debt_returns_to_the_givers_lot(
    mai: Member, binh: Member, now: datetime
) -> None:
    wallet = make_wallet(allows_debt=True, transfers_allowed=True)
    earned = give(binh, 10, "earned", now)
    spend_points(member=binh, amount=10, key="spent", at=now)
    take_back([TakeBack(earned.pk, 10, "returned")], at=now)
    give(mai, 30, "a", now, SUMMER)
    gift = gift_points(
        giver=mai, receiver=binh, amount=20, key="gift", at=now, wallet=wallet
    )

    take_back([TakeBack(gift.pk, 20, "back")], at=now)

    assert balances([mai.pk, binh.pk]) == {mai.pk: 30, binh.pk: -10}
    assert (lots(mai), lots(binh)) == ([(SUMMER, 30)], [])
    assert_proved()
