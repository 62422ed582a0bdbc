"""How many meet conditions, told while somebody waits: exactly, or by a random sample."""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import Any

from django.db.models import Count, Max, Min, QuerySet

from core.time_limit import TookTooLong, time_limit
from members.models import Member
from members.segments.tree import members_matching

# So many seconds a page waits for the exact number; else for the sample, mostly a third.
PATIENCE = 1.0
# A share of this many is off by one percent of everybody at the most, two times of three.
SAMPLE = 3_000
# From one in so many on, the newest who match are soon met one by one.
OFTEN = 100

# Asks for those who match, in the form for ``few`` or for all of them.
Ask = Callable[..., QuerySet[Member]]


@dataclass(frozen=True, slots=True)
class Counted:
    """How many of how many members match, and the newest of those who were found.

    ``step`` is how many members each one of a sample stands for; 1 when all were counted.
    """

    count: int
    of: int
    newest: Sequence[int]
    step: float = 1

    @property
    def is_exact(self) -> bool:
        return self.step == 1


def count_now(
    conditions: dict[str, Any],
    *,
    at: datetime,
    newest: int,
    parameters: Mapping[str, int] | None = None,
    patience: float = PATIENCE,
) -> Counted:
    """Count who meets the conditions; ask only a sample where that takes too long.

    ``newest`` is how many of those who match are named, ``patience`` how many seconds each
    of the two ways may take. Raises TookTooLong when both take longer.
    """
    ask = partial(members_matching, conditions, at=at, parameters=parameters)
    try:
        return _count_all(ask, newest, patience)
    except TookTooLong:
        with time_limit(patience):
            return _count_sample(ask(few=True), newest)


def _count_all(ask: Ask, newest: int, patience: float) -> Counted:
    with time_limit(patience):
        found = ask().aggregate(count=Count("pk"), top=Max("pk"))
        count, of = found["count"], _everybody().count()
    if not count:
        return Counted(0, of, [])
    try:
        with time_limit(patience / 2):
            matching = ask(few=count * OFTEN >= of).order_by("-pk")
            met = list(matching.values_list("pk", flat=True)[:newest])
    except TookTooLong:
        # Examples are not worth a long wait; one is known already.
        met = [found["top"]]
    return Counted(count, of, met)


def _count_sample(matching: QuerySet[Member], newest: int) -> Counted:
    """Ask about numbers by chance; those that are nobody's stand for the gaps."""
    ends = Member.objects.aggregate(lowest=Min("pk"), top=Max("pk"))
    numbers = range(ends["lowest"] or 0, (ends["top"] or 0) + 1)
    asked = random.sample(numbers, min(SAMPLE, len(numbers)))
    step = len(numbers) / len(asked)
    found = matching.filter(pk__in=asked).order_by("-pk").values_list("pk", flat=True)
    met, known = list(found), _everybody().filter(pk__in=asked).count()
    return Counted(round(len(met) * step), round(known * step), met[:newest], step)


def _everybody() -> QuerySet[Member]:
    return Member.objects.filter(merged_into__isnull=True)
