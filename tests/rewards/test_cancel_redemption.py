"""Cancelling a redemption: everything back to where it came from, or nothing."""

from __future__ import annotations

from datetime import date, datetime, timedelta

import pytest

from members.models import Member, Tag
from points.queries import balances
from points.services import spend_points
from rewards.errors import CannotTakeBack
from rewards.issuing import take_use
from rewards.models import Benefit, Fulfilment, Redemption, Slot, Voucher
from rewards.services import cancel_redemption, redeem_reward
from tests import factories
from tests.points.helpers import assert_proved, give, lots
from tests.rewards.helpers import limit, make_benefit, make_reward, reread

pytestmark = pytest.mark.django_db


@pytest.fixture
def rich(mai: Member, now: datetime) -> Member:
    factories.make_wallet()
    give(mai, 60, "first", now, date(2026, 4, 1))
    give(mai, 190, "second", now, date(2026, 9, 1))
    return mai


def points(member: Member) -> int:
    return balances([member.pk])[member.pk]


def cancel(redemption: Redemption, at: datetime) -> Redemption:
    return cancel_redemption(redemption=redemption, at=at, actor="staff", note="mistake")


def test_everything_goes_back(rich: Member, now: datetime) -> None:
    before = lots(rich)
    benefit = make_benefit(budget=10)
    reward = make_reward(benefit, stock=3)
    limit(reward, 1)
    redemption = redeem_reward(member=rich, reward=reward, key="k1", at=now)
    assert lots(rich) != before

    cancelled = cancel(redemption, now + timedelta(hours=1))

    assert cancelled.state == Redemption.State.CANCELLED
    assert (cancelled.ended_by, cancelled.end_note) == ("staff", "mistake")
    assert lots(rich) == before
    reward.refresh_from_db()
    assert reward.taken == 0
    assert Benefit.objects.get().taken == 0
    assert Voucher.objects.get().state == Voucher.State.CANCELLED
    assert redeem_reward(member=rich, reward=reward, key="k2", at=now).pk
    assert_proved()


def test_a_repeat_changes_nothing(rich: Member, now: datetime) -> None:
    redemption = redeem_reward(member=rich, reward=make_reward(stock=3), key="k1", at=now)
    first = cancel(redemption, now)
    again = cancel(redemption, now + timedelta(days=1))
    assert again.ended_at == first.ended_at
    assert points(rich) == 250


def test_a_used_voucher_is_not_cancelled(rich: Member, now: datetime) -> None:
    reward = make_reward(stock=3)
    redemption = redeem_reward(member=rich, reward=reward, key="k1", at=now)
    assert take_use(Voucher.objects.get())

    with pytest.raises(CannotTakeBack):
        cancel(redemption, now)

    reward.refresh_from_db()
    assert points(rich) == 150
    assert reward.taken == 1
    assert reread(redemption).state == Redemption.State.DONE
    assert Voucher.objects.get().state == Voucher.State.ISSUED


def test_a_cancelled_voucher_is_not_used(rich: Member, now: datetime) -> None:
    redemption = redeem_reward(member=rich, reward=make_reward(), key="k1", at=now)
    cancel(redemption, now)
    assert not take_use(Voucher.objects.get())
    assert Voucher.objects.get().uses == 0


def test_points_that_are_spent_are_not_taken_back(rich: Member, now: datetime) -> None:
    cashback = factories.make_wallet(code="cashback", name="Hoàn tiền", kind="cashback")
    benefit = make_benefit("points", wallet=cashback, amount=500)
    redemption = redeem_reward(member=rich, reward=make_reward(benefit), key="k1", at=now)
    spend_points(member=rich, amount=1, key="s", at=now, wallet=cashback)

    with pytest.raises(CannotTakeBack):
        cancel(redemption, now)

    assert balances([rich.pk], wallet=cashback)[rich.pk] == 499
    assert points(rich) == 150
    assert_proved()


def test_points_that_are_there_are_taken_back(rich: Member, now: datetime) -> None:
    cashback = factories.make_wallet(code="cashback", name="Hoàn tiền", kind="cashback")
    benefit = make_benefit("points", wallet=cashback, amount=500)
    redemption = redeem_reward(member=rich, reward=make_reward(benefit), key="k1", at=now)
    cancel(redemption, now)
    assert balances([rich.pk], wallet=cashback)[rich.pk] == 0
    assert points(rich) == 250
    assert_proved()


@pytest.mark.parametrize(
    ("state", "can"),
    [
        ("asked", True),
        ("new", True),
        ("packed", True),
        ("shipped", False),
        ("ready", True),
        ("done", False),
        ("returned", True),
    ],
)
def test_a_gift_is_cancelled_until_it_has_left(
    rich: Member, now: datetime, state: str, can: bool
) -> None:
    redemption = redeem_reward(
        member=rich,
        reward=make_reward(make_benefit("gift")),
        key="k1",
        at=now,
        wishes={
            "method": "delivery",
            "recipient": "Mai",
            "phone": "0912345678",
            "address": "12 Lê Lợi",
        },
    )
    Fulfilment.objects.update(state=state)
    if can:
        cancel(redemption, now)
        assert Fulfilment.objects.get().state == Fulfilment.State.CANCELLED
        assert points(rich) == 250
        return
    with pytest.raises(CannotTakeBack):
        cancel(redemption, now)
    assert Fulfilment.objects.get().state == state
    assert points(rich) == 150


def test_a_booked_place_is_free_again(rich: Member, now: datetime) -> None:
    benefit = make_benefit("experience")
    start = now + timedelta(days=2)
    slot = Slot.objects.create(
        benefit=benefit, starts_at=start, ends_at=start + timedelta(hours=1)
    )
    redemption = redeem_reward(
        member=rich,
        reward=make_reward(benefit),
        key="k1",
        at=now,
        wishes={"slot_id": slot.pk},
    )
    slot.refresh_from_db()
    assert slot.taken == 1
    cancel(redemption, now)
    slot.refresh_from_db()
    assert slot.taken == 0


def test_a_tag_comes_off(rich: Member, now: datetime) -> None:
    tag = Tag.objects.create(code="founder", name="Founder")
    benefit = make_benefit("tag", tag=tag)
    redemption = redeem_reward(member=rich, reward=make_reward(benefit), key="k1", at=now)
    assert rich.tags.count() == 1
    cancel(redemption, now)
    assert rich.tags.count() == 0
