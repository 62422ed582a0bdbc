"""Gifts on paper: the packing list and the file for a carrier; both leave their trace."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from django.contrib.admin.models import CHANGE, LogEntry
from django.db.models import QuerySet
from django.utils.translation import gettext as _

from core.phones import display_phone
from rewards.models import Fulfilment

# A carrier's file of more than this is a mistake.
MOST = 5000
READ_ALONG = ("given__benefit", "given__redemption", "member", "store")


def columns() -> list[str]:
    """Return the head of the file."""
    return [
        _("Number"),
        _("Gift"),
        _("State"),
        _("Handed over by"),
        _("Recipient"),
        _("Phone"),
        _("Address"),
        _("Province"),
        _("Store"),
        _("Fee to collect"),
        _("Carrier"),
        _("Tracking number"),
        _("Note"),
    ]


def lines(gifts: Iterable[Fulfilment]) -> Iterator[list[Any]]:
    """Write gifts as a carrier or a packer reads them."""
    for row in gifts:
        is_sent = row.method == Fulfilment.Method.DELIVERY
        yield [
            number_of(row),
            row.given.benefit.name,
            str(row.get_state_display()),
            str(row.get_method_display()),
            row.recipient or row.member.name or row.member.code,
            display_phone(row.phone) if row.phone else "",
            row.address,
            row.province,
            row.store.name if row.store else "",
            row.delivery_fee if is_sent else "",
            row.carrier,
            row.tracking,
            row.note,
        ]


def number_of(row: Fulfilment) -> str:
    """Return the number that stands on the parcel: the redemption's, else the gift's."""
    redemption = getattr(row.given, "redemption", None)
    return redemption.code if redemption else f"G{row.pk}"


def to_take_away(gifts: QuerySet[Fulfilment]) -> list[Fulfilment]:
    """Read the gifts that leave the console, so many at most."""
    return list(gifts.select_related(*READ_ALONG).order_by("pk")[:MOST])


def note_taken(gifts: Iterable[Fulfilment], user: Any, how: str) -> None:
    """Write into the history of each gift that its address was taken away, and by whom."""
    LogEntry.objects.log_actions(user.pk, list(gifts), CHANGE, how)
