"""Watched segments: who is in them, and who enters and leaves, written down.

A refresh walks the members by their numbers in chunks. Each chunk is one transaction under
the segment's lock: it asks who meets the conditions now, compares with who is written down,
and writes both the difference and the changes. Two runs at once take turns; what one did
comes to nothing for the other. A run that was killed is simply run again.
"""

from __future__ import annotations

import logging
from collections import defaultdict
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import NamedTuple

from django.db import transaction
from django.db.models import Count
from django.db.models.functions import TruncDate

from core.batch import Column, insert_new, insert_rows
from core.clock import programme_zone, start_of_day
from core.errors import DomainError
from core.forgetting import forget_older
from core.id_ranges import spans
from members.happenings import announce_segment
from members.models import Member, Segment, SegmentChange, SegmentMember
from members.segments.tree import members_matching

logger = logging.getLogger(__name__)

# So many numbers of members are looked at under one lock: a fraction of a second.
CHUNK = 20_000
DAYS_SHOWN = 30

ENTRY = (
    Column("segment_id", "bigint"),
    Column("member_id", "bigint"),
    Column("since", "timestamptz"),
)
CHANGE = (
    Column("segment_id", "bigint"),
    Column("member_id", "bigint"),
    Column("kind", "text"),
    Column("happened_at", "timestamptz"),
)


@dataclass(slots=True)
class Refreshed:
    """What a refresh came to."""

    segments: int = 0
    entered: int = 0
    left: int = 0
    failed: int = 0


class SizeOfDay(NamedTuple):
    """A watched segment on one day: its size at the end, and what changed on it."""

    day: date
    size: int
    entered: int
    left: int


def refresh_segments(*, at: datetime) -> Refreshed:
    """Write down who entered and left the watched segments by now; safe to repeat.

    A segment that cannot be asked any more does not keep the others from their turn.
    """
    done = Refreshed()
    for segment in Segment.objects.filter(is_watched=True).order_by("pk"):
        try:
            entered, left = refresh_segment(segment, at=at)
        except DomainError:
            logger.exception("Segment %s cannot be asked", segment.code)
            done.failed += 1
            continue
        done.segments += 1
        done.entered += entered
        done.left += left
    return done


def refresh_segment(segment: Segment, *, at: datetime) -> tuple[int, int]:
    """Bring one watched segment up to date; returns how many entered and left.

    The first time through, everybody in it is written down without having entered.
    """
    entered = left = 0
    for first, last in spans(Member, CHUNK):
        came, went = _refresh_span(segment.pk, first, last, at=at)
        entered, left = entered + came, left + went
    _finish(segment.pk, at=at)
    return entered, left


def changes_after(
    *, segment: Segment, cursor: int, limit: int = 1000
) -> list[SegmentChange]:
    """Return the changes of a segment after the last one that a reader saw, in order.

    ``cursor`` is the number of that change, 0 at the beginning. Whoever keeps the number of
    the last change they worked off, in the transaction of that work, misses none and sees
    none twice.
    """
    changes = SegmentChange.objects.filter(segment=segment, pk__gt=cursor)
    return list(changes.order_by("pk")[:limit])


def latest_change(segment: Segment) -> int:
    """Return the cursor of a reader who wants only what happens from now on."""
    last = SegmentChange.objects.filter(segment=segment).order_by("-pk").first()
    return last.pk if last else 0


def forget_changes(*, before: datetime) -> int:
    """Forget who entered and left before a moment; return how many changes.

    Whoever reads them has to come by more often than that.
    """
    return forget_older(SegmentChange.objects.all(), when="happened_at", before=before)


def count_segments(*, at: datetime) -> int:
    """Count every segment that is not watched; returns how many could be counted."""
    counted = 0
    for segment in Segment.objects.filter(is_watched=False).order_by("pk"):
        try:
            count_segment(segment, at=at)
        except DomainError:
            logger.exception("Segment %s cannot be asked", segment.code)
            continue
        counted += 1
    return counted


def count_segment(segment: Segment, *, at: datetime) -> int:
    """Count who is in a segment now, and remember it."""
    count = members_matching(segment.conditions, at=at).count()
    Segment.objects.filter(pk=segment.pk).update(num_members=count, counted_at=at)
    return count


def sizes_by_day(
    segment: Segment, *, at: datetime, days: int = DAYS_SHOWN
) -> list[SizeOfDay]:
    """Return the size of a watched segment on each of the last days, oldest first.

    It is worked out backwards from who is in it now. Days before the watch are left out.
    Three queries.
    """
    if segment.watched_since is None:
        return []
    zone = programme_zone()
    today, since = (one.astimezone(zone).date() for one in (at, segment.watched_since))
    begin = max(today - timedelta(days=days - 1), since)
    changes = SegmentChange.objects.filter(
        segment=segment, happened_at__gte=start_of_day(begin, zone)
    )
    by_day: dict[date, dict[str, int]] = defaultdict(lambda: defaultdict(int))
    rows = (
        changes.order_by()
        .annotate(day=TruncDate("happened_at", tzinfo=zone))
        .values_list("day", "kind")
        .annotate(count=Count("pk"))
    )
    for day, kind, count in rows:
        by_day[day][kind] += count
    size = SegmentMember.objects.filter(segment=segment).count()
    found = []
    day = max([today, *by_day])
    while day >= begin:
        entered, left = by_day[day]["entered"], by_day[day]["left"]
        found.append(SizeOfDay(day, size, entered, left))
        size += left - entered
        day -= timedelta(days=1)
    return found[::-1][-days:]


# --- one chunk ---------------------------------------------------------------------------


@transaction.atomic
def _refresh_span(
    segment_id: int, first: int, last: int, *, at: datetime
) -> tuple[int, int]:
    segment = _locked(segment_id)
    if segment is None or not segment.is_watched:
        return 0, 0
    found = members_matching(segment.conditions, at=at, few=True)
    matching = found.filter(pk__range=(first, last))
    written = SegmentMember.objects.filter(segment=segment)
    # The conditions are what costs, so they are asked once; comparing numbers is nothing.
    now = set(matching.values_list("pk", flat=True))
    inside = written.filter(member__gte=first, member__lte=last)
    before = set(inside.values_list("member_id", flat=True))
    entered, left = sorted(now - before), sorted(before - now)
    written.filter(member__in=left).delete()
    insert_new(
        SegmentMember._meta.db_table,
        ENTRY,
        [(segment_id, pk, at) for pk in entered],
        conflict="segment_id, member_id",
        returning="id",
    )
    if segment.watched_since is None:
        return 0, 0
    kinds = SegmentChange.Kind
    rows = [(segment_id, pk, kinds.LEFT.value, at) for pk in left]
    rows += [(segment_id, pk, kinds.ENTERED.value, at) for pk in entered]
    insert_rows(SegmentChange._meta.db_table, CHANGE, rows)
    announce_segment(segment, came=entered, went=left, at=at)
    return len(entered), len(left)


@transaction.atomic
def _finish(segment_id: int, *, at: datetime) -> None:
    """Remember the size; from the first time on, who comes in enters."""
    segment = _locked(segment_id)
    if segment is None or not segment.is_watched:
        return
    segment.num_members = SegmentMember.objects.filter(segment=segment).count()
    segment.counted_at = at
    segment.watched_since = segment.watched_since or at
    segment.save(update_fields=["num_members", "counted_at", "watched_since"])


def _locked(segment_id: int) -> Segment | None:
    """Lock a segment among refreshes; rows that point at it may still be written."""
    rows = Segment.objects.filter(pk=segment_id)
    return rows.select_for_update(no_key=True).first()
