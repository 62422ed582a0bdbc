"""What stands on the page of one segment, and its members as a file."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any

from django.db.models import Prefetch
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from core.admin_tools import list_address, number, only, when
from core.batch import CHUNK
from core.phones import display_phone, mask_phone
from members.models import Identifier, Segment, SegmentChange
from members.segments import members_matching
from members.segments.uses import used_by
from members.segments.watching import SizeOfDay, latest_change, sizes_by_day

LATEST = 5


def segment_page(segment: Segment, *, at: datetime) -> dict[str, Any]:
    """Return the figures above the form. A constant number of queries."""
    sizes = sizes_by_day(segment, at=at)
    return {
        "segment": segment,
        "size": number(segment.num_members),
        "counted": when(segment.counted_at) if segment.counted_at else "",
        "since": when(segment.watched_since) if segment.watched_since else "",
        "finding": _finding(sizes),
        "days": _bars(sizes),
        "changes": _changes(segment),
        "uses": [
            {
                "kind": use.kind,
                "name": use.name,
                "url": reverse(f"admin:{use.page}_change", args=[use.pk]),
            }
            for use in used_by([segment.code])[segment.code]
        ],
        "members": list_address("members.member", segment=segment.code),
        "export": reverse("admin:members_segment_export", args=[segment.pk]),
        "cursor": latest_change(segment) if segment.is_watched else 0,
    }


def _finding(sizes: Sequence[SizeOfDay]) -> str:
    """Say what the days come to, as the title of their chart."""
    if not sizes:
        return ""
    entered, left = sum(one.entered for one in sizes), sum(one.left for one in sizes)
    return ngettext(
        "%(entered)s entered and %(left)s left in the last day",
        "%(entered)s entered and %(left)s left in the last %(days)s days",
        len(sizes),
    ) % {"entered": number(entered), "left": number(left), "days": len(sizes)}


def _bars(sizes: Sequence[SizeOfDay]) -> list[dict[str, Any]]:
    """Return a bar for each day, its height in percent of the highest."""
    most = max((one.size for one in sizes), default=0) or 1
    return [
        {
            "day": when(one.day),
            "size": number(one.size),
            "height": max(2, round(100 * one.size / most)) if one.size else 0,
            "entered": number(one.entered),
            "left": number(one.left),
        }
        for one in sizes
    ]


def _changes(segment: Segment) -> list[dict[str, Any]]:
    changes = SegmentChange.objects.filter(segment=segment).order_by("-pk")
    return [
        {
            "member": str(change.member),
            "url": change.member.get_absolute_url(),
            "what": change.get_kind_display(),
            "is_entered": change.kind == SegmentChange.Kind.ENTERED,
            "at": when(change.happened_at),
        }
        for change in only(changes.select_related("member"), LATEST)
    ]


# --- as a file ---------------------------------------------------------------------------


def member_columns() -> list[str]:
    """Return the heads of the columns of the file."""
    return [
        _("Member code"),
        _("Name"),
        _("Phone"),
        _("Province"),
        _("Joined"),
        _("Last order"),
        _("Orders"),
        _("Spend"),
    ]


def member_rows(segment: Segment, *, at: datetime, with_phone: bool) -> Iterator[list[Any]]:
    """Yield the members of a segment, a chunk at a time; refuses before the first row.

    Without the right to see identifiers, phones are hidden but for their ends.
    """
    found = members_matching(segment.conditions, at=at, few=True).order_by("pk")
    return _rows(found, with_phone)


def _rows(found: Any, with_phone: bool) -> Iterator[list[Any]]:
    show = display_phone if with_phone else mask_phone
    phones = Identifier.objects.filter(kind=Identifier.Kind.PHONE).order_by(
        "-is_valid", "pk"
    )
    told = found.select_related("purchases").prefetch_related(
        Prefetch("identifiers", queryset=phones, to_attr="phones")
    )
    last = 0
    # Piece by piece: a cursor that stays open would keep others from writing.
    while chunk := list(told.filter(pk__gt=last)[:CHUNK]):
        last = chunk[-1].pk
        for member in chunk:
            bought = getattr(member, "purchases", None)
            yield [
                member.code,
                member.name,
                show(member.phones[0].value) if member.phones else "",
                member.province,
                member.joined_at,
                bought.last_order_on if bought else None,
                bought.num_orders if bought else 0,
                bought.spend if bought else Decimal(0),
            ]
