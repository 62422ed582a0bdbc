"""How times and codes of vouchers are written in the console."""

from __future__ import annotations

from datetime import datetime

from django.utils.translation import gettext as _

from core.admin_tools import when
from rewards.batches.figures import first_day, is_midnight, last_day
from rewards.codes import in_fours
from rewards.models import Voucher, VoucherType


def through(until: datetime | None) -> str:
    """Write until when something can be used: what ends at midnight, by its last day."""
    return when(last_day(until))


def since(start: datetime | None) -> str:
    """Write from when something can be used: what begins at midnight, by its day."""
    return when(first_day(start))


def window(starts: datetime | None, ends: datetime | None) -> str:
    """Say when something can be used: “from 01/01/2027 through 31/01/2027”."""
    told = {"start": since(starts), "end": ending(ends)}
    if starts and ends:
        return _("from %(start)s %(end)s") % told
    if starts:
        return _("from %(start)s on") % told
    return ending(ends) if ends else _("without an end")


def ending(until: datetime | None) -> str:
    """Say until when: through a day, or until an hour."""
    text = _("through %(end)s") if is_midnight(until) else _("until %(end)s")
    return text % {"end": through(until)}


def spoken(voucher: Voucher) -> str:
    """Write a code as its partner or staff do, or so that it can be read aloud."""
    if voucher.voucher_type.codes == VoucherType.Codes.SHARED:
        return voucher.code
    return voucher.written_as or in_fours(voucher.code)
