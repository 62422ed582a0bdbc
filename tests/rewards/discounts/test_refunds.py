"""Refunds give back what was really paid: no dong is lost or won on the way."""

from __future__ import annotations

import random
from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.errors import InvalidInput
from rewards.discounts.basket import Asked, Basket
from rewards.discounts.refunds import ReturnedLine, SoldLine, refund_lines
from tests.rewards.discounts.helpers import ask, asked, basket, line
from tests.rewards.discounts.strategies import baskets, vouchers

THREE = SoldLine("A", Decimal(3), Decimal(120_000), Decimal(100_000))


def refund(quantity: str, before: str = "0", sold: SoldLine = THREE) -> ReturnedLine:
    (returned,) = refund_lines(
        [sold], {"A": Decimal(quantity)}, before={"A": Decimal(before)}, decimals=0
    )
    return returned


@pytest.mark.parametrize(
    ("quantity", "before", "paid", "taken"),
    [
        ("1", "0", 33_333, 6_666),
        ("1", "1", 33_333, 6_667),
        ("1", "2", 33_334, 6_667),
        ("2", "0", 66_666, 13_333),
        ("2", "1", 66_667, 13_334),
        ("3", "0", 100_000, 20_000),
        ("0", "1", 0, 0),
        ("0.5", "0", 16_666, 3_333),
        ("0.5", "0.5", 16_667, 3_333),
    ],
)
def test_pieces_of_one_line(quantity: str, before: str, paid: int, taken: int) -> None:
    returned = refund(quantity, before)

    assert (returned.paid, returned.taken) == (paid, taken)
    assert returned.price == paid + taken


def test_several_lines_after_a_voucher() -> None:
    """50,000 off 200,000: the coffee costs 33,750 each, the cake 60,000."""
    bought = basket(line("CF", 45_000, 2), line("TE", 30_000), line("CK", 80_000))
    result = ask(bought, asked("V", "amount", amount=50_000))
    sold = [row.sold for row in result.lines]

    returned = refund_lines(sold, {"CF": Decimal(1), "CK": Decimal(1)}, decimals=0)

    assert [(r.key, r.paid, r.taken) for r in returned] == [
        ("CF", 33_750, 11_250),
        ("CK", 60_000, 20_000),
    ]


def test_in_cents() -> None:
    sold = SoldLine("A", Decimal(3), Decimal("10.00"), Decimal("9.99"))

    first = refund_lines([sold], {"A": Decimal(2)}, decimals=2)[0]
    assert (str(first.paid), str(first.taken)) == ("6.66", "0.00")


@pytest.mark.parametrize(
    ("quantity", "before", "left"),
    [
        ("4", "0", "3"),
        ("1.5", "2", "1"),
        ("0.001", "3", "0"),
        ("1", "5", "0"),
        ("-1", "2", "1"),
    ],
)
def test_no_more_comes_back_than_was_sold(quantity: str, before: str, left: str) -> None:
    with pytest.raises(InvalidInput, match=f"Of line A, {left} can still come back"):
        refund(quantity, before)


def test_an_unknown_line_is_refused() -> None:
    with pytest.raises(InvalidInput, match="has no line B"):
        refund_lines([THREE], {"B": Decimal(1)}, decimals=0)


@given(
    baskets(),
    vouchers(2),
    st.randoms(use_true_random=False),
    st.sampled_from([Decimal("0.25"), Decimal(1), Decimal("0.1")]),
)
@settings(max_examples=200, deadline=None)
def test_any_order_of_refunds_gives_back_what_was_paid(
    bought: Basket, told: list[Asked], chance: random.Random, portion: Decimal
) -> None:
    result = ask(bought, *told)
    sold = [row.sold for row in result.lines]
    left = {row.key: row.quantity for row in sold}
    before = dict.fromkeys(left, Decimal(0))
    paid, taken = dict(before), dict(before)
    while left:
        key = chance.choice(sorted(left))
        quantity = min(portion, left[key])
        (back,) = refund_lines(sold, {key: quantity}, before=before, decimals=0)
        assert min(back.paid, back.taken) >= 0
        paid[key] += back.paid
        taken[key] += back.taken
        before[key] += quantity
        left[key] -= quantity
        if not left[key]:
            del left[key]

    assert paid == {row.line.key: row.paid for row in result.lines}
    assert taken == {row.line.key: row.taken for row in result.lines}
