"""How numbers and days are written on member pages."""

from __future__ import annotations

from datetime import date

from django import template
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from core.money import group_digits
from core.phones import display_phone
from core.pictures import PictureSize, picture_address
from points.amounts import Unit
from rewards import codes
from rewards.models import Benefit, Slot

# Farther days are told by their date alone.
NEAR_DAYS = 30
SOON_DAYS = 3
KIND_ICONS = {
    Benefit.Kind.POINTS: "points",
    Benefit.Kind.VOUCHER: "ticket",
    Benefit.Kind.GIFT: "gift",
    Benefit.Kind.EXPERIENCE: "calendar",
    Benefit.Kind.DONATION: "heart",
    Benefit.Kind.TAG: "tag",
    Benefit.Kind.TIER_DAYS: "crown",
}

register = template.Library()


@register.filter
def number_in(number: int, unit: Unit) -> str:
    """Write 1.250, or 1.250 ₫; below zero with a true minus."""
    return unit.number(number)


@register.filter
def amount_in(number: int, unit: Unit) -> str:
    """Write 1.250 điểm, or 1.250 ₫."""
    return unit.amount(number)


@register.filter
def signed_in(number: int, unit: Unit) -> str:
    """Write +1.250 or −80, or +1.250 ₫."""
    return unit.signed(number)


@register.filter
def is_long(number: int) -> bool:
    """Tell whether a number needs smaller digits to fit a small phone."""
    return abs(number) > 999_999


@register.filter
def days_left(day: date, today: date) -> str:
    """Say how near a day is: today, 1 day left, 9 days left."""
    days = (day - today).days
    if days <= 0:
        return _("today is the last day")
    sentence = ngettext("%(count)s day left", "%(count)s days left", days)
    return sentence % {"count": group_digits(days)}


@register.filter
def days_until(day: date, today: date) -> str:
    """Say how near a day to come is: today, 3 days left; nothing for a far one."""
    days = (day - today).days
    if days <= 0:
        return _("today")
    if days > NEAR_DAYS:
        return ""
    sentence = ngettext("%(count)s day left", "%(count)s days left", days)
    return sentence % {"count": days}


@register.filter
def in_fours(number: str) -> str:
    """Write a card number in groups of four; leave a code with letters as it is."""
    if not number.isdigit():
        return number
    return " ".join(number[i : i + 4] for i in range(0, len(number), 4))


@register.filter
def ends_in(day: date, today: date) -> str:
    """Say how near a last day is: today is the last day, 3 days left; nothing if far."""
    return "" if (day - today).days > NEAR_DAYS else days_left(day, today)


@register.filter
def is_soon(day: date, today: date) -> bool:
    """Tell whether a last day is so near that it should catch the eye."""
    return (day - today).days <= SOON_DAYS


@register.filter
def near_day(day: date, today: date) -> str:
    """Say today or tomorrow; nothing for a later day."""
    return {0: _("today"), 1: _("tomorrow")}.get((day - today).days, "")


@register.filter
def spaced(code: str) -> str:
    """Write a code in groups of four, so that it can be read aloud."""
    return codes.in_fours(code)


@register.filter
def phone_shown(number: str) -> str:
    """Write a phone number as people do."""
    return display_phone(number)


@register.filter
def kind_icon(benefit: Benefit) -> str:
    """Return the name of the icon for what is given."""
    return KIND_ICONS.get(Benefit.Kind(benefit.kind), "gift")


@register.filter
def picture(digest: str, size: PictureSize = "card") -> str:
    """Return where a picture is served."""
    return picture_address(digest, size)


@register.filter
def places_left(slot: Slot) -> int:
    """Return how many may still book a time."""
    return slot.capacity - slot.taken
