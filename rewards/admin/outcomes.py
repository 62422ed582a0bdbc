"""What came of a gift: the voucher, the parcel, the booking, in words and with a link."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Any, NamedTuple

from django.contrib import admin
from django.db.models import QuerySet
from django.utils.translation import gettext as _

from core.admin_tools import link, money, number, when
from rewards.admin.words import spoken
from rewards.models import (
    Booking,
    Fulfilment,
    GivenBenefit,
    Redemption,
    Voucher,
    VoucherUse,
)
from rewards.sentence import until


class Line(NamedTuple):
    """One thing that happened."""

    at: datetime
    icon: str
    title: Any
    detail: str = ""


def with_outcomes(given: QuerySet[GivenBenefit]) -> QuerySet[GivenBenefit]:
    """Read along what ``outcome`` asks for. Two queries, however many rows."""
    return given.select_related(
        "benefit", "transfer", "fulfilment__store", "booking__slot__store"
    ).prefetch_related("vouchers__voucher_type")


def pk_of(object_id: str | None) -> int:
    """Read the id in a page's address; 0 is nobody's."""
    return int(object_id) if object_id and object_id.isdigit() else 0


def page_link(obj: Any, text: str) -> str:
    """Link to an object's page, where there is one."""
    return link(obj, text) if type(obj) in admin.site._registry else text


def outcome(given: GivenBenefit | None) -> str:
    """Say what a member has of what was given; asks for what ``with_outcomes`` reads."""
    if given is None:
        return ""
    if given.taken_back_at is not None:
        return _("taken back")
    vouchers = list(given.vouchers.all())
    if vouchers:
        return page_link(vouchers[0], spoken(vouchers[0]))
    fulfilment = getattr(given, "fulfilment", None)
    if fulfilment is not None:
        return page_link(fulfilment, str(fulfilment.get_state_display()))
    booking = getattr(given, "booking", None)
    if booking is not None:
        return page_link(booking, booking_words(booking))
    if given.transfer is not None:
        return link(given.transfer, f"+{number(given.transfer.amount)}")
    return str(given.benefit)


def cost_words(row: Redemption, unit: str, currency: str) -> str:
    """Write what was asked for it: points, money, or nothing."""
    wallet = row.reward.wallet
    unit = str(wallet.unit_name) if wallet else unit
    parts = [f"{number(row.points)} {unit}"] if row.points else []
    if row.amount:
        parts.append(money(row.amount, currency))
    return " + ".join(parts) or _("free")


def booking_words(booking: Booking) -> str:
    """Say when a booking is, or that the time is still to be chosen."""
    if booking.slot is None:
        return str(booking.get_state_display())
    parts = [when(booking.slot.starts_at), booking.slot.store, booking.slot.host]
    return " · ".join(str(part) for part in parts if part)


# --- What happened to it, line by line --------------------------------------------------


def outcome_lines(given: GivenBenefit) -> list[Line]:
    """Tell what happened to what was given, in no order yet. A few queries."""
    lines = [*_voucher_lines(given), *_gift_lines(given), *_booking_lines(given)]
    if given.taken_back_at is not None:
        lines.append(Line(given.taken_back_at, "undo", _("What was given is taken back")))
    return lines


def _voucher_lines(given: GivenBenefit) -> Iterable[Line]:
    for voucher in Voucher.objects.filter(given=given).select_related("voucher_type"):
        title = _("Voucher %(code)s: %(name)s") % {
            "code": spoken(voucher),
            "name": voucher.voucher_type.name,
        }
        ends = until(voucher.valid_until)
        detail = _("usable %(end)s") % {"end": ends} if ends else ""
        at = voucher.issued_at or given.given_at
        yield Line(at, "local_activity", page_link(voucher, title), detail)
    uses = VoucherUse.objects.filter(voucher__given=given).select_related("store")
    for use in uses:
        what = str(use.get_state_display()).capitalize()
        where = str(use.store) if use.store else use.source
        at = use.ended_at or use.used_at or use.happened_at
        yield Line(at, "point_of_sale", what, f"{where} · {use.reference}")


def _gift_lines(given: GivenBenefit) -> Iterable[Line]:
    row = Fulfilment.objects.filter(given=given).first()
    if row is None:
        return
    for event in row.events.select_related("by"):
        title = str(event.get_state_display()).capitalize()
        told = [event.by.get_username() if event.by else "", event.note]
        detail = " · ".join(part for part in told if part)
        yield Line(event.happened_at, "package_2", page_link(row, title), detail)


def _booking_lines(given: GivenBenefit) -> Iterable[Line]:
    rows = Booking.objects.filter(given=given).select_related("slot__store")
    for booking in rows:
        title = str(booking.get_state_display()).capitalize()
        detail = booking_words(booking) if booking.slot else ""
        yield Line(booking.changed_at, "event", page_link(booking, title), detail)
