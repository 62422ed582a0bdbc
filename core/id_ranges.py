"""Where in a growing table a period begins, found by its primary key.

Orders, transfers and messages have no index on time: it would cost every import. They are
numbered as they are written, though, and nothing is written before it happened, so the
rows of a period are among those numbered after the first that was written in it.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

from django.db.models import Max, Model

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
