"""Gifts on their way: each step from where it begins, for many at once, by one of many."""

from __future__ import annotations

import threading
from datetime import datetime, timedelta
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db import connection

from activities.models import Store
from core.errors import DomainError
from members.models import Member
from rewards.fulfilment import STEPS, advance, next_steps
from rewards.giving import Giving, give_benefit
from rewards.models import Benefit, Fulfilment, FulfilmentEvent, GivenBenefit
from rewards.services import cancel_redemption, redeem_reward
from tests import factories
from tests.rewards.helpers import make_benefit, make_reward

pytestmark = pytest.mark.django_db

HOME = {
    "method": "delivery",
    "recipient": "Mai",
    "phone": "0912 345 678",
    "address": "12 Lê Lợi",
    "province": "Huế",
}


@pytest.fixture
def cup() -> Benefit:
    return make_benefit("gift", delivery_fee=30_000)


@pytest.fixture
def shop() -> Store:
    return Store.objects.create(code="q1", name="Quận 1")


def gift(
    benefit: Benefit, member: Member, at: datetime, key: str, **wishes: Any
) -> Fulfilment:
    wish = Giving(benefit, member.pk, key, GivenBenefit.Source.STAFF.value, wishes=wishes)
    return Fulfilment.objects.get(given=give_benefit(wish, at=at))


def history(fulfilment: Fulfilment) -> list[str]:
    return list(fulfilment.events.values_list("state", flat=True))


def test_many_take_a_step_at_once(
    cup: Benefit, mai: Member, now: datetime, staff: User
) -> None:
    gifts = [gift(cup, mai, now, f"k{n}", **HOME) for n in range(3)]
    later = now + timedelta(hours=2)

    told = advance(gifts, to="packed", by=staff, at=later)

    assert [one.pk for one in told.moved] == [one.pk for one in gifts]
    assert told.left == []
    assert {(f.state, f.changed_at) for f in Fulfilment.objects.all()} == {
        ("packed", later)
    }
    assert history(gifts[0]) == ["new", "packed"]
    assert FulfilmentEvent.objects.filter(by=staff).count() == 3


def test_who_is_elsewhere_is_left_where_they_are(
    cup: Benefit, mai: Member, shop: Store, now: datetime
) -> None:
    waits = gift(cup, mai, now, "a")
    posted = gift(cup, mai, now, "b", **HOME)
    fetched = gift(cup, mai, now, "c", method="pick_up", store_id=shop.pk)
    advance([posted, fetched], to="packed", by=None, at=now)

    told = advance([waits, posted, fetched], to="shipped", by=None, at=now)

    assert told.moved == [posted]
    assert told.left == [waits, fetched]
    assert history(fetched) == ["new", "packed"]
    assert advance([posted], to="shipped", by=None, at=now).left == [posted]
    assert advance([posted], to="cancelled", by=None, at=now).left == [posted]


def test_a_parcel_has_its_number(cup: Benefit, mai: Member, now: datetime) -> None:
    one, two = (gift(cup, mai, now, key, **HOME) for key in "ab")
    advance([one, two], to="packed", by=None, at=now)

    advance(
        [one, two], to="shipped", by=None, at=now, carrier="GHN", tracking={one.pk: "G1"}
    )

    one.refresh_from_db()
    two.refresh_from_db()
    assert (one.carrier, one.tracking, two.carrier, two.tracking) == (
        "GHN",
        "G1",
        "GHN",
        "",
    )
    assert [event.note for event in one.events.all()] == ["", "", "GHN G1"]
    advance([one], to="done", by=None, at=now)
    one.refresh_from_db()
    assert (one.state, one.tracking) == ("done", "G1")


def test_every_state_leads_only_where_the_table_says(
    cup: Benefit, mai: Member, shop: Store, now: datetime
) -> None:
    posted = gift(cup, mai, now, "a", **HOME)
    fetched = gift(cup, mai, now, "b", method="pick_up", store_id=shop.pk)

    for row in (posted, fetched):
        for begin in ("new", "packed", "shipped", "ready", "done", "returned", "cancelled"):
            reached = []
            for to in Fulfilment.State.values:
                Fulfilment.objects.filter(pk=row.pk).update(state=begin)
                if advance([row], to=to, by=None, at=now).moved:
                    reached.append(to)
            row.state = begin
            assert sorted(reached) == sorted(next_steps(row))
    assert "cancelled" not in {to for steps in STEPS.values() for to in steps}


def test_what_came_back_is_sent_again_or_cancelled_with_its_stock(
    cup: Benefit, mai: Member, now: datetime
) -> None:
    factories.make_wallet()
    reward = make_reward(cup, stock=5, price_points=0)
    redemption = redeem_reward(member=mai, reward=reward, key="k", at=now, wishes=HOME)
    row = Fulfilment.objects.get()
    for step in ("packed", "shipped", "returned", "new", "packed", "shipped"):
        assert advance([row], to=step, by=None, at=now).moved

    with pytest.raises(DomainError, match="on its way"):
        cancel_redemption(redemption=redemption, at=now, actor="lan")
    advance([row], to="returned", by=None, at=now)
    cancel_redemption(redemption=redemption, at=now, actor="lan")

    row.refresh_from_db()
    reward.refresh_from_db()
    assert (row.state, reward.taken) == ("cancelled", 0)


@pytest.mark.postgresql
@pytest.mark.django_db(transaction=True)
def test_of_two_who_take_the_same_step_one_does(
    cup: Benefit, mai: Member, now: datetime
) -> None:
    rows = [gift(cup, mai, now, f"k{n}", **HOME) for n in range(30)]
    start, told, faults = threading.Barrier(4), [], []

    def work(order: int) -> None:
        try:
            start.wait(10)
            told.append(advance(rows[::order], to="packed", by=None, at=now))
        except BaseException as fault:
            faults.append(fault)
        finally:
            connection.close()

    threads = [threading.Thread(target=work, args=[n]) for n in (1, -1, 1, -1)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)

    assert faults == []
    moved = [row.pk for one in told for row in one.moved]
    assert sorted(moved) == sorted(row.pk for row in rows)
    assert FulfilmentEvent.objects.filter(state="packed").count() == 30
