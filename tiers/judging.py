"""One member on one ladder: does the tier stay, rise or fall? Decided without a query.

What was earned and what staff gave are kept apart, so that a tier by hand neither hides nor
spoils what the member reaches meanwhile; the higher of the two is the member's tier.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import NamedTuple

from tiers.definition import Definition, Downgrade, Measure, Step, Window
from tiers.models import MemberTier, TierChange
from tiers.windows import A_DAY, can_fall, full_window_end, next_move

Kind = TierChange.Kind
Cause = TierChange.Cause
Reason = MemberTier.Reason


class Given(NamedTuple):
    """A tier that staff give through a day (None: for good), or take away (no tier)."""

    tier_id: int | None
    until: date | None
    note: str
    actor: str


class Visit(NamedTuple):
    """Why a member is looked at, and on which day."""

    day: date
    happened_at: datetime
    cause: str
    cause_id: int | None = None
    given: Given | None = None


@dataclass(frozen=True, slots=True)
class Found:
    """What the facts say on the day of the visit.

    ``target``: the highest tier that they meet; ``holds_until``: the last day on which
    they still would, without another purchase (None: for good); ``measure`` and
    ``first_counted`` are of the present span.
    """

    target: Step
    holds_until: date | None
    measure: Measure
    first_counted: date | None


@dataclass(frozen=True, slots=True)
class Case:
    """A member's standing, the ladder, and what was found."""

    row: MemberTier
    definition: Definition
    visit: Visit
    found: Found
    joined_on: date
    is_new: bool

    @property
    def is_rejudged(self) -> bool:
        """Tell whether the ladder has changed since this member was last judged."""
        return not self.is_new and self.row.version != self.definition.version


def judge(case: Case, ranks: dict[int, int]) -> str | None:
    """Bring a standing up to date and return what kind of event that is, if any.

    ``ranks`` knows tiers that have left the ladder. The row is changed, not saved.
    """
    row, definition, visit = case.row, case.definition, case.visit
    before, held_before = row.tier_id, row.holds_until
    rank_before, earned_before = ranks[before], row.earned_tier_id
    _judge_earned(case, ranks)
    _mind_given(case)
    step = effective(case)
    row.tier_id = step.tier_id
    row.version = definition.version
    row.spend, row.points, row.orders = case.found.measure
    row.review_on = _next_look(case)
    kind = _kind(case, before, rank_before, step)
    if kind is None and row.tier_id == before and row.earned_tier_id == earned_before:
        kind = _kept(case, held_before)
    if kind is not None:
        happened_at = visit.happened_at
        if not case.is_new:
            happened_at = max(happened_at, row.changed_at)
        row.changed_at = happened_at
        if row.tier_id != before or case.is_new:
            row.since = happened_at
    return kind


def effective(case: Case) -> Step:
    """Return the higher of what was earned and what staff gave."""
    earned = case.definition.step(case.row.earned_tier_id)
    assert earned is not None, "what was earned has just been judged by this ladder"
    given = case.definition.step(case.row.manual_tier_id or 0)
    return given if given is not None and given.rank > earned.rank else earned


# --- what was earned --------------------------------------------------------------------


def _judge_earned(case: Case, ranks: dict[int, int]) -> None:
    row, found = case.row, case.found
    target = found.target
    is_listed = case.definition.step(row.earned_tier_id) is not None
    rank = ranks[row.earned_tier_id]
    if case.is_new or not is_listed or target.rank > rank:
        _set_earned(row, target, found.holds_until)
    elif target.rank == rank:
        _prolong(case)
    elif _takes_back(case):
        _set_earned(row, target, found.holds_until)
    elif _is_over(case):
        _lower(case)


def _set_earned(row: MemberTier, step: Step, holds_until: date | None) -> None:
    row.earned_tier_id = step.tier_id
    row.holds_until = holds_until
    row.reason = Reason.REACHED.value


def _prolong(case: Case) -> None:
    """Keep the tier; what was promised is never shortened but by a refund or new terms."""
    row, found = case.row, case.found
    holds_until = found.holds_until
    exact = case.is_rejudged or _counts_refund(case)
    if not exact and holds_until is not None:
        promised = row.holds_until
        holds_until = None if promised is None else max(promised, holds_until)
    _set_earned(row, found.target, holds_until)


def _counts_refund(case: Case) -> bool:
    # Undoing a merge takes purchases away as a refund does.
    is_less = case.visit.cause in (Cause.REFUND, Cause.MERGE)
    return is_less and case.definition.falls_on_refund and case.row.reason == Reason.REACHED


def _takes_back(case: Case) -> bool:
    """Tell whether a refund undoes the tier: only one that stood by what was bought."""
    held = case.row.holds_until
    return _counts_refund(case) and (held is None or case.visit.day <= held)


def _is_over(case: Case) -> bool:
    """Tell whether the time of a tier that is no longer met has run out."""
    row, definition = case.row, case.definition
    if definition.downgrade == Downgrade.NONE:
        return False
    if case.is_rejudged and row.reason == Reason.REACHED:
        return True
    if row.holds_until is None:
        return False
    return case.visit.day > row.holds_until + timedelta(days=definition.grace_days)


def _lower(case: Case) -> None:
    """Let the earned tier fall, by one step or to what is met."""
    row, definition, found = case.row, case.definition, case.found
    earned = definition.step(row.earned_tier_id)
    assert earned is not None, "a tier that left the ladder was replaced before"
    by_steps = (
        definition.downgrade == Downgrade.ONE_STEP and definition.window != Window.LIFETIME
    )
    below = definition.steps[earned.rank - 1]
    if not by_steps or below.rank <= found.target.rank:
        _set_earned(row, found.target, found.holds_until)
        return
    row.earned_tier_id = below.tier_id
    row.holds_until = full_window_end(definition, case.visit.day, case.joined_on)
    row.reason = Reason.STEP.value


# --- what staff gave --------------------------------------------------------------------


def _mind_given(case: Case) -> None:
    row, visit = case.row, case.visit
    if visit.given is not None:
        row.manual_tier_id = visit.given.tier_id
        row.manual_until = visit.given.until
        row.manual_note = visit.given.note if visit.given.tier_id else ""
    is_over = row.manual_until is not None and visit.day > row.manual_until
    is_gone = case.definition.step(row.manual_tier_id or 0) is None
    if is_over or is_gone:
        row.manual_tier_id, row.manual_until, row.manual_note = None, None, ""


# --- what is told -----------------------------------------------------------------------


def _kind(case: Case, before: int, rank_before: int, step: Step) -> str | None:
    if case.is_new and case.visit.given is None:
        return Kind.ENTERED
    if case.visit.given is not None and case.visit.given.tier_id is not None:
        return Kind.MANUAL
    if step.tier_id == before:
        return None
    # A tier that replaced another one at its place is no fall.
    return Kind.DOWN if step.rank < rank_before else Kind.UP


def _kept(case: Case, held_before: date | None) -> str | None:
    """Tell whether a tier was won again: for another year, or out of its days of grace.

    In a rolling window each purchase moves the end a little; that is no event.
    """
    held = case.row.holds_until
    if held_before is None or case.is_rejudged or case.row.reason != Reason.REACHED:
        return None
    later = held is None or held > held_before
    matters = case.definition.in_periods or held_before < case.visit.day
    return Kind.KEPT if later and matters else None


def _next_look(case: Case) -> date | None:
    """Return the first day on which time alone changes something."""
    row, definition, day = case.row, case.definition, case.visit.day
    days = [next_move(definition, day, case.joined_on, case.found.first_counted)]
    if row.holds_until is not None and can_fall(definition):
        grace = timedelta(days=definition.grace_days)
        days.append(row.holds_until + grace + A_DAY)
    if row.manual_until is not None:
        days.append(row.manual_until + A_DAY)
    coming = [max(one, day + A_DAY) for one in days if one is not None]
    return min(coming, default=None)
