"""The terms and conditions of a coffee house, clause by clause, and what follows.

1. Each full 10.000 ₫ of a bill gives 1 point. What is paid with points earns nothing.
2. Points can be used from the eighth day after the purchase on.
3. They can be used until the last day of the twelfth month after the purchase.
4. Coffee earns double; on weekdays from 14:00 to 17:00 every bill has 5 points more.
5. A review gives 20 points, once a day and three times a month at most.
6. On your birthday we give 50 points; who was born on 29 February has it on the 28th.
7. 100 points pay 10.000 ₫, from 200 points on and for half of a bill at most.
8. Who brings goods back gives back their points. Spent ones become a debt, which the next
   purchases repay. Points that paid return as what they were.
9. After 30 days of membership you may give points to a friend: at least 50 at a time, 500
   a day; the house keeps 2 % on top.
10. What the till tells late counts for the day on which you bought.
"""

from __future__ import annotations

from datetime import date, datetime, time
from decimal import Decimal

import pytest

from members.models import Member
from points.errors import GiftRefused
from points.models import EarnCap, EarnRule, Transfer, Wallet
from points.queries import balance_as_of, expiring
from points.rules import publish_rule
from tests.factories import JOINED, make_earn_rule, make_wallet
from tests.points.helpers import give, lots
from tests.stories.shop import (
    at,
    brings_back,
    buys,
    does,
    gives,
    has,
    night,
    pays_with_points,
    waits_for,
)

END_OF_MARCH = date(2027, 3, 31)


@pytest.fixture
def wallet(db: None) -> Wallet:
    return make_wallet(
        expiry_policy="month_end",
        expiry_months=12,
        allows_debt=True,
        pays_at_till=True,
        pay_points=100,
        pay_value=Decimal(10_000),
        pay_minimum=200,
        pay_max_percent=Decimal(50),
        transfers_allowed=True,
        transfer_minimum=50,
        transfer_daily_limit=500,
        transfer_fee_percent=Decimal(2),
        transfer_member_days=30,
    )


@pytest.fixture(autouse=True)
def base(wallet: Wallet) -> EarnRule:
    return make_earn_rule(wallet=wallet, hold="days", hold_days=8)


def test_1_each_full_ten_thousand_gives_a_point(mai: Member) -> None:
    assert buys(mai, "HD-1", at("2026-03-02"), 9_999) == 0
    assert buys(mai, "HD-2", at("2026-03-02"), 10_000) == 1
    assert buys(mai, "HD-3", at("2026-03-02"), 99_999) == 9
    # 60.000 ₫ of this bill are paid with points, 40.000 ₫ with money.
    paid = {"points_amount": Decimal(60_000)}
    assert buys(mai, "HD-4", at("2026-03-02"), 100_000, **paid) == 4


def test_2_points_wait_until_the_eighth_day(mai: Member) -> None:
    buys(mai, "HD-1", at("2026-03-02", "23:59"), 200_000)
    night("2026-03-09")
    assert (has(mai), waits_for(mai)) == (0, 20)

    night("2026-03-10")

    assert (has(mai), waits_for(mai)) == (20, 0)


def test_2_goods_that_come_back_in_time_never_were_points(mai: Member) -> None:
    buys(mai, "HD-1", at("2026-03-02"), 200_000)

    brings_back(mai, "TH-1", at("2026-03-05"), 150_000, of="HD-1")
    night("2026-03-10")

    assert (has(mai), waits_for(mai)) == (5, 0)


def test_3_points_end_with_the_twelfth_month(mai: Member) -> None:
    buys(mai, "HD-1", at("2026-03-02"), 200_000)
    buys(mai, "HD-2", at("2026-03-31"), 50_000)
    night("2026-04-20")
    assert lots(mai) == [(END_OF_MARCH, 20), (END_OF_MARCH, 5)]
    soon = expiring([mai.pk], at=at("2027-03-25"))
    assert [tuple(one) for one in soon[mai.pk]] == [(END_OF_MARCH, 25)]

    night("2027-03-31")
    assert has(mai) == 25
    night("2027-04-01")

    assert has(mai) == 0


@pytest.mark.parametrize(
    ("when", "points"),
    [
        (at("2026-03-02", "13:59"), 12),
        (at("2026-03-02", "14:00"), 17),
        (at("2026-03-02", "16:59"), 17),
        (at("2026-03-02", "17:00"), 12),
        (at("2026-03-07", "15:00"), 12),  # a Saturday
    ],
)
def test_4_coffee_doubles_and_quiet_hours_add(
    mai: Member, wallet: Wallet, when: datetime, points: int
) -> None:
    make_earn_rule(
        wallet=wallet,
        code="coffee",
        method="multiplier",
        factor=Decimal(2),
        scope="lines",
        categories=["coffee"],
        hold="days",
        hold_days=8,
    )
    make_earn_rule(
        wallet=wallet,
        code="quiet-hours",
        method="extra",
        points=5,
        weekdays=[0, 1, 2, 3, 4],
        from_time=time(14),
        until_time=time(17),
        hold="days",
        hold_days=8,
    )

    # Nine points for the bill; the coffee in it brought three of them.
    goods = {"coffee": 30_000, "cake": 60_000}

    assert buys(mai, "HD-1", when, goods=goods) == points
    night("2026-04-01")
    assert has(mai) == points


def test_5_reviews_count_once_a_day_and_three_times_a_month(
    mai: Member, wallet: Wallet
) -> None:
    does(mai, "review", "0", at("2026-02-01"))  # the shop knows reviews, no rule does yet
    rule = EarnRule(
        code="review",
        name="Đánh giá",
        wallet=wallet,
        trigger="activity",
        method="fixed",
        points=20,
    )
    rule.activity_type = mai.activities.get().type
    rule.save()
    EarnCap.objects.create(rule=rule, limit=1, unit="times", period="day")
    EarnCap.objects.create(rule=rule, limit=3, unit="times", period="month")
    publish_rule(rule, at=JOINED)

    assert does(mai, "review", "1", at("2026-03-02", "08:00")) == 20
    assert does(mai, "review", "2", at("2026-03-02", "23:59")) == 0
    assert does(mai, "review", "3", at("2026-03-03", "00:00")) == 20
    assert does(mai, "review", "4", at("2026-03-04")) == 20
    assert does(mai, "review", "5", at("2026-03-31", "23:59")) == 0
    assert does(mai, "review", "6", at("2026-04-01", "00:00")) == 20
    assert has(mai) == 80


def test_6_a_birthday_comes_every_year(mai: Member, wallet: Wallet) -> None:
    make_earn_rule(
        wallet=wallet, code="birthday", trigger="birthday", method="fixed", points=50
    )
    mai.birth_date = date(2000, 2, 29)
    mai.save()

    night("2027-02-27")
    assert has(mai) == 0
    night("2027-02-28")
    night("2027-02-28")
    assert has(mai) == 50
    night("2028-02-28")
    assert has(mai) == 50
    night("2028-02-29")
    # Last year's can be used through this day, too.
    assert has(mai) == 100
    night("2028-03-01")
    assert has(mai) == 50


def test_7_points_pay_for_half_a_bill_in_whole_blocks(mai: Member, wallet: Wallet) -> None:
    give(mai, 750, "opening", at("2026-03-01"), END_OF_MARCH)

    paid = pays_with_points(mai, "HD-1", at("2026-03-02"), 90_000, wallet)

    # Half of the bill is 45.000 ₫: four blocks. Five points come for the money paid.
    assert (paid.captured, paid.value) == (400, Decimal(40_000))
    assert (has(mai), waits_for(mai)) == (350, 5)


def test_8_spent_points_become_a_debt_that_purchases_repay(
    mai: Member, wallet: Wallet
) -> None:
    buys(mai, "HD-1", at("2026-03-02"), 3_000_000)
    night("2026-03-10")
    pays_with_points(mai, "HD-2", at("2026-03-11"), 60_000, wallet)
    assert has(mai) == 0

    brings_back(mai, "TH-1", at("2026-03-12"), 1_000_000, of="HD-1")
    assert has(mai) == -100

    buys(mai, "HD-3", at("2026-03-13"), 1_500_000)
    night("2026-03-21")
    # 3 points of HD-2 came out of their wait, too.
    assert has(mai) == -100 + 3 + 150
    assert sum(points for _day, points in lots(mai)) == 53


def test_8_points_that_paid_return_with_their_own_last_day(
    mai: Member, wallet: Wallet
) -> None:
    give(mai, 100, "old", at("2026-03-01"), date(2026, 6, 30))
    give(mai, 300, "new", at("2026-03-01"), END_OF_MARCH)
    pays_with_points(mai, "HD-1", at("2026-03-02"), 80_000, wallet)
    assert lots(mai) == []

    back = brings_back(mai, "TH-1", at("2026-03-03"), 40_000, of="HD-1")

    # Half of the bill is back, so half of the 400 points; the last ones drawn come first.
    assert back.points_returned == 200
    assert lots(mai) == [(END_OF_MARCH, 200)]
    brings_back(mai, "TH-2", at("2026-03-04"), 40_000, of="HD-1")
    assert sorted(lots(mai)) == [(date(2026, 6, 30), 100), (END_OF_MARCH, 300)]
    assert waits_for(mai) == 0


def test_9_points_for_a_friend(mai: Member, binh: Member, wallet: Wallet) -> None:
    give(mai, 1000, "opening", at("2026-03-01"), END_OF_MARCH)

    gives(mai, binh, 300, at("2026-03-02", "09:00"), wallet)

    assert (has(mai), has(binh)) == (1000 - 300 - 6, 300)
    assert lots(binh) == [(END_OF_MARCH, 300)]
    with pytest.raises(GiftRefused, match="500 điểm a day"):
        gives(mai, binh, 201, at("2026-03-02", "10:00"), wallet)
    with pytest.raises(GiftRefused, match="50 điểm"):
        gives(mai, binh, 49, at("2026-03-02", "10:00"), wallet)
    gives(mai, binh, 200, at("2026-03-02", "10:00"), wallet)
    gives(mai, binh, 100, at("2026-03-03", "00:00"), wallet)
    assert (has(mai), has(binh)) == (1000 - 600 - 12, 600)


def test_9_who_has_just_joined_gives_nothing(
    mai: Member, binh: Member, wallet: Wallet
) -> None:
    mai.joined_at = at("2026-03-01")
    mai.save()
    give(mai, 100, "opening", at("2026-03-01"))

    with pytest.raises(GiftRefused, match="30 days"):
        gives(mai, binh, 50, at("2026-03-30"), wallet)

    assert (has(mai), has(binh)) == (100, 0)
    gives(mai, binh, 50, at("2026-03-31"), wallet)
    assert (has(mai), has(binh)) == (49, 50)


def test_10_a_till_that_was_offline_tells_the_day_of_the_purchase(
    mai: Member, base: EarnRule
) -> None:
    base.points = 3
    base.save()
    publish_rule(base, at=at("2026-03-10"))

    # Bought on the 8th under the old rule, told on the 20th.
    earned = buys(mai, "HD-1", at("2026-03-08"), 100_000, told_at=at("2026-03-20"))

    assert earned == 10
    night("2026-03-20")
    assert has(mai) == 10
    assert lots(mai) == [(END_OF_MARCH, 10)]
    assert Transfer.objects.get(kind="earn").happened_at == at("2026-03-08")
    assert balance_as_of(mai, wallet=base.wallet, at=at("2026-03-19")) == 0


def test_no_way_round_makes_points(mai: Member, wallet: Wallet) -> None:
    """Buy, earn, spend, return, again and again: the house never loses a point."""
    for turn in range(1, 6):
        month = f"2026-{turn + 2:02d}"
        buys(mai, f"HD-{turn}", at(f"{month}-01"), 4_000_000)
        night(f"{month}-09")
        pays_with_points(mai, f"P-{turn}", at(f"{month}-10"), 80_000, wallet)
        brings_back(mai, f"TH-{turn}", at(f"{month}-11"), 4_000_000, of=f"HD-{turn}")
        brings_back(mai, f"TP-{turn}", at(f"{month}-12"), 80_000, of=f"P-{turn}")
        night(f"{month}-20")
        assert (has(mai), waits_for(mai)) == (0, 0)
