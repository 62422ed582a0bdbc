"""Members placed on their ladders: locked, measured, judged and written, all at once.

A constant number of statements for any number of members. What counts is read after the
standings are locked, so of two purchases at the same time the later one sees both.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from typing import NamedTuple

from django.db import transaction

from core.batch import Column, execute, insert_new, insert_rows, rows_source
from core.clock import programme_zone
from tiers.definition import Definition
from tiers.finding import Asked, find
from tiers.judging import Case, Visit, judge
from tiers.models import MemberTier, Tier, TierChange
from tiers.windows import spans

ROW = (
    Column("ladder_id", "bigint"),
    Column("member_id", "bigint"),
    Column("tier_id", "bigint"),
    Column("earned_tier_id", "bigint"),
    Column("since", "timestamptz"),
    Column("changed_at", "timestamptz"),
    Column("reason", "text"),
    Column("manual_note", "text"),
    Column("spend", "numeric"),
    Column("points", "bigint"),
    Column("orders", "bigint"),
    Column("version", "bigint"),
)
WRITTEN = (
    Column("id", "bigint"),
    Column("tier_id", "bigint"),
    Column("earned_tier_id", "bigint"),
    Column("since", "timestamptz"),
    Column("changed_at", "timestamptz"),
    Column("reason", "text"),
    Column("holds_until", "date"),
    Column("manual_tier_id", "bigint"),
    Column("manual_until", "date"),
    Column("manual_note", "text"),
    Column("spend", "numeric"),
    Column("points", "bigint"),
    Column("orders", "bigint"),
    Column("review_on", "date"),
    Column("version", "bigint"),
)
CHANGE = (
    Column("ladder_id", "bigint"),
    Column("member_id", "bigint"),
    Column("from_tier_id", "bigint"),
    Column("to_tier_id", "bigint"),
    Column("kind", "text"),
    Column("happened_at", "timestamptz"),
    Column("cause", "text"),
    Column("cause_id", "bigint"),
    Column("spend", "numeric"),
    Column("points", "bigint"),
    Column("orders", "bigint"),
    Column("holds_until", "date"),
    Column("version", "bigint"),
    Column("actor", "text"),
    Column("note", "text"),
)

BOUGHT = (TierChange.Cause.ORDER.value, TierChange.Cause.ACTIVITY.value)


class Changed(NamedTuple):
    """One event that placing brought about."""

    ladder_id: int
    member_id: int
    from_tier_id: int | None
    to_tier_id: int
    kind: str


class _Subject(NamedTuple):
    """A locked standing, why it is looked at, and what is asked about it."""

    row: MemberTier
    visit: Visit
    asked: Asked


@transaction.atomic
def place(ladders: Sequence[Definition], visits: Mapping[int, Visit]) -> list[Changed]:
    """Bring the standings of these members on these ladders up to date.

    Safe to repeat, and to run twice at once: what is in line already stays.
    """
    if not ladders or not visits:
        return []
    fresh = _make_missing(ladders, visits)
    subjects = _lock(ladders, visits)
    found = find([subject.asked for subject in subjects])
    ranks = _ranks(ladders, subjects)
    changes, events = [], []
    for subject in subjects:
        row = subject.row
        is_new = (row.ladder_id, row.member_id) in fresh
        asked = subject.asked
        case = Case(
            row, asked.definition, subject.visit, found[row.pk], asked.joined_on, is_new
        )
        before = None if is_new and subject.visit.given is None else row.tier_id
        if kind := judge(case, ranks):
            changes.append(Changed(row.ladder_id, row.member_id, before, row.tier_id, kind))
            events.append(_event(case, before, kind))
    _write([subject.row for subject in subjects])
    insert_rows("tiers_tierchange", CHANGE, events)
    return changes


# --- the standings ----------------------------------------------------------------------


def _make_missing(
    ladders: Sequence[Definition], visits: Mapping[int, Visit]
) -> set[tuple[int, int]]:
    """Put members who have no standing yet on the lowest tier; return who was new."""
    rows = [
        (
            ladder.ladder_id,
            member_id,
            ladder.lowest.tier_id,
            ladder.lowest.tier_id,
            visits[member_id].happened_at,
            visits[member_id].happened_at,
            MemberTier.Reason.REACHED.value,
            "",
            Decimal(0),
            0,
            0,
            0,
        )
        for ladder in sorted(ladders, key=lambda ladder: ladder.ladder_id)
        for member_id in sorted(visits)
    ]
    made = insert_new(
        "tiers_membertier",
        ROW,
        rows,
        conflict="ladder_id, member_id",
        returning="ladder_id, member_id",
    )
    return {(row[0], row[1]) for row in made}


def _lock(ladders: Sequence[Definition], visits: Mapping[int, Visit]) -> list[_Subject]:
    """Lock the standings, ladder by ladder and member by member. Two queries."""
    zone = programme_zone()
    definitions = {ladder.ladder_id: ladder for ladder in ladders}
    rows = (
        MemberTier.objects.filter(ladder__in=definitions, member__in=visits)
        .order_by("ladder_id", "member_id")
        .select_related("member")
        .select_for_update(of=("self",))
    )
    subjects = []
    for row in rows:
        definition, visit = definitions[row.ladder_id], visits[row.member_id]
        joined_on = row.member.joined_at.astimezone(zone).date()
        windows = spans(definition, visit.day, joined_on)
        asked = Asked(row.pk, row.member_id, definition, visit.day, joined_on, windows)
        subjects.append(_Subject(row, visit, asked))
    return subjects


def _ranks(ladders: Sequence[Definition], subjects: Sequence[_Subject]) -> dict[int, int]:
    """Return the rank of every tier that a standing names, also of those long gone."""
    ranks = {step.tier_id: step.rank for ladder in ladders for step in ladder.steps}
    named = {s.row.tier_id for s in subjects} | {s.row.earned_tier_id for s in subjects}
    if gone := named - ranks.keys():
        ranks |= dict(Tier.objects.filter(pk__in=gone).values_list("pk", "rank"))
    return ranks


def _write(rows: Sequence[MemberTier]) -> None:
    values = [tuple(getattr(row, column.name) for column in WRITTEN) for row in rows]
    source, parameters = rows_source(WRITTEN, values)
    settings = ", ".join(f"{c.name} = r.{c.name}" for c in WRITTEN if c.name != "id")
    execute(
        f"UPDATE tiers_membertier SET {settings} FROM {source} "
        "WHERE tiers_membertier.id = r.id",
        parameters,
    )


def _event(case: Case, before: int | None, kind: str) -> tuple[object, ...]:
    row, visit = case.row, case.visit
    given = visit.given
    cause, cause_id = str(visit.cause), visit.cause_id
    if kind == TierChange.Kind.DOWN and cause in BOUGHT:
        # A purchase lowers nobody: it only came before the review that was due.
        cause, cause_id = TierChange.Cause.NIGHT.value, None
    return (
        row.ladder_id,
        row.member_id,
        before,
        row.tier_id,
        str(kind),
        row.changed_at,
        cause,
        cause_id,
        row.spend,
        row.points,
        row.orders,
        row.manual_until if row.tier_id == row.manual_tier_id else row.holds_until,
        row.version,
        given.actor[:80] if given else "",
        given.note[:200] if given else "",
    )


def visit_on(at: datetime, cause: str) -> Visit:
    """Return a look at a moment that no single fact caused."""
    return Visit(at.astimezone(programme_zone()).date(), at, cause)
