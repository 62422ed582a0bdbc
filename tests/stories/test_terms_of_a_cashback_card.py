"""The terms of a fashion house that gives money back, stamps and a status, side by side.

A. 5 % of each purchase come back as money, to the dong; the mall pays 40 % of that.
B. Money back can be used once the 14 days for returns are over, and pays any bill.
C. Each pair of shoes is a stamp; stamps never end and cannot be given away.
D. Status counts every 1.000 ₫ of the year, whatever is spent of the money back.
E. Where money back is already spent, a return takes only what is left.
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal

import pytest
from django.db.models import Sum

from members.models import Member
from points.errors import GiftRefused
from points.models import Funder, Transfer, Wallet
from tests.factories import make_earn_rule, make_wallet
from tests.stories.shop import (
    at,
    brings_back,
    buys,
    gives,
    has,
    night,
    pays_with_points,
    waits_for,
)


@dataclass(frozen=True, slots=True)
class Card:
    cashback: Wallet
    stamps: Wallet
    status: Wallet
    mall: Funder


@pytest.fixture(autouse=True)
def card(db: None) -> Card:
    mall = Funder.objects.create(code="mall", name="Mộc Mall")
    cashback = make_wallet(
        code="cashback",
        name="Ví hoàn tiền",
        kind="cashback",
        pays_at_till=True,
        pay_points=1,
        pay_value=Decimal(1),
    )
    stamps = make_wallet(code="stamps", name="Tem", kind="stamps")
    status = make_wallet(
        code="status",
        name="Điểm xét hạng",
        kind="qualifying",
        expiry_policy="year_end",
        expiry_months=0,
    )
    make_earn_rule(
        wallet=cashback,
        code="five-percent",
        points=5,
        amount=Decimal(100),
        hold="days",
        hold_days=14,
        funder=mall,
        funder_percent=Decimal(40),
    )
    make_earn_rule(
        wallet=stamps,
        code="shoes",
        method="per_unit",
        points=1,
        amount=Decimal(1),
        scope="lines",
        categories=["shoes"],
    )
    make_earn_rule(wallet=status, code="status", amount=Decimal(1000))
    return Card(cashback, stamps, status, mall)


def paid_by(funder: Funder | None) -> int:
    """Return what a party has given and not got back."""
    of = Transfer.objects.filter(funder=funder, source_type="order")
    given = of.filter(kind="earn").aggregate(sum=Sum("amount"))["sum"] or 0
    back = of.filter(kind="reverse", reverses__kind="earn")
    return int(given - (back.aggregate(sum=Sum("amount"))["sum"] or 0))


def test_a_money_comes_back_and_the_mall_pays_its_share(mai: Member, card: Card) -> None:
    buys(mai, "HD-1", at("2026-03-02"), 1_234_567)

    # 61.728,35 ₫, of which the mall pays 24.691.
    assert waits_for(mai) == 61_728
    assert paid_by(card.mall) == 24_691
    night("2026-03-15")
    assert has(mai, card.cashback) == 0
    night("2026-03-16")
    assert has(mai, card.cashback) == 61_728


def test_a_a_return_gives_the_mall_its_share_back(mai: Member, card: Card) -> None:
    buys(mai, "HD-1", at("2026-03-02"), 1_000_000)

    brings_back(mai, "TH-1", at("2026-03-05"), 500_000, of="HD-1")

    assert paid_by(card.mall) == 10_000
    assert waits_for(mai) == 25_000
    assert has(mai, card.status) == 500


def test_b_money_back_pays_any_bill(mai: Member, card: Card) -> None:
    buys(mai, "HD-1", at("2026-03-02"), 1_000_000)
    night("2026-03-16")

    paid = pays_with_points(mai, "HD-2", at("2026-03-17"), 30_000, card.cashback)

    assert paid.value == Decimal(30_000)
    assert has(mai, card.cashback) == 20_000


def test_c_stamps_count_pairs_and_stay(mai: Member, binh: Member, card: Card) -> None:
    buys(mai, "HD-1", at("2026-03-02"), goods={"shoes": 900_000, "socks": 90_000})
    night("2036-03-02")

    assert has(mai, card.stamps) == 1
    with pytest.raises(GiftRefused):
        gives(mai, binh, 1, at("2036-03-03"), card.stamps)
    assert has(mai, card.stamps) == 1


def test_d_status_is_of_the_year_and_no_money(mai: Member, card: Card) -> None:
    buys(mai, "HD-1", at("2026-03-02"), 1_000_000)
    night("2026-03-16")
    pays_with_points(mai, "HD-2", at("2026-03-17"), 50_000, card.cashback)
    # What was paid with money back does not count: the second bill adds nothing.
    assert has(mai, card.status) == 1000

    night("2026-12-31")
    assert has(mai, card.status) == 1000
    night("2027-01-01")
    assert has(mai, card.status) == 0


def test_e_a_return_takes_only_what_is_left(mai: Member, card: Card) -> None:
    buys(mai, "HD-1", at("2026-03-02"), 1_000_000)
    night("2026-03-16")
    pays_with_points(mai, "HD-2", at("2026-03-17"), 30_000, card.cashback)
    assert has(mai, card.cashback) == 20_000

    back = brings_back(mai, "TH-1", at("2026-03-18"), 1_000_000, of="HD-1")

    # This shop's first wallet is its cashback, so the refund speaks of dongs.
    assert (back.points_taken, back.points_short) == (20_000, 30_000)
    assert has(mai, card.cashback) == 0
