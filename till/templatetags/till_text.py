"""How amounts and codes are written on the till's pages."""

from __future__ import annotations

from datetime import date
from decimal import Decimal

from django import template
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from core.models import Programme
from core.money import format_money

NO_BREAK = "\N{NO-BREAK SPACE}"

register = template.Library()


@register.filter
def money(amount: Decimal, programme: Programme) -> str:
    """Write 35.000 ₫, never broken before the sign of the currency."""
    return format_money(Decimal(amount), programme.currency).replace(" ", NO_BREAK)


@register.filter
def in_fours(code: str) -> str:
    """Write a number or a code in groups of four, as it is read aloud."""
    return " ".join(code[i : i + 4] for i in range(0, len(code), 4))


@register.filter
def days_left(day: date, today: date) -> str:
    """Say how near a last day is: today, 3 days left; nothing for a far one."""
    days = (day - today).days
    if days < 0 or days > 30:
        return ""
    if days == 0:
        return _("today is the last day")
    return ngettext("%(count)s day left", "%(count)s days left", days) % {"count": days}
