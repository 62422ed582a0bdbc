"""What became of the codes of a batch, and the codes themselves as rows of a file."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, datetime, timedelta
from typing import Any, NamedTuple

from django.core.cache import cache
from django.db.models import Count, Q
from django.utils import timezone

from rewards.models import UploadedCode, Voucher, VoucherBatch
from rewards.standing import never_used, standing_of

State = Voucher.State
CHUNK = 5000
EXPORTED = (
    "code",
    "written_as",
    "state",
    "uses",
    "max_uses",
    "valid_from",
    "valid_until",
)
# Counting a million codes takes half a second, so a page does it once a minute.
LARGE = 10_000
FRESH_SECONDS = 60


class Figures(NamedTuple):
    """Every code of a batch in one of five places, so that the five add up."""

    pooled: int
    given: int
    used: int
    cancelled: int
    expired: int

    @property
    def made(self) -> int:
        return sum(self)


def figures_of(batch: VoucherBatch, *, at: datetime) -> Figures:
    """Count the codes of a batch; those of a large one at most once a minute."""
    if batch.made < LARGE:
        return count_codes(batch, at=at)
    # Whatever a worker did since makes another key.
    key = f"rewards.batch.1:{batch.pk}:{batch.state}:{batch.made}"
    found: Figures | None = cache.get(key)
    if found is None:
        found = count_codes(batch, at=at)
        cache.set(key, found, FRESH_SECONDS)
    return found


def count_codes(batch: VoucherBatch, *, at: datetime) -> Figures:
    """Count the codes of a batch in one statement."""
    cancelled, used, expired = Q(state=State.CANCELLED), Q(uses__gt=0), never_used(at=at)
    fresh = ~cancelled & ~used & ~expired
    counts = Voucher.objects.filter(batch=batch).aggregate(
        pooled=Count("pk", filter=fresh & Q(state=State.POOLED)),
        given=Count("pk", filter=fresh & Q(state=State.ISSUED)),
        used=Count("pk", filter=used & ~cancelled),
        cancelled=Count("pk", filter=cancelled),
        expired=Count("pk", filter=expired),
    )
    return Figures(**counts)


def code_rows(batch: VoucherBatch, *, at: datetime) -> Iterator[tuple[Any, ...]]:
    """Yield each code of a batch: as it is written, its window, how it stands."""
    reached = 0
    codes = Voucher.objects.filter(batch=batch).only(*EXPORTED).order_by("pk")
    while chunk := list(codes.filter(pk__gt=reached)[:CHUNK]):
        for voucher in chunk:
            standing = standing_of(voucher, at=at)
            yield (
                voucher.written_as or voucher.code,
                first_day(voucher.valid_from),
                last_day(voucher.valid_until),
                standing.label,
            )
        reached = chunk[-1].pk


def first_day(start: datetime | None) -> date | None:
    """Return the day on which something begins that begins at midnight; else the time."""
    return timezone.localtime(start).date() if is_midnight(start) else start


def last_day(end: datetime | None) -> date | None:
    """Return the last whole day before an end at midnight; else the time."""
    if end is None or not is_midnight(end):
        return end
    return timezone.localtime(end).date() - timedelta(days=1)


def is_midnight(moment: datetime | None) -> bool:
    if moment is None:
        return False
    local = timezone.localtime(moment)
    return (local.hour, local.minute, local.second) == (0, 0, 0)


def rejected_rows(batch: VoucherBatch) -> Iterator[tuple[Any, ...]]:
    """Yield each refused row of a list: what stood there, its number, why."""
    rows = refused(batch).order_by("number").iterator(CHUNK)
    for row in rows:
        yield (row.written_as or row.code, row.number, row.get_problem_display())


def refused(batch: VoucherBatch) -> Any:
    """Return the rows of a list that cannot be taken in."""
    return UploadedCode.objects.filter(batch=batch).exclude(
        problem__in=(UploadedCode.Problem.NONE, UploadedCode.Problem.KNOWN)
    )
