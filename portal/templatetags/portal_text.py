"""How numbers and days are written on member pages."""

from __future__ import annotations

from datetime import date

from django import template
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from core.money import group_digits

register = template.Library()


@register.filter
def points(number: int) -> str:
    """Write 1.250; below zero with a true minus."""
    return f"−{group_digits(-number)}" if number < 0 else group_digits(number)


@register.filter
def signed_points(number: int) -> str:
    """Write +1.250 or −80."""
    return f"+{group_digits(number)}" if number > 0 else points(number)


@register.filter
def days_left(day: date, today: date) -> str:
    """Say how near a day is: today, 1 day left, 9 days left."""
    days = (day - today).days
    if days <= 0:
        return _("today is the last day")
    sentence = ngettext("%(count)s day left", "%(count)s days left", days)
    return sentence % {"count": group_digits(days)}


@register.filter
def in_fours(number: str) -> str:
    """Write a card number in groups of four; leave a code with letters as it is."""
    if not number.isdigit():
        return number
    return " ".join(number[i : i + 4] for i in range(0, len(number), 4))
