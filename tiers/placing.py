"""Members placed on their ladders: locked, measured, judged and written, all at once.

A constant number of statements for any number of members. What counts is read after the
standings are locked, so of two purchases at the same time the later one sees both.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date, datetime
from decimal import Decimal
from typing import NamedTuple

from django.db import transaction

from core.batch import Column, execute, insert_new, insert_rows, rows_source
from core.clock import programme_zone
from tiers.definition import Definition, Measure, Step, Window
from tiers.judging import Case, Found, Visit, judge
from tiers.measures import (
    OrderQuestion,
    PointsQuestion,
    measure_orders,
    measure_points,
    orders_suffice_since,
    points_suffice_since,
)
from tiers.models import Ladder, MemberTier, Tier, TierChange
from tiers.windows import A_DAY, Span, can_fall, counts_through, period, spans

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
    """A standing with what is asked about it: its first slot and its spans."""

    row: MemberTier
    definition: Definition
    visit: Visit
    joined_on: date
    slot: int
    spans: list[Span]


@transaction.atomic
def place(ladders: Sequence[Definition], visits: Mapping[int, Visit]) -> list[Changed]:
    """Bring the standings of these members on these ladders up to date.

    Safe to repeat, and to run twice at once: what is in line already stays.
    """
    if not ladders or not visits:
        return []
    fresh = _make_missing(ladders, visits)
    subjects = _lock(ladders, visits)
    found = find(subjects)
    ranks = _ranks(ladders, subjects)
    changes, events = [], []
    for subject in subjects:
        row = subject.row
        is_new = (row.ladder_id, row.member_id) in fresh
        case = Case(
            row, subject.definition, subject.visit, found[row.pk], subject.joined_on, is_new
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
    subjects, slot = [], 0
    for row in rows:
        definition, visit = definitions[row.ladder_id], visits[row.member_id]
        joined_on = row.member.joined_at.astimezone(zone).date()
        windows = spans(definition, visit.day, joined_on)
        subjects.append(_Subject(row, definition, visit, joined_on, slot, windows))
        slot += len(windows)
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


# --- what the facts say -----------------------------------------------------------------


def find(subjects: Sequence[_Subject]) -> dict[int, Found]:
    """Measure members and say which tier each has reached, and how long it holds."""
    purchases = measure_orders(
        [
            OrderQuestion(s.row.member_id, s.slot + i, span)
            for s in subjects
            if s.definition.asks_orders
            for i, span in enumerate(s.spans)
        ]
    )
    earned = measure_points(
        [
            PointsQuestion(s.row.member_id, s.slot + i, span, s.definition.wallet_id)
            for s in subjects
            if s.definition.asks_points and s.definition.wallet_id
            for i, span in enumerate(s.spans)
        ]
    )
    zone = programme_zone()
    reached: list[tuple[_Subject, list[Measure], Step, date | None]] = []
    for subject in subjects:
        measures, first = [], None
        for i in range(len(subject.spans)):
            key = (subject.row.member_id, subject.slot + i)
            bought, points = purchases.get(key), earned.get(key)
            measures.append(
                Measure(
                    bought.spend if bought else Decimal(0),
                    points.points if points else 0,
                    bought.orders if bought else 0,
                )
            )
            if i == 0:
                days = [bought.first_on] if bought else []
                days += [points.first_at.astimezone(zone).date()] if points else []
                first = min(days, default=None)
        target = max(
            (subject.definition.reached(m) for m in measures), key=lambda step: step.rank
        )
        reached.append((subject, measures, target, first))
    holding = _holding([(s, step) for s, _measures, step, _first in reached])
    return {
        s.row.pk: Found(step, _holds_until(s, measures, step, holding), measures[0], first)
        for s, measures, step, first in reached
    }


def _holds_until(
    subject: _Subject,
    measures: Sequence[Measure],
    step: Step,
    holding: Mapping[int, date | None],
) -> date | None:
    """Return the last day on which a tier is met without another purchase."""
    definition = subject.definition
    if step.rank == 0 or not can_fall(definition):
        return None
    if definition.window == Window.ROLLING:
        return holding[subject.row.pk]
    end = period(definition, subject.visit.day, subject.joined_on).last
    if definition.meets(step, measures[0]):
        return period(definition, end + A_DAY, subject.joined_on).last
    return end


def _holding(reached: Sequence[tuple[_Subject, Step]]) -> dict[int, date | None]:
    """Say for rolling windows when the purchases that carry a tier have left."""
    asked = [
        (s, step)
        for s, step in reached
        if step.rank > 0
        and s.definition.window == Window.ROLLING
        and can_fall(s.definition)
    ]
    by_orders = orders_suffice_since(
        [
            OrderQuestion(
                s.row.member_id,
                s.slot,
                s.spans[0],
                step.threshold.spend,
                step.threshold.orders,
            )
            for s, step in asked
            if {"spend", "orders"} & {*step.threshold.asked}
        ]
    )
    by_points = points_suffice_since(
        [
            PointsQuestion(
                s.row.member_id,
                s.slot,
                s.spans[0],
                s.definition.wallet_id,
                step.threshold.points,
            )
            for s, step in asked
            if step.threshold.points is not None and s.definition.wallet_id
        ]
    )
    zone = programme_zone()
    ends: dict[int, date | None] = {}
    for s, step in asked:
        key = (s.row.member_id, s.slot)
        money_on, number_on = by_orders.get(key, (None, None))
        points_at = by_points.get(key)
        points_on = points_at.astimezone(zone).date() if points_at else None
        days = [day for day in (money_on, number_on, points_on) if day is not None]
        choose = min if s.definition.combine == Ladder.Combine.ALL else max
        day = choose(days) if days else s.visit.day
        ends[s.row.pk] = counts_through(day, s.definition.months)
    return ends


def visit_on(at: datetime, cause: str) -> Visit:
    """Return a look at a moment that no single fact caused."""
    return Visit(at.astimezone(programme_zone()).date(), at, cause)
