"""Channels in few letters, and what they cost, for lists and badges."""

from __future__ import annotations

from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from core.money import group_digits
from messaging.models import ZaloTemplate

CHANNEL_NAMES: dict[str, str | Promise] = {
    "zalo_uid": "OA",
    "zalo_phone": "ZNS",
    "sms": "SMS",
    "email": gettext_lazy("E-mail"),
    "inbox": gettext_lazy("Inbox"),
}


def dong(amount: int) -> str:
    """Write a price in VND, which has no smaller coin."""
    return f"{group_digits(amount)} ₫"


def prices(known: ZaloTemplate) -> list[str]:
    """Say what Zalo asks for one message of a template."""
    told = []
    if known.price_uid is not None:
        told.append(_("%(price)s by user id") % {"price": dong(known.price_uid)})
    if known.price_phone is not None:
        told.append(_("%(price)s by phone") % {"price": dong(known.price_phone)})
    return told
