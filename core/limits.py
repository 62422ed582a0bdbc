"""Limits that hold under any number of parallel requests.

A counter that is read, compared and written lets through whatever fits between the read
and the write. Here one statement counts and refuses at once, so the database decides; and
as it runs in the caller's transaction, what is rolled back was never counted.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from math import ceil

from django.db.models import F
from django.utils.crypto import salted_hmac

from core.batch import Column, fetch_all, rows_source, sql_value
from core.models import RateLimit

# The span begins with its first use and starts anew, at one, with the first use after it.
TAKE = """
INSERT INTO core_ratelimit (key, count, ends_at) VALUES (%s, 1, %s)
ON CONFLICT (key) DO UPDATE SET
    count = CASE WHEN core_ratelimit.ends_at <= %s THEN 1
                 ELSE core_ratelimit.count + 1 END,
    ends_at = CASE WHEN core_ratelimit.ends_at <= %s THEN excluded.ends_at
                   ELSE core_ratelimit.ends_at END
WHERE core_ratelimit.ends_at <= %s OR core_ratelimit.count < %s
RETURNING count
"""

FULL_COLUMNS = (
    Column("key", "text"),
    Column("most", "int"),
    Column("at", "timestamptz"),
)
FULL = """
SELECT r.key FROM {source} JOIN core_ratelimit l ON l.key = r.key
WHERE l.count >= r.most AND l.ends_at > r.at
"""


@dataclass(frozen=True, slots=True)
class Limit:
    """At most ``most`` times in ``span``, for each subject."""

    name: str
    most: int
    span: timedelta

    def key(self, subject: str) -> str:
        """Return the row's key; the subject (a phone, an address) cannot be read in it."""
        digest = salted_hmac("core.limits", subject, algorithm="sha256").hexdigest()
        return f"{self.name}:{digest[:40]}"


@dataclass(frozen=True, slots=True)
class Taken:
    """The answer of a limit: let through, or when to come back."""

    is_allowed: bool
    retry_after: int = 0


def take(limit: Limit, subject: str, *, at: datetime) -> Taken:
    """Count one use, or say in how many seconds the next one is free."""
    now, key = sql_value(at), limit.key(subject)
    values = [key, sql_value(at + limit.span), now, now, now, limit.most]
    if fetch_all(TAKE, values):
        return Taken(is_allowed=True)
    ends_at = RateLimit.objects.filter(key=key).values_list("ends_at", flat=True).first()
    seconds = (ends_at - at).total_seconds() if ends_at else 1
    return Taken(is_allowed=False, retry_after=max(1, ceil(seconds)))


def take_all(uses: Sequence[tuple[Limit, str]], *, at: datetime) -> Taken:
    """Count one use of each, in the order given; the first refusal ends it.

    Call it in a transaction that a refusal rolls back. Give the limit that everybody
    shares last: its row is locked until the transaction ends.
    """
    for limit, subject in uses:
        taken = take(limit, subject, at=at)
        if not taken.is_allowed:
            return taken
    return Taken(is_allowed=True)


def look(uses: Sequence[tuple[Limit, str]], *, at: datetime) -> Taken:
    """Say whether all of these have room, counting nothing. One query while they do.

    For what is counted only when it fails: look, do it, and ``take`` when it failed.
    """
    most = {limit.key(subject): limit.most for limit, subject in uses}
    source, parameters = rows_source(
        FULL_COLUMNS, [(key, number, at) for key, number in most.items()]
    )
    full = fetch_all(FULL.format(source=source), parameters, prepare=True)
    if not full:
        return Taken(is_allowed=True)
    rows = RateLimit.objects.filter(key__in=[key for (key,) in full])
    ends = [row.ends_at for row in rows]
    seconds = (max(ends) - at).total_seconds() if ends else 1
    return Taken(is_allowed=False, retry_after=max(1, ceil(seconds)))


def give_back(limit: Limit, subject: str) -> None:
    """Take back one use that turned out not to count."""
    RateLimit.objects.filter(key=limit.key(subject), count__gt=0).update(
        count=F("count") - 1
    )


def forget_ended(*, at: datetime) -> int:
    """Delete the rows of spans that are over; return how many."""
    return RateLimit.objects.filter(ends_at__lte=at).delete()[0]
