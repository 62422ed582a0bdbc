"""Tables walked by their primary key: in spans, and from where a period begins.

Orders, transfers and messages have no index on time: it would cost every import. They are
numbered as they are written, though, and nothing is written before it happened, so the
rows of a period are among those numbered after the first that was written in it.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import Any

from django.db.models import Max, Min, Model

# Below this, reading the table is cheaper than looking for the place.
SMALL = 100_000


def first_id_since(model: type[Model], column: str, moment: datetime) -> int:
    """Return the smallest id of the rows written since a moment: a few index look-ups."""
    rows: Any = model._default_manager
    top = rows.aggregate(top=Max("pk"))["top"] or 0
    if top < SMALL:
        return 0
    low, high = 0, int(top) + 1
    while low < high:
        middle = (low + high) // 2
        found = rows.filter(pk__gte=middle).order_by("pk").values_list("pk", column).first()
        if found is None or found[1] >= moment:
            high = middle
        else:
            low = found[0] + 1
    return low


def spans(model: type[Model], size: int) -> Iterator[tuple[int, int]]:
    """Yield spans of a table's numbers, both ends in it, at most ``size`` numbers long."""
    ends = model._default_manager.aggregate(lowest=Min("pk"), top=Max("pk"))
    if (top := ends["top"]) is not None:
        for first in range(ends["lowest"], top + 1, size):
            yield first, min(first + size - 1, top)
