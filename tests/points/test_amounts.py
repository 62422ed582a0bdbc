"""Amounts are written in the wallet's own unit, money as money."""

import pytest

from core.models import Programme
from points.amounts import Unit
from points.models import Wallet

POINTS = Unit("điểm")
DONG, DOLLARS = Unit("", "VND", 0), Unit("", "USD", 2)


@pytest.mark.parametrize(
    ("unit", "amount", "number", "with_unit", "signed"),
    [
        (POINTS, 0, "0", "0 điểm", "0"),
        (POINTS, 1_234_567_890, "1.234.567.890", "1.234.567.890 điểm", "+1.234.567.890"),
        (POINTS, -80, "−80", "−80 điểm", "−80"),
        (DONG, 125_000, "125.000 ₫", "125.000 ₫", "+125.000 ₫"),
        (DONG, -1, "−1 ₫", "−1 ₫", "−1 ₫"),
        (DOLLARS, 1050, "10,50 $", "10,50 $", "+10,50 $"),
        (DOLLARS, -5, "−0,05 $", "−0,05 $", "−0,05 $"),
    ],
)
def test_writes_numbers(
    unit: Unit, amount: int, number: str, with_unit: str, signed: str
) -> None:
    assert unit.number(amount) == number
    assert unit.amount(amount) == with_unit
    assert unit.signed(amount) == signed


def test_a_wallet_of_money_counts_the_programme_s_currency() -> None:
    programme = Programme(currency="USD")

    assert Unit.of(Wallet(kind="cashback", unit_name="xu"), programme) == DOLLARS
    assert Unit.of(Wallet(kind="stamps", unit_name="tem"), programme) == Unit("tem")
