"""Amounts of wallets as the console writes them: bare numbers, or money."""

from __future__ import annotations

from django.utils.html import format_html
from django.utils.safestring import SafeString

from core.money import SYMBOLS
from points.amounts import Unit


def unit_label(unit: Unit) -> str:
    """Return what an amount is counted in: điểm, or the sign of the currency."""
    return unit.name or SYMBOLS.get(unit.currency, unit.currency)


def signed_amount(amount: int, unit: Unit) -> SafeString:
    """Write an amount with its sign; colour only helps."""
    kind = "gain" if amount > 0 else "loss"
    return format_html('<span class="console-{}">{}</span>', kind, unit.signed(amount))
