"""Held points: earned now, usable when their day comes or the goods are delivered."""

from datetime import date, datetime, timedelta

import pytest

from activities.models import Order
from members.models import Member
from points.errors import NotEnoughPoints
from points.models import Hold, Transfer
from points.queries import Pending, balances, holdings
from points.services import deliver_orders, mature_points, spend_points
from tests.factories import make_wallet
from tests.points.helpers import assert_proved, hold, lots

LAST = date(2027, 3, 2)


def order_of(member: Member, at: datetime) -> Order:
    return Order.objects.create(
        source="web",
        external_id="W1",
        member=member,
        placed_at=at,
        placed_on=at.date(),
        total=100,
        currency="VND",
        content_hash="x",
    )


def test_held_points_are_shown_but_cannot_be_spent(mai: Member, now: datetime) -> None:
    wallet = make_wallet()
    hold(mai, 30, "a", now, wallet=wallet, matures_on=date(2026, 3, 16))

    with pytest.raises(NotEnoughPoints):
        spend_points(member=mai, amount=1, key="gift", at=now)

    holding = holdings(mai)[0]
    assert (holding.balance, holding.held) == (0, 30)
    assert holding.pending == [Pending(date(2026, 3, 16), 30)]
    assert_proved()


def test_they_mature_on_their_day_and_once(mai: Member, now: datetime) -> None:
    wallet = make_wallet()
    hold(mai, 30, "a", now, wallet=wallet, matures_on=date(2026, 3, 16), ends=LAST)

    assert mature_points(at=now + timedelta(days=13)).points == 0
    matured = mature_points(at=now + timedelta(days=14))

    assert (matured.holds, matured.points) == (1, 30)
    assert mature_points(at=now + timedelta(days=14)).points == 0
    # The day until which they can be used was fixed when they were earned.
    assert lots(mai) == [(LAST, 30)]
    assert_proved()


def test_delivery_starts_the_last_wait(mai: Member, now: datetime) -> None:
    wallet = make_wallet()
    order = order_of(mai, now)
    hold(mai, 30, "a", now, wallet=wallet, days_after_delivery=7, order_id=order.pk)
    arrived = now + timedelta(days=3)

    assert mature_points(at=now + timedelta(days=90)).points == 0
    assert deliver_orders([order.pk], at=arrived).points == 0
    deliver_orders([order.pk], at=arrived + timedelta(days=2))

    order.refresh_from_db()
    assert order.delivered_at == arrived
    assert Hold.objects.get().matures_on == date(2026, 3, 12)
    assert mature_points(at=arrived + timedelta(days=6)).points == 0
    assert mature_points(at=arrived + timedelta(days=7)).points == 30
    assert_proved()


def test_without_a_wait_delivery_releases_at_once(mai: Member, now: datetime) -> None:
    wallet = make_wallet()
    order = order_of(mai, now)
    hold(mai, 30, "a", now, wallet=wallet, days_after_delivery=0, order_id=order.pk)

    assert deliver_orders([order.pk], at=now).points == 30
    assert deliver_orders([order.pk], at=now).points == 0

    assert balances([mai.pk]) == {mai.pk: 30}
    matured = Transfer.objects.get(kind="mature")
    assert (matured.source_type, matured.source_id) == ("order", order.pk)
    assert_proved()
