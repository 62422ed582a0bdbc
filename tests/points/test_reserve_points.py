"""A till holds points, then spends or releases them; none of it happens twice."""

from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from core.errors import InvalidInput
from members.models import Member
from points.errors import KeyReused, NotEnoughPoints, NotReversible, ReservationClosed
from points.models import Reservation, Transfer
from points.queries import balances, holdings
from points.services import (
    TakeBack,
    capture_points,
    release_points,
    release_stale,
    reserve_points,
    reserving,
    reverse_transfer,
    spend_points,
    take_back,
)
from points.tasks import release_reservations
from tests.factories import make_wallet
from tests.points.helpers import assert_proved, give, lots

ENDS = date(2026, 12, 31)


@pytest.fixture(autouse=True)
def _points(mai: Member, now: datetime) -> None:
    make_wallet(reservation_minutes=15, allows_debt=True)
    give(mai, 100, "start", now, ENDS)


def reserve(
    member: Member, amount: int, at: datetime, reference: str = "R1"
) -> Reservation:
    return reserve_points(
        member=member,
        amount=amount,
        source="till-1",
        reference=reference,
        value=Decimal(amount * 1000),
        at=at,
    )


def test_reserved_points_cannot_be_spent_elsewhere(mai: Member, now: datetime) -> None:
    reservation = reserve(mai, 70, now)

    assert reservation.expires_at == now + timedelta(minutes=15)
    with pytest.raises(NotEnoughPoints):
        spend_points(member=mai, amount=31, key="gift", at=now)
    assert balances([mai.pk]) == {mai.pk: 30}
    assert holdings(mai)[0].reserved == 70
    assert_proved()


def test_a_repeat_is_the_same_reservation(mai: Member, now: datetime) -> None:
    first, again = reserve(mai, 70, now), reserve(mai, 70, now)

    assert first.pk == again.pk
    assert balances([mai.pk]) == {mai.pk: 30}
    with pytest.raises(KeyReused):
        reserve(mai, 20, now)
    assert balances([mai.pk]) == {mai.pk: 30}


def test_capturing_a_part_gives_the_rest_back(mai: Member, now: datetime) -> None:
    reservation = reserve(mai, 70, now)

    for _time in range(2):
        captured = capture_points(reservation=reservation, amount=50, at=now, order_id=9)

    assert (captured.state, captured.captured) == ("captured", 50)
    assert lots(mai) == [(ENDS, 50)]
    paid = Transfer.objects.get(kind="capture")
    assert (paid.amount, paid.source_type, paid.source_id) == (50, "order", 9)
    with pytest.raises(ReservationClosed):
        capture_points(reservation=reservation, amount=40, at=now)
    with pytest.raises(ReservationClosed):
        release_points(reservation=reservation, at=now)
    assert balances([mai.pk]) == {mai.pk: 50}
    assert_proved()


def test_what_was_promised_to_a_till_can_be_captured_in_debt(
    mai: Member, now: datetime
) -> None:
    reservation = reserve(mai, 100, now)
    take_back([TakeBack(Transfer.objects.get(key="start").pk, 100, "back")], at=now)

    capture_points(reservation=reservation, at=now)

    assert balances([mai.pk]) == {mai.pk: -100}
    assert_proved()


def test_released_points_return_to_their_lot(mai: Member, now: datetime) -> None:
    reservation = reserve(mai, 70, now)

    for _time in range(2):
        assert release_points(reservation=reservation, at=now).state == "released"

    assert lots(mai) == [(ENDS, 100)]
    with pytest.raises(ReservationClosed):
        capture_points(reservation=reservation, at=now)
    assert_proved()


def test_time_over_is_time_over(mai: Member, now: datetime) -> None:
    reservation = reserve(mai, 70, now)
    late = now + timedelta(minutes=15, seconds=1)

    assert release_stale(at=now + timedelta(minutes=15)) == 0
    with pytest.raises(ReservationClosed):
        capture_points(reservation=reservation, at=late)
    assert release_stale(at=late) == 1
    assert release_stale(at=late) == 0

    reservation.refresh_from_db()
    assert (reservation.state, reservation.settled_at) == ("expired", late)
    assert balances([mai.pk]) == {mai.pk: 100}
    assert_proved()


def test_a_till_that_is_faster_does_not_stop_the_release_of_others(
    mai: Member, now: datetime, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = reserve(mai, 70, now)
    second = reserve_points(member=mai, amount=20, source="till", reference="2", at=now)
    late = now + timedelta(minutes=15, seconds=1)

    def release_after_the_till(*, reservation: Reservation, **facts: Any) -> Reservation:
        if reservation.pk == first.pk:
            capture_points(reservation=first, at=now)
        return release_points(reservation=reservation, **facts)

    monkeypatch.setattr(reserving, "release_points", release_after_the_till)

    assert release_stale(at=late) == 1

    states = dict(Reservation.objects.values_list("pk", "state"))
    assert states == {first.pk: "captured", second.pk: "expired"}
    assert balances([mai.pk]) == {mai.pk: 30}
    assert_proved()


def test_the_worker_releases_what_is_stale(mai: Member, now: datetime) -> None:
    reserve(mai, 70, now)

    assert release_reservations() == 1
    assert balances([mai.pk]) == {mai.pk: 100}


@pytest.mark.parametrize("amount", [0, -5, 71])
def test_an_amount_outside_is_refused(mai: Member, now: datetime, amount: int) -> None:
    reservation = reserve(mai, 70, now)

    with pytest.raises(InvalidInput):
        capture_points(reservation=reservation, amount=amount, at=now)

    assert balances([mai.pk]) == {mai.pk: 30}


@pytest.mark.parametrize("reference", ["", "x" * 61])
def test_a_reference_has_a_length(mai: Member, now: datetime, reference: str) -> None:
    with pytest.raises(InvalidInput):
        reserve(mai, 70, now, reference)

    assert not Reservation.objects.exists()


def test_the_reserving_transfer_cannot_be_reversed_over_its_capture(
    mai: Member, now: datetime
) -> None:
    reservation = reserve(mai, 70, now)
    capture_points(reservation=reservation, at=now)

    with pytest.raises(NotReversible):
        reverse_transfer(transfer=reservation.transfer, key="trick", at=now)

    assert balances([mai.pk]) == {mai.pk: 30}
    assert_proved()
