"""Redeeming a reward: what is taken, what is given, and refusals that change nothing."""

from __future__ import annotations

from datetime import datetime, timedelta
from decimal import Decimal

import pytest

from members.models import Member
from points.models import Transfer
from points.queries import balances
from rewards.errors import (
    BenefitUnavailable,
    KeyReused,
    RedemptionClosed,
    RewardUnavailable,
    WishRefused,
)
from rewards.models import (
    Benefit,
    Booking,
    Fulfilment,
    GivenBenefit,
    Redemption,
    Reward,
    RewardLimit,
    Slot,
    Tally,
    Voucher,
    VoucherType,
)
from rewards.services import confirm_payment, lapse_unpaid, redeem_reward
from tests import factories
from tests.points.helpers import assert_proved, give
from tests.rewards.helpers import limit, make_benefit, make_reward, make_voucher_type

pytestmark = pytest.mark.django_db


@pytest.fixture
def rich(mai: Member, now: datetime) -> Member:
    factories.make_wallet()
    give(mai, 250, "opening", now)
    return mai


def points(member: Member) -> int:
    return balances([member.pk])[member.pk]


def redeem(member: Member, reward: Reward, at: datetime, key: str = "k1") -> Redemption:
    return redeem_reward(member=member, reward=reward, key=key, at=at)


def assert_nothing_happened(member: Member, reward: Reward, left: int = 250) -> None:
    reward.refresh_from_db()
    assert points(member) == left
    assert reward.taken == 0
    assert not Redemption.objects.exists()
    assert not GivenBenefit.objects.exists()
    assert not Voucher.objects.filter(state=Voucher.State.ISSUED).exists()
    assert not Tally.objects.exists()
    assert_proved()


def test_points_and_stock_go_and_a_voucher_comes(rich: Member, now: datetime) -> None:
    reward = make_reward(stock=5)

    redemption = redeem(rich, reward, now)

    reward.refresh_from_db()
    assert points(rich) == 150
    assert reward.taken == 1
    assert redemption.state == Redemption.State.DONE
    assert redemption.points == 100
    assert redemption.transfer is not None
    assert redemption.transfer.kind == Transfer.Kind.SPEND
    voucher = Voucher.objects.get()
    assert voucher.member == rich
    assert voucher.state == Voucher.State.ISSUED
    assert voucher.given == redemption.given
    assert (voucher.uses, voucher.max_uses) == (0, 1)
    assert_proved()


def test_a_repeat_answers_the_first(rich: Member, now: datetime) -> None:
    reward = make_reward(stock=5)
    first = redeem(rich, reward, now)

    again = redeem(rich, reward, now + timedelta(days=3))

    assert again == first
    assert points(rich) == 150
    assert Voucher.objects.count() == 1


def test_a_key_stands_for_one_member_and_reward(
    rich: Member, binh: Member, now: datetime
) -> None:
    reward = make_reward(stock=5)
    give(binh, 250, "binh", now)
    redeem(rich, reward, now)

    with pytest.raises(KeyReused):
        redeem(binh, reward, now)

    assert points(binh) == 250


def test_too_few_points(rich: Member, now: datetime) -> None:
    reward = make_reward(price_points=251, stock=5)

    with pytest.raises(RewardUnavailable) as refusal:
        redeem(rich, reward, now)

    assert refusal.value.extra == {"reason": "not_enough_points"}
    assert refusal.value.message == "1 điểm are still missing."
    assert_nothing_happened(rich, reward)


def test_exactly_enough_points(rich: Member, now: datetime) -> None:
    redeem(rich, make_reward(price_points=250), now)
    assert points(rich) == 0


@pytest.mark.parametrize(
    ("offset", "reason"),
    [(-1, "not_yet"), (0, ""), (3599, ""), (3600, "over")],
)
def test_can_be_had_from_the_first_second_up_to_the_last(
    rich: Member, now: datetime, offset: int, reason: str
) -> None:
    reward = make_reward(active_from=now, active_until=now + timedelta(hours=1))
    moment = now + timedelta(seconds=offset)
    if not reason:
        assert redeem(rich, reward, moment).state == Redemption.State.DONE
        return
    with pytest.raises(RewardUnavailable) as refusal:
        redeem(rich, reward, moment)
    assert refusal.value.extra == {"reason": reason}
    assert_nothing_happened(rich, reward)


def test_sold_out(rich: Member, now: datetime) -> None:
    reward = make_reward(stock=1)
    redeem(rich, reward, now)

    with pytest.raises(RewardUnavailable) as refusal:
        redeem(rich, reward, now, key="k2")

    assert refusal.value.extra == {"reason": "sold_out"}
    assert points(rich) == 150


def test_a_limit_for_each_member_opens_with_the_next_day(
    rich: Member, now: datetime
) -> None:
    reward = make_reward(price_points=10)
    limit(reward, 2, period="day")
    redeem(rich, reward, now, key="k1")
    redeem(rich, reward, now, key="k2")

    with pytest.raises(RewardUnavailable) as refusal:
        redeem(rich, reward, now, key="k3")
    assert refusal.value.extra == {"reason": "limit_reached"}
    assert points(rich) == 230

    redeem(rich, reward, now + timedelta(days=1), key="k4")
    assert points(rich) == 220


def test_pacing_counts_everyone(rich: Member, binh: Member, now: datetime) -> None:
    reward = make_reward(price_points=10)
    limit(reward, 1, per=RewardLimit.Per.EVERYONE, period="day")
    give(binh, 50, "binh", now)
    redeem(rich, reward, now)

    with pytest.raises(RewardUnavailable) as refusal:
        redeem(binh, reward, now, key="k2")

    assert refusal.value.extra == {"reason": "paced_out"}
    assert points(binh) == 50


def test_money_is_paid_before_it_is_handed_over(rich: Member, now: datetime) -> None:
    reward = make_reward(price_amount=Decimal(50000), stock=3, payment_hours=2)

    redemption = redeem(rich, reward, now)

    assert redemption.state == Redemption.State.UNPAID
    assert points(rich) == 150
    assert not Voucher.objects.exists()

    paid = confirm_payment(
        redemption=redemption, at=now + timedelta(hours=2), paid_to="Quầy 1"
    )
    assert paid.state == Redemption.State.DONE
    assert Voucher.objects.get().member == rich
    again = confirm_payment(
        redemption=redemption, at=now + timedelta(hours=9), paid_to="Quầy 2"
    )
    assert again.paid_to == "Quầy 1"
    assert Voucher.objects.count() == 1


def test_what_is_not_paid_in_time_goes_back(rich: Member, now: datetime) -> None:
    reward = make_reward(price_amount=Decimal(50000), stock=3, payment_hours=2)
    limit(reward, 1)
    redemption = redeem(rich, reward, now)
    late = now + timedelta(hours=2, seconds=1)

    with pytest.raises(RedemptionClosed):
        confirm_payment(redemption=redemption, at=late, paid_to="Quầy 1")
    assert lapse_unpaid(at=now + timedelta(hours=2)) == 0
    assert lapse_unpaid(at=late) == 1
    assert lapse_unpaid(at=late) == 0

    redemption.refresh_from_db()
    reward.refresh_from_db()
    assert redemption.state == Redemption.State.LAPSED
    assert points(rich) == 250
    assert reward.taken == 0
    assert redeem(rich, reward, late, key="k2").state == Redemption.State.UNPAID
    assert_proved()


def test_an_empty_pool_takes_nothing(rich: Member, now: datetime) -> None:
    pool = make_voucher_type(codes=VoucherType.Codes.POOL)
    reward = make_reward(make_benefit(voucher_type=pool), stock=3)

    with pytest.raises(BenefitUnavailable):
        redeem(rich, reward, now)

    assert_nothing_happened(rich, reward)


def test_a_pool_gives_its_next_code(rich: Member, now: datetime) -> None:
    pool = make_voucher_type(codes=VoucherType.Codes.POOL, valid_days=7)
    for code in ("AAA", "BBB"):
        Voucher.objects.create(code=code, voucher_type=pool, state="pooled", max_uses=1)
    redeem(rich, make_reward(make_benefit(voucher_type=pool)), now)

    voucher = Voucher.objects.get(member=rich)
    assert voucher.code == "AAA"
    # Seven days from the day it was given, to the end of the last one in Ho Chi Minh City.
    assert voucher.valid_until is not None
    assert voucher.valid_until.isoformat() == "2026-03-09T17:00:00+00:00"


def test_points_of_a_wallet_are_given(rich: Member, now: datetime) -> None:
    cashback = factories.make_wallet(code="cashback", name="Hoàn tiền", kind="cashback")
    benefit = make_benefit("points", wallet=cashback, amount=20000)

    redemption = redeem(rich, make_reward(benefit), now)

    assert balances([rich.pk], wallet=cashback)[rich.pk] == 20000
    assert points(rich) == 150
    assert redemption.given is not None
    assert redemption.given.transfer is not None
    assert redemption.given.transfer.source_type == "benefit"
    assert_proved()


def test_a_gift_waits_for_its_address(rich: Member, now: datetime) -> None:
    redeem(rich, make_reward(make_benefit("gift")), now)
    assert Fulfilment.objects.get().state == Fulfilment.State.ASKED


def test_a_gift_goes_to_an_address(rich: Member, now: datetime) -> None:
    redeem_reward(
        member=rich,
        reward=make_reward(make_benefit("gift")),
        key="k1",
        at=now,
        wishes={
            "method": "delivery",
            "recipient": "Mai",
            "phone": "0912 345 678",
            "address": "12 Lê Lợi, Quận 1",
        },
    )
    gift = Fulfilment.objects.get()
    assert (gift.state, gift.phone) == (Fulfilment.State.NEW, "+84912345678")
    assert Redemption.objects.get().wishes == {}


def test_a_gift_without_a_full_address_is_refused(rich: Member, now: datetime) -> None:
    reward = make_reward(make_benefit("gift"))
    with pytest.raises(WishRefused):
        redeem_reward(
            member=rich, reward=reward, key="k1", at=now, wishes={"method": "delivery"}
        )
    assert_nothing_happened(rich, reward)


def test_an_experience_books_a_slot(rich: Member, binh: Member, now: datetime) -> None:
    benefit = make_benefit("experience")
    start = now + timedelta(days=2)
    slot = Slot.objects.create(
        benefit=benefit, starts_at=start, ends_at=start + timedelta(hours=1)
    )
    reward = make_reward(benefit)
    give(binh, 250, "binh", now)
    wishes = {"slot_id": slot.pk}
    redeem_reward(member=rich, reward=reward, key="k1", at=now, wishes=wishes)

    with pytest.raises(WishRefused):
        redeem_reward(member=binh, reward=reward, key="k2", at=now, wishes=wishes)

    assert Booking.objects.get().member == rich
    assert points(binh) == 250


def test_a_budget_bounds_whoever_gives(rich: Member, binh: Member, now: datetime) -> None:
    benefit = make_benefit(budget=1)
    reward = make_reward(benefit)
    give(binh, 250, "binh", now)
    redeem(rich, reward, now)

    with pytest.raises(BenefitUnavailable):
        redeem(binh, reward, now, key="k2")

    assert Benefit.objects.get(pk=benefit.pk).taken == 1
    assert points(binh) == 250


def test_what_is_missing_in_a_wallet_of_money_is_money(rich: Member, now: datetime) -> None:
    cashback = factories.make_wallet(code="cashback", name="Hoàn tiền", kind="cashback")
    reward = make_reward(wallet=cashback, price_points=50_000)

    with pytest.raises(RewardUnavailable) as refusal:
        redeem(rich, reward, now)

    assert refusal.value.message == "50.000 ₫ are still missing."
    assert_nothing_happened(rich, reward)
