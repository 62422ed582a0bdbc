"""The engine agrees with a naive model that tries everything, to the dong."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from hypothesis import event, given, settings
from hypothesis import strategies as st

from rewards.discounts.basket import Asked, Basket
from tests.rewards.discounts.helpers import ask, asked, basket, line
from tests.rewards.discounts.model import best

CATEGORIES = ["a", "b"]
# Close numbers, so that ties, thresholds and rounding meet often.
MONEY = st.sampled_from([1, 3, 7, 10, 33, 50, 99, 100, 101, 150, 333])


@st.composite
def baskets(draw: Any) -> Basket:
    lines = []
    for number in range(draw(st.integers(1, 4))):
        price, quantity = draw(MONEY), draw(st.integers(1, 3))
        lines.append(
            line(
                f"L{number}",
                price,
                quantity,
                category=draw(st.sampled_from(CATEGORIES)),
                discount=draw(st.integers(0, price * quantity // 3)),
                floor=draw(st.sampled_from([0, 0, price // 2, price])),
            )
        )
    return basket(*lines, delivery=draw(st.sampled_from([0, 20, 50])))


@st.composite
def vouchers(draw: Any, code: str) -> Asked:
    kind = draw(
        st.sampled_from(["percent", "percent", "amount", "amount", "free_delivery"])
    )
    told: dict[str, Any] = {
        "percent": draw(st.sampled_from([1, 10, "12.5", 33, 50, 100])),
        "amount": draw(MONEY),
        "at_most": draw(st.sampled_from([None, None, 7, 50])),
        "price": draw(st.sampled_from(["rest", "shop", "list"])),
        "rounding": draw(st.sampled_from(["down", "down", "half_up", "up"])),
        "minimum_value": draw(st.sampled_from([0, 0, 0, 0, 100, 200])),
        "counted_price": draw(st.sampled_from(["rest", "rest", "shop", "list"])),
        "counted": draw(st.sampled_from(["order", "products"])),
        "priority": draw(st.integers(1, 3)),
        "exclusive": draw(st.sampled_from([False] * 5 + [True])),
        "group": draw(st.sampled_from(["", "", "", "g"])),
    }
    if kind != "free_delivery" and draw(st.booleans()):
        told["on"] = [draw(st.sampled_from(CATEGORIES))]
    return asked(code, kind, **told)


@given(
    baskets(),
    st.tuples(*(vouchers(code) for code in "ABCD")),
    st.sampled_from([4, 3, 2]),
    st.sampled_from([None, None, None, 2]),
)
@settings(max_examples=400, deadline=None)
def test_every_combination(
    bought: Basket, told: tuple[Asked, ...], count: int, most: int | None
) -> None:
    told = told[:count]
    result = ask(bought, *told, most_vouchers=most)
    naive = best(bought, list(told), most)

    event(f"vouchers used: {sum(v.is_used for v in result.vouchers)}")
    assert {v.asked.code: v.taken for v in result.vouchers if v.is_used} == naive["taken"]
    paid = {row.line.key: row.paid for row in result.lines}
    assert {**paid, "delivery": result.delivery_paid} == naive["owed"]
    assert all(isinstance(amount, Decimal) for amount in paid.values())
