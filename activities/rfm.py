"""RFM: members compared by how recently, how often and for how much they bought.

Each of the three gets a score from 1 to 5. A member's place is the share of members below
plus half of those with the same value; the fifth of the scale in which it lies is the
score. So members with the same value always have the same score, five different values
give 1 to 5, and where everybody is alike everybody is in the middle.

    score = ⌈5 · (2 · below + same) / (2 · all)⌉      in whole numbers

A night works out once from which value each score begins, then walks the members in chunks
and writes only what changed.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any

from django.db import transaction

from activities.models import RfmRun, RfmScore, RfmSettings
from core.batch import execute, fetch_all, is_postgresql, sql_value
from core.clock import local_date
from core.id_ranges import spans
from members.models import Member

# So many numbers of members under one lock: well below the time that others wait for it.
CHUNK = 20_000
SCORE = RfmScore._meta.db_table
MEASURES = ("recency", "frequency", "monetary")

# What counts: purchases that stand, in the period.
BASE = """
SELECT o.member_id, MAX(o.placed_on) AS recency, COUNT(*) AS frequency,
    ROUND(SUM(o.total - o.refunded), 2) AS monetary
FROM activities_order o
WHERE o.status = 'completed' AND NOT (o.total > 0 AND o.refunded >= o.total)
    AND o.placed_on >= %s AND o.placed_on <= %s
"""
# Values are counted first: a million members share a few hundred days and numbers.
RANKED = """
SELECT '{name}' AS measure, CAST(value AS text) AS value,
    (5 * (2 * (CAST(SUM(same) OVER (ORDER BY value) AS bigint) - same) + same)
        + 2 * size - 1) / (2 * size) AS score,
    ROW_NUMBER() OVER (ORDER BY value) AS place
FROM (SELECT {name} AS value, COUNT(*) AS same FROM base GROUP BY {name}) AS v
CROSS JOIN (SELECT COUNT(*) AS size FROM base) AS n
"""
# The scores that stand for some members and are not tonight's.
OUTDATED = """
SELECT x.id FROM {table} x LEFT JOIN scored s ON s.member_id = x.member_id
    AND s.recency = x.recency AND s.frequency = x.frequency AND s.monetary = x.monetary
WHERE x.to_on IS NULL AND x.member_id BETWEEN %s AND %s AND s.member_id IS NULL
"""


@dataclass(slots=True)
class Scored:
    """What a night came to: members compared, scores begun and scores ended."""

    members: int = 0
    begun: int = 0
    ended: int = 0


@dataclass(frozen=True, slots=True)
class Period:
    """The days whose purchases count, both in it."""

    first: date
    last: date

    @property
    def parameters(self) -> list[Any]:
        return [sql_value(self.first), sql_value(self.last)]


def score_rfm(*, at: datetime) -> Scored:
    """Compare all members by the programme's day of ``at``; safe to repeat.

    A day before the last one that was compared is left alone: history stays as it was.
    """
    today = local_date(at)
    if RfmRun.objects.filter(day__gt=today).exists():
        return Scored()
    days = rfm_days()
    period = Period(today - timedelta(days=days), today)
    size, cuts = _cuts(period)
    run, _is_new = RfmRun.objects.update_or_create(
        day=today,
        defaults={"days": days, "num_members": size, "cuts": cuts, "finished_at": None},
    )
    scored = Scored(members=size)
    for first, last in spans(Member, CHUNK):
        begun, ended = _score_span(period, cuts, first, last)
        scored.begun, scored.ended = scored.begun + begun, scored.ended + ended
    if is_postgresql() and scored.begun + scored.ended >= CHUNK:
        # The planner knows the table as it was before the night, and would go astray.
        execute(f"ANALYZE {SCORE}")
    _count(run, period, at=at)
    return scored


def rfm_days() -> int:
    """Return how many days count, as staff set it."""
    row = RfmSettings.objects.filter(pk=1).first()
    return row.days if row else int(RfmSettings._meta.get_field("days").default)


# --- the scale ---------------------------------------------------------------------------


def _cuts(period: Period) -> tuple[int, dict[str, dict[str, str]]]:
    """Return how many are compared, and the lowest value of each score. One scan."""
    ranked = " UNION ALL ".join(RANKED.format(name=name) for name in MEASURES)
    rows = fetch_all(
        f"WITH base AS ({BASE} GROUP BY o.member_id), ranked AS ({ranked}), "
        "firsts AS (SELECT measure, score, MIN(place) AS place FROM ranked "
        "GROUP BY measure, score) "
        "SELECT r.measure, r.score, r.value, (SELECT COUNT(*) FROM base) FROM ranked r "
        "JOIN firsts f ON f.measure = r.measure AND f.score = r.score "
        "AND f.place = r.place",
        period.parameters,
    )
    cuts: dict[str, dict[str, str]] = {name: {} for name in MEASURES}
    for measure, score, value, _size in rows:
        cuts[measure][str(int(score))] = str(value)
    return (int(rows[0][3]) if rows else 0), cuts


def _score_sql(name: str, cuts: Mapping[str, str]) -> tuple[str, list[Any]]:
    """Return the expression that finds a measure's score, and its parameters."""
    parts, parameters = [], []
    for score in sorted(cuts, reverse=True):
        value = cuts[score]
        if name == "recency":
            parts.append(f"WHEN b.recency >= %s THEN {int(score)}")
            parameters.append(sql_value(date.fromisoformat(value)))
        else:
            parts.append(f"WHEN b.{name} >= CAST(%s AS numeric) THEN {int(score)}")
            parameters.append(str(Decimal(value)))
    # An order that arrives meanwhile may lie below every value that was seen.
    return f"CASE {' '.join(parts)} ELSE 1 END", parameters


# --- one chunk ---------------------------------------------------------------------------


@transaction.atomic
def _score_span(
    period: Period, cuts: Mapping[str, Mapping[str, str]], first: int, last: int
) -> tuple[int, int]:
    """Write what changed among some members; returns how many scores began and ended."""
    _take_turns()
    scored, parameters = _scored(period, cuts, first, last)
    today = sql_value(period.last)
    outdated = f"{scored} {OUTDATED.format(table=SCORE)}"
    ended = execute(
        f"UPDATE {SCORE} SET to_on = %s WHERE from_on < %s AND id IN ({outdated})",
        [today, today, *parameters, first, last],
    )
    # Scores of today that today itself changed leave no trace.
    ended += execute(
        f"DELETE FROM {SCORE} WHERE from_on >= %s AND id IN ({outdated})",
        [today, *parameters, first, last],
    )
    begun = execute(
        f"INSERT INTO {SCORE} (member_id, recency, frequency, monetary, from_on) {scored} "
        "SELECT s.member_id, s.recency, s.frequency, s.monetary, %s "
        f"FROM scored s LEFT JOIN {SCORE} x ON x.member_id = s.member_id "
        "AND x.to_on IS NULL WHERE x.id IS NULL ON CONFLICT DO NOTHING",
        [*parameters, today],
    )
    return begun, ended


def _take_turns() -> None:
    """Let two nights at once write one after the other, to the end of the transaction."""
    RfmSettings.objects.get_or_create(pk=1)
    RfmSettings.objects.select_for_update().get(pk=1)


def _scored(
    period: Period, cuts: Mapping[str, Mapping[str, str]], first: int, last: int
) -> tuple[str, list[Any]]:
    """Return the WITH clause of some members' scores, and its parameters."""
    columns, parameters = [], []
    for name in MEASURES:
        sql, values = _score_sql(name, cuts[name])
        columns.append(f"{sql} AS {name}")
        parameters += values
    if not cuts["recency"]:
        columns = [f"1 AS {name}" for name in MEASURES]
    base = f"{BASE} AND o.member_id BETWEEN %s AND %s GROUP BY o.member_id"
    return (
        f"WITH scored AS (SELECT b.member_id, {', '.join(columns)} FROM ({base}) AS b)",
        [*parameters, *period.parameters, first, last],
    )


@transaction.atomic
def _count(run: RfmRun, period: Period, *, at: datetime) -> None:
    """Keep how many have which scores tonight, and what they spent."""
    _take_turns()
    run.counts.all().delete()
    execute(
        "INSERT INTO activities_rfmcount "
        "(run_id, recency, frequency, monetary, members, spend) "
        f"WITH base AS ({BASE} GROUP BY o.member_id) "
        "SELECT %s, s.recency, s.frequency, s.monetary, COUNT(*), "
        f"COALESCE(SUM(b.monetary), 0) FROM {SCORE} s "
        "LEFT JOIN base b ON b.member_id = s.member_id WHERE s.to_on IS NULL "
        "GROUP BY s.recency, s.frequency, s.monetary",
        [*period.parameters, run.pk],
    )
    run.finished_at = at
    run.save(update_fields=["finished_at"])
