"""Limits of rules: what one member may get in a span, and what a rule may give in all.

The counts are rows. They are locked in one order before the ledger is touched, so that
two purchases at once never see the same room.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta

from core.batch import (
    Column,
    execute,
    fetch_all,
    insert_new,
    is_postgresql,
    rows_source,
)
from points.earning.definition import Definition
from points.models import EarnCap

EVER = date(1970, 1, 1)
ALL = EarnCap.Period.ALL.value
USE_COLUMNS = (
    Column("rule_id", "bigint"),
    Column("member_id", "bigint"),
    Column("period", "text"),
    Column("starts_on", "date"),
    Column("points", "bigint"),
    Column("times", "int"),
)

# Rule, member (0 is the budget of the rule), span, its first day.
UseKey = tuple[int, int, str, date]


@dataclass(slots=True)
class Use:
    """One count under lock, and what this batch adds to it."""

    id: int
    points: int
    times: int
    more_points: int = 0
    more_times: int = 0


def first_day(period: str, day: date) -> date:
    """Return the first day of the span in which a day lies; weeks begin on Monday."""
    if period == EarnCap.Period.DAY:
        return day
    if period == EarnCap.Period.WEEK:
        return day - timedelta(days=day.weekday())
    if period == EarnCap.Period.MONTH:
        return day.replace(day=1)
    if period == EarnCap.Period.YEAR:
        return day.replace(month=1, day=1)
    return EVER


def use_keys(definition: Definition, member_id: int, day: date) -> list[UseKey]:
    """Name the counts that bound what a rule gives a member on a day."""
    keys = {
        (definition.rule_id, member_id, cap.period, first_day(cap.period, day))
        for cap in definition.caps
    }
    if definition.budget is not None:
        keys.add((definition.rule_id, 0, ALL, EVER))
    return sorted(keys)


class Room:
    """The room that is left under the limits of rules, counted in memory."""

    def __init__(self, uses: dict[UseKey, Use]) -> None:
        self._uses = uses

    def claim(
        self, definition: Definition, *, member_id: int, day: date, points: int
    ) -> int:
        """Take as many of these points as the limits leave; returns how many."""
        keys = use_keys(definition, member_id, day)
        allowed = points
        for cap in definition.caps:
            key = (definition.rule_id, member_id, cap.period, first_day(cap.period, day))
            use = self._uses[key]
            if cap.unit == EarnCap.Unit.POINTS:
                allowed = min(allowed, cap.limit - use.points - use.more_points)
            elif use.times + use.more_times >= cap.limit:
                allowed = 0
        if definition.budget is not None:
            use = self._uses[definition.rule_id, 0, ALL, EVER]
            allowed = min(allowed, definition.budget - use.points - use.more_points)
        if allowed <= 0:
            return 0
        for key in keys:
            self._uses[key].more_points += allowed
            self._uses[key].more_times += 1
        return allowed

    def give_back(
        self, definition: Definition, *, member_id: int, day: date, points: int, whole: bool
    ) -> None:
        """Open the limits again by what a refund took back."""
        for key in use_keys(definition, member_id, day):
            use = self._uses[key]
            use.more_points -= min(points, use.points + use.more_points)
            use.more_times -= 1 if whole and use.times + use.more_times else 0

    def shift(self, key: UseKey, points: int, times: int) -> None:
        """Move a count as such, whatever its limits."""
        use = self._uses[key]
        use.more_points += max(points, -use.points - use.more_points)
        use.more_times += max(times, -use.times - use.more_times)


class Allowance(Room):
    """The room under the limits of a batch's rules, in rows locked until commit."""

    def __init__(self, keys: Iterable[UseKey]) -> None:
        super().__init__(_lock_uses(sorted(set(keys))))

    def save(self) -> None:
        """Write what was claimed; the rows are still locked."""
        rows = [
            (use.id, use.more_points, use.more_times)
            for use in self._uses.values()
            if use.more_points or use.more_times
        ]
        if not rows:
            return
        columns = [
            Column("id", "bigint"),
            Column("points", "bigint"),
            Column("times", "int"),
        ]
        source, parameters = rows_source(columns, sorted(rows))
        changed = execute(
            "UPDATE points_earnuse SET points = points_earnuse.points + r.points, "
            f"times = points_earnuse.times + r.times FROM {source} "
            "WHERE points_earnuse.id = r.id",
            parameters,
        )
        assert changed == len(rows), "a count vanished under its lock"


def shift_uses(changes: Mapping[UseKey, tuple[int, int]]) -> None:
    """Add (points, times) to counts, or take them away; no count falls below zero."""
    uses = Allowance(changes)
    for key, (points, times) in changes.items():
        uses.shift(key, points, times)
    uses.save()


def _lock_uses(keys: Sequence[UseKey]) -> dict[UseKey, Use]:
    """Make the counts that are missing, then lock all in the order of their keys."""
    if not keys:
        return {}
    rows = [(rule, member or None, period, day, 0, 0) for rule, member, period, day in keys]
    for conflict, where, chosen in (
        (
            "rule_id, period, starts_on",
            "WHERE member_id IS NULL",
            [row for row in rows if row[1] is None],
        ),
        (
            "rule_id, member_id, period, starts_on",
            "WHERE member_id IS NOT NULL",
            [row for row in rows if row[1] is not None],
        ),
    ):
        insert_new(
            "points_earnuse",
            USE_COLUMNS,
            chosen,
            conflict=conflict,
            conflict_where=where,
            returning="id",
        )
    columns = USE_COLUMNS[:4]
    source, parameters = rows_source(columns, [row[:4] for row in rows])
    lock = "FOR UPDATE OF u" if is_postgresql() else ""
    same = "IS NOT DISTINCT FROM" if is_postgresql() else "IS"
    found = fetch_all(
        "SELECT u.rule_id, u.member_id, u.period, u.starts_on, u.id, u.points, u.times "
        f"FROM {source} CROSS JOIN points_earnuse u WHERE u.rule_id = r.rule_id "
        f"AND u.member_id {same} r.member_id AND u.period = r.period "
        "AND u.starts_on = r.starts_on "
        "ORDER BY u.rule_id, COALESCE(u.member_id, 0), u.period, u.starts_on "
        f"{lock}",
        parameters,
    )
    return {
        (row[0], row[1] or 0, row[2], as_date(row[3])): Use(row[4], row[5], row[6])
        for row in found
    }


def as_date(value: date | str) -> date:
    return date.fromisoformat(value) if isinstance(value, str) else value
