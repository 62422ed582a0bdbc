"""How times and codes of vouchers are written in the console."""

from __future__ import annotations

from datetime import datetime, timedelta

from django.utils import timezone
from django.utils.translation import gettext as _

from core.admin_tools import NOTHING, when
from rewards.codes import in_fours
from rewards.models import Voucher, VoucherType


def through(until: datetime | None) -> str:
    """Write until when something can be used: what ends at midnight, by its last day."""
    if until is None:
        return NOTHING
    local = timezone.localtime(until)
    if (local.hour, local.minute, local.second) == (0, 0, 0):
        return when(local.date() - timedelta(days=1))
    return when(until)


def since(start: datetime | None) -> str:
    """Write from when something can be used: what begins at midnight, by its day."""
    if start is None:
        return NOTHING
    local = timezone.localtime(start)
    if (local.hour, local.minute, local.second) == (0, 0, 0):
        return when(local.date())
    return when(start)


def window(starts: datetime | None, ends: datetime | None) -> str:
    """Say when something can be used."""
    told = {"start": since(starts), "end": through(ends)}
    if starts and ends:
        return _("from %(start)s through %(end)s") % told
    if starts:
        return _("from %(start)s on") % told
    return _("through %(end)s") % told if ends else _("without an end")


def spoken(voucher: Voucher) -> str:
    """Write a code as its partner or staff do, or so that it can be read aloud."""
    if voucher.voucher_type.codes == VoucherType.Codes.SHARED:
        return voucher.code
    return voucher.written_as or in_fours(voucher.code)
