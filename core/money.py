"""Money and points: whole numbers with an explicit rounding rule."""

import decimal
from collections.abc import Sequence
from decimal import Decimal

from django.db import models
from django.utils.translation import gettext_lazy as _

SYMBOLS = {"VND": "₫", "USD": "$", "EUR": "€", "GBP": "£"}


class Rounding(models.TextChoices):
    """What happens to the part of a point."""

    DOWN = "down", _("round down")
    HALF_UP = "half_up", _("round half up")
    UP = "up", _("round up")


_MODES = {
    Rounding.DOWN: decimal.ROUND_FLOOR,
    Rounding.HALF_UP: decimal.ROUND_HALF_UP,
    Rounding.UP: decimal.ROUND_CEILING,
}


def round_whole(value: Decimal, rounding: str) -> int:
    """Round to a whole number by a stored rule."""
    return int(value.to_integral_value(rounding=_MODES[Rounding(rounding)]))


def spread_whole(amount: int, weights: Sequence[Decimal | int]) -> tuple[int, ...]:
    """Divide an amount over weights so that the parts add up; large remainders gain.

    Without any weight the first part gets it all.
    """
    whole = sum(weights, Decimal(0))
    if not whole:
        return (amount, *[0] * (len(weights) - 1))
    exact = [amount * weight / whole for weight in weights]
    parts = [int(part) for part in exact]
    rest = sorted(range(len(parts)), key=lambda i: (parts[i] - exact[i], i))
    for index in rest[: amount - sum(parts)]:
        parts[index] += 1
    return tuple(parts)


def group_digits(number: int) -> str:
    """Write a whole number with dots between thousands: 1.250.000."""
    return f"{number:,}".replace(",", ".")


def plain_number(value: Decimal) -> str:
    """Write a number as Vietnamese does, without zeros at the end: 1.234,5."""
    whole, _dot, rest = f"{round(value, 4).normalize():f}".partition(".")
    return group_digits(int(whole)) + (f",{rest}" if rest else "")


def format_money(amount: Decimal, currency: str) -> str:
    """Write money as it is written in Vietnam: 1.250.000 ₫, 12,50 $."""
    symbol = SYMBOLS.get(currency, currency)
    if currency == "VND":
        return f"{group_digits(int(amount.to_integral_value()))} {symbol}"
    sign = "-" if amount < 0 else ""
    whole, _dot, cents = f"{abs(amount):.2f}".partition(".")
    return f"{sign}{group_digits(int(whole))},{cents} {symbol}"
