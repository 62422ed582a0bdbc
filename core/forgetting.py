"""Letting go of working records that nobody needs any more, some thousand at a time.

Each chunk is a statement of its own: nothing waits long for it, and whoever was stopped in
the middle goes on the next night.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

from django.db.models import QuerySet

CHUNK = 2_000


def forget_all(rows: QuerySet[Any]) -> int:
    """Delete all of these rows; return how many."""
    numbers = rows.order_by("pk").values_list("pk", flat=True)
    forgotten = 0
    while some := list(numbers[:CHUNK]):
        forgotten += _delete(rows, some)
    return forgotten


def forget_older(rows: QuerySet[Any], *, when: str, before: datetime) -> int:
    """Delete those of these rows that lie before a moment; return how many.

    They are walked through by number, which rises with their time, up to the first that
    is younger: without an index on the time, and without reading all that stay.
    """
    numbers = rows.order_by("pk").values_list("pk", when)
    forgotten = 0
    while some := list(numbers[:CHUNK]):
        old = [number for number, at in some if at < before]
        forgotten += _delete(rows, old)
        if len(old) < len(some):
            break
    return forgotten


def _delete(rows: QuerySet[Any], numbers: list[Any]) -> int:
    """Delete what is still among these rows: somebody may have taken it up again."""
    return rows.order_by().filter(pk__in=numbers).delete()[0] if numbers else 0
