"""Money: whole points by a stored rule, amounts as people write them."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.money import Rounding, format_money, group_digits, round_whole


@pytest.mark.parametrize(
    ("value", "down", "half_up", "up"),
    [
        ("0", 0, 0, 0),
        ("1.49", 1, 1, 2),
        ("1.5", 1, 2, 2),
        ("2.5", 2, 3, 3),
        ("2.999999999999999999999", 2, 3, 3),
        ("7", 7, 7, 7),
    ],
)
def test_rounds_as_the_rule_says(value: str, down: int, half_up: int, up: int) -> None:
    rounded = [round_whole(Decimal(value), mode) for mode in ("down", "half_up", "up")]

    assert rounded == [down, half_up, up]


def test_an_unknown_rule_is_a_mistake() -> None:
    with pytest.raises(ValueError, match="nearest"):
        round_whole(Decimal(1), "nearest")


@given(st.decimals(0, 10**13, places=6), st.sampled_from(Rounding.values))
def test_rounding_moves_by_less_than_a_point(value: Decimal, mode: str) -> None:
    assert abs(round_whole(value, mode) - value) < 1


@pytest.mark.parametrize(
    ("number", "text"),
    [(0, "0"), (999, "999"), (1000, "1.000"), (1250000, "1.250.000"), (-4500, "-4.500")],
)
def test_groups_digits(number: int, text: str) -> None:
    assert group_digits(number) == text


@pytest.mark.parametrize(
    ("amount", "currency", "text"),
    [
        ("1250000", "VND", "1.250.000 ₫"),
        ("1250000.00", "VND", "1.250.000 ₫"),
        ("12.5", "USD", "12,50 $"),
        ("1234.567", "EUR", "1.234,57 €"),
        ("-1234.5", "USD", "-1.234,50 $"),
        ("5", "CHF", "5,00 CHF"),
    ],
)
def test_writes_money(amount: str, currency: str, text: str) -> None:
    assert format_money(Decimal(amount), currency) == text
