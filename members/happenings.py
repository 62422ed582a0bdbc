"""What happens to members themselves, for those who wait for it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime

from django.utils.text import format_lazy
from django.utils.translation import gettext_lazy as _

from core.happenings import Happened, HappeningKind, announce
from members.models import Segment

JOINED = "joined"
SEGMENTS = _("Watched segments")


def member_happenings() -> Iterator[HappeningKind]:
    yield HappeningKind(JOINED, _("joins the programme"), _("Member"))
    for segment in Segment.objects.filter(is_watched=True):
        enters = format_lazy(_("enters “{segment}”"), segment=segment.name)
        leaves = format_lazy(_("leaves “{segment}”"), segment=segment.name)
        yield HappeningKind(entered(segment.pk), enters, SEGMENTS)
        yield HappeningKind(left(segment.pk), leaves, SEGMENTS)


def entered(segment_id: int) -> str:
    """Return the kind of entering a segment; its number stays when its code changes."""
    return f"segment_entered:{segment_id}"


def left(segment_id: int) -> str:
    return f"segment_left:{segment_id}"


def announce_joined(joined: Iterable[tuple[int, datetime]]) -> None:
    """Tell who joined and when; a member joins once."""
    announce([Happened(JOINED, pk, str(pk), at) for pk, at in joined])


def announce_segment(
    segment: Segment, *, came: Sequence[int], went: Sequence[int], at: datetime
) -> None:
    """Tell who was seen to have entered and left a watched segment, and when."""
    reference, names = f"{at:%Y%m%d%H%M%S}", {"segment": segment.code}
    announce(
        [
            Happened(kind, member_id, reference, at, names)
            for kind, members in ((left(segment.pk), went), (entered(segment.pk), came))
            for member_id in members
        ]
    )
