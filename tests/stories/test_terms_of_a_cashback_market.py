"""The terms of a supermarket that gives money back, clause by clause.

1. 2 % of each bill come back as money, to the dong; gold members get one and a half times
   as much. The tier on which you stand when you buy decides.
2. One bill brings at most 50.000 ₫, and for gold 20.000 ₫ more; all bills of a month at
   most 80.000 ₫ of the 2 %.
3. On milk the dairy gives 10 % more and pays for 60 % of that, to the dong downwards.
4. Money back can be used from the eighth day on, and through the twelfth month.
5. It pays bills of any size, beside points: 100 points pay 1.000 ₫, for a tenth of a bill.
   What was paid with either brings nothing back.
6. What comes back from a return goes where it came from: what paid, into the days that it
   had; what was earned, out of what is left of it.
7. Points come beside it: one for each 1.000 ₫.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from decimal import Decimal

import pytest

from activities.services import OrderFact
from flows.record import record
from members.models import Member
from points.models import EarnCap, EarnRule, Funder, Lot, Wallet
from points.queries import expiring
from points.rules import publish_rule
from points.services import capture_points, quote_payment, reserve_points
from points.settlement import list_funded, settle_funders
from tests.factories import JOINED, make_earn_rule, make_programme, make_wallet
from tests.points.helpers import assert_proved
from tests.stories.shop import TILL, at, brings_back, buys, has, night, waits_for
from tests.tiers.helpers import make_ladder, tier
from tiers.models import Tier
from tiers.multipliers import draft_multiplier


@dataclass(frozen=True, slots=True)
class Market:
    points: Wallet
    money: Wallet
    dairy: Funder


@pytest.fixture(autouse=True)
def market(db: None) -> Iterator[Market]:
    make_programme()
    make_ladder(steps=(("member", None), ("gold", 3_000_000)))
    held = {"hold": "days", "hold_days": 8}
    points = make_wallet(
        pays_at_till=True,
        pay_points=100,
        pay_value=Decimal(1000),
        pay_max_percent=Decimal(10),
    )
    make_earn_rule(wallet=points, amount=Decimal(1000))
    money = make_wallet(
        code="cashback",
        name="Ví hoàn tiền",
        kind="cashback",
        expiry_policy="month_end",
        expiry_months=12,
        pays_at_till=True,
        pay_value=Decimal(1),
    )
    dairy = Funder.objects.create(code="dairy", name="Sữa Mộc")
    base = make_earn_rule(
        wallet=money,
        code="two-percent",
        name="Hoàn 2%",
        method="percent",
        percent=Decimal(2),
        order_limit=50_000,
        **held,
    )
    EarnCap.objects.create(rule=base, limit=80_000, unit="points", period="month")
    publish_rule(base, at=JOINED, for_all_time=True)
    make_earn_rule(
        wallet=money,
        code="milk",
        name="Sữa hoàn 10%",
        method="percent",
        percent=Decimal(10),
        scope="lines",
        categories=["milk"],
        funder=dairy,
        funder_percent=Decimal(60),
        **held,
    )
    _gold_gets_more(money, held)
    yield Market(points, money, dairy)
    assert_proved()


def _gold_gets_more(money: Wallet, held: dict[str, object]) -> None:
    rule = draft_multiplier(Tier.objects.get(code="gold"), wallet=money)
    EarnRule.objects.filter(pk=rule.pk).update(
        factor=Decimal("1.5"), order_limit=20_000, excluded_categories=["milk"], **held
    )
    publish_rule(EarnRule.objects.get(pk=rule.pk), at=JOINED)


def test_1_two_percent_and_half_as_much_again_for_gold(mai: Member, market: Market) -> None:
    buys(mai, "A", at("2026-03-02"), 1_234_567)
    assert waits_for(mai) == 24_691
    buys(mai, "B", at("2026-03-03"), 1_765_433)
    # The bill that makes her gold is still one of a member.
    assert tier(mai) == "gold"
    assert waits_for(mai) == 24_691 + 35_308

    buys(mai, "C", at("2026-04-02"), 500_000)
    assert waits_for(mai) == 24_691 + 35_308 + 10_000 + 5000


def test_1_a_bill_told_late_is_one_of_its_day(mai: Member, market: Market) -> None:
    buys(mai, "A", at("2026-03-02"), 3_000_000)
    assert tier(mai) == "gold"
    # The till of the corner shop had no line for a week.
    buys(mai, "B", at("2026-02-27"), 500_000, told_at=at("2026-03-06"))
    assert waits_for(mai) == 50_000 + 10_000


def test_2_limits_of_a_bill_and_of_a_month(mai: Member, market: Market) -> None:
    buys(mai, "A", at("2026-03-02"), 9_000_000)
    assert waits_for(mai) == 50_000
    buys(mai, "B", at("2026-03-03"), 9_000_000)
    # 30.000 ₫ are left of the month; gold adds its 20.000 ₫ to what the bill would bring.
    assert waits_for(mai) == 50_000 + 30_000 + 20_000
    buys(mai, "C", at("2026-04-01", "00:00"), 9_000_000)
    assert waits_for(mai) == 100_000 + 50_000 + 20_000


def test_3_the_dairy_pays_its_share_and_gets_back_its_share(
    mai: Member, market: Market
) -> None:
    buys(mai, "A", at("2026-03-02"), goods={"milk": 123_456, "bread": 76_544})
    # 2 % of the bill, and 12.345 ₫ on milk: 7.407 ₫ are the dairy's.
    assert waits_for(mai) == 4000 + 12_345

    brings_back(mai, "R", at("2026-03-03"), 100_000, of="A")

    # Half of everything is left: 2.000 ₫ and 6.172 ₫, of which the dairy pays 3.703 ₫.
    assert waits_for(mai) == 2000 + 6172
    days = {"first": date(2000, 1, 1), "last": date(2100, 1, 1)}
    (line,) = settle_funders(**days)
    assert (line.given, line.taken_back, line.net) == (7407, 3704, 3703)
    assert (line.held, line.worth, line.orders) == (3703, Decimal(3703), 1)
    told = [row.points for row in list_funded(funder=market.dairy, **days)]
    assert told == [7407, -3704]


def test_4_it_waits_a_week_and_lasts_a_year(mai: Member, market: Market) -> None:
    buys(mai, "A", at("2026-03-02"), 1_000_000)
    night("2026-03-09")
    assert has(mai, market.money) == 0
    night("2026-03-10")
    assert has(mai, market.money) == 20_000
    soon = expiring([mai.pk], at=at("2027-03-20"), wallet=market.money)
    assert [tuple(one) for one in soon[mai.pk]] == [(date(2027, 3, 31), 20_000)]
    night("2027-03-31")
    assert has(mai, market.money) == 20_000
    night("2027-04-01")
    assert has(mai, market.money) == 0


def pays_with_both(mai: Member, number: str, day: str, total: int, market: Market) -> None:
    """Pay with as many points as the terms allow, the rest as far as it goes with money."""
    moment, paid, holds = at(day), Decimal(0), []
    for wallet in (market.points, market.money):
        offer = quote_payment(
            member=mai,
            order_total=Decimal(total),
            wallet=wallet,
            already_paid=paid,
            at=moment,
        )
        paid += offer.value
        holds.append(
            reserve_points(
                member=mai,
                amount=offer.points,
                value=offer.value,
                source=TILL,
                reference=f"{number}-{wallet.code}",
                wallet=wallet,
                at=moment,
            )
        )
    fact = OrderFact(TILL, number, mai.pk, moment, Decimal(total), points_amount=paid)
    (answer,) = record([fact], at=moment)
    for one in holds:
        capture_points(reservation=one, order_id=answer.order_id, at=moment)


def test_5_points_and_money_pay_one_bill(mai: Member, market: Market) -> None:
    buys(mai, "A", at("2026-03-02"), 2_000_000)
    night("2026-03-10")
    assert (has(mai, market.points), has(mai, market.money)) == (2000, 40_000)

    pays_with_both(mai, "B", "2026-03-11", 50_000, market)

    # 500 points pay 5.000 ₫, the other 45.000 ₫ are met by all of the 40.000 ₫; what was
    # paid in cash, 5.000 ₫, brings 100 ₫ and five points.
    assert (has(mai, market.points), has(mai, market.money)) == (1505, 0)
    assert waits_for(mai) == 100


def test_6_what_paid_comes_back_into_its_days(mai: Member, market: Market) -> None:
    buys(mai, "A", at("2026-03-02"), 1_000_000)
    buys(mai, "B", at("2026-04-02"), 1_000_000)
    night("2026-04-20")
    lots = Lot.objects.filter(account__wallet=market.money).order_by("expires_on")
    assert [lot.remaining for lot in lots] == [20_000, 20_000]

    pays_with_both(mai, "C", "2026-04-21", 40_000, market)
    assert (has(mai, market.points), has(mai, market.money)) == (1600, 4000)

    # Half of the bill comes back: 2.000 ₫ of the points, 18.000 ₫ of the money.
    brings_back(mai, "R", at("2026-04-22"), 20_000, of="C")
    assert (has(mai, market.points), has(mai, market.money)) == (1800, 22_000)
    # What was drawn last returns first: April is whole again, March gets the rest.
    assert [lot.remaining for lot in lots.all()] == [2000, 20_000]

    brings_back(mai, "S", at("2026-04-23"), 20_000, of="C")
    assert (has(mai, market.points), has(mai, market.money)) == (2000, 40_000)


def test_6_a_return_takes_what_is_left_of_the_money(mai: Member, market: Market) -> None:
    buys(mai, "A", at("2026-03-02"), 1_000_000)
    night("2026-03-10")
    pays_with_both(mai, "B", "2026-03-11", 15_000, market)
    # 100 points pay 1.000 ₫ of the 15.000 ₫.
    assert has(mai, market.money) == 20_000 - 14_000

    back = brings_back(mai, "R", at("2026-03-12"), 1_000_000, of="A")

    assert has(mai, market.money) == 0
    # The slip of the return speaks of points: 900 were there of the 1.000.
    assert (back.points_taken, back.points_short) == (900, 100)
    assert has(mai, market.points) == 0


def test_no_way_round_makes_money(mai: Member, market: Market) -> None:
    """Buy, wait, pay with it, return both bills: nobody is a dong richer."""
    for turn in range(1, 5):
        month = f"2026-{turn + 2:02d}"
        buys(mai, f"A{turn}", at(f"{month}-01"), 2_000_000)
        night(f"{month}-09")
        pays_with_both(mai, f"B{turn}", f"{month}-10", 50_000, market)
        brings_back(mai, f"R{turn}", at(f"{month}-11"), 50_000, of=f"B{turn}")
        brings_back(mai, f"S{turn}", at(f"{month}-12"), 2_000_000, of=f"A{turn}")
        night(f"{month}-20")
        held = (has(mai, market.points), has(mai, market.money), waits_for(mai))
        assert held == (0, 0, 0), (turn, held)
