"""Walking: a group of members goes on through a journey until each of them rests.

Everything happens in the caller's transaction: either all of them have done their steps
and stand where they rest, or nothing was done.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from django.utils.functional import Promise

from campaigns.counts import Counts
from campaigns.journey import Journey
from campaigns.models import Campaign, Enrolment, Step
from core.batch import Column, execute, rows_source

State = Enrolment.State
COLUMNS = (
    Column("enrolment_id", "bigint"),
    Column("state", "text"),
    Column("step_id", "bigint"),
    Column("moved_at", "timestamptz"),
    Column("due_at", "timestamptz"),
    Column("waiting_for", "text"),
    Column("closed_at", "timestamptz"),
)


@dataclass(slots=True)
class Traveller:
    """A member on the way, with what steps need to know."""

    enrolment_id: int
    member_id: int
    episode: str
    entered_at: datetime
    # Known where the members were chosen by it a moment ago; None: ask.
    channel: str | None = None


@dataclass(frozen=True, slots=True)
class StepKind:
    """What one kind of step does.

    ``arrive`` takes those who come to the step and sends each of them on, into a lane, or
    to rest. ``resume`` does so with those whose rest is over, and ``happened`` with those
    for whom came what they waited for. ``clean`` returns the settings as they are stored or
    raises InvalidInput; ``describe`` puts the step into words.
    """

    code: str
    label: str | Promise
    hint: str | Promise
    icon: str
    arrive: Callable[[Trip, Step, list[Traveller]], None]
    describe: Callable[[Step], str]
    clean: Callable[[Mapping[str, Any]], dict[str, Any]] = lambda _settings: {}
    lanes: Callable[[Step], Sequence[tuple[str, str]]] = lambda _step: ()
    resume: Callable[[Trip, Step, list[Traveller]], None] | None = None
    happened: Callable[[Trip, Step, list[Traveller]], None] | None = None


@dataclass(frozen=True, slots=True)
class Rest:
    """Where a traveller stands when the walk is over."""

    state: str
    step_id: int | None = None
    due_at: datetime | None = None
    waiting_for: str = ""


@dataclass
class Trip:
    """One walk through one version of a campaign."""

    journey: Journey
    at: datetime
    counts: Counts
    # Where everyone stands already, for all that the database knows.
    stand: Rest | None = None
    _waiting: dict[int, list[Traveller]] = field(default_factory=lambda: defaultdict(list))
    _rests: dict[int, Rest] = field(default_factory=dict)

    @property
    def campaign(self) -> Campaign:
        return self.journey.campaign

    # --- what steps say of their travellers -----------------------------------------------

    def enter(self, travellers: Iterable[Traveller]) -> None:
        self._send(travellers, self.journey.first)

    def go_on(self, step: Step, travellers: Iterable[Traveller]) -> None:
        self._send(travellers, self.journey.after(step))

    def into(self, step: Step, lane: str, travellers: Iterable[Traveller]) -> None:
        self._send(travellers, self.journey.into(step, lane))

    def rest(
        self,
        step: Step,
        travellers: Iterable[Traveller],
        due_at: datetime,
        waiting_for: str = "",
    ) -> None:
        for one in travellers:
            self._rests[one.enrolment_id] = Rest(
                State.ACTIVE.value, step.pk, due_at, waiting_for
            )

    def stop(self, travellers: Iterable[Traveller]) -> None:
        """No further step; the goal is watched until its days are over."""
        self._send(travellers, None)

    def _send(self, travellers: Iterable[Traveller], step: Step | None) -> None:
        if step is not None:
            self._waiting[self.journey.places[step.pk]].extend(travellers)
            return
        for one in travellers:
            self._rests[one.enrolment_id] = self._through(one)

    def _through(self, traveller: Traveller) -> Rest:
        due_at = watched_until(self.campaign, traveller.entered_at)
        if self.campaign.goal == Campaign.Goal.NONE or due_at <= self.at:
            return Rest(State.DONE.value)
        return Rest(State.ACTIVE.value, None, due_at)

    # --- the walk -------------------------------------------------------------------------

    def walk(self, kinds: Mapping[str, StepKind]) -> None:
        """Let everybody go on until they rest, and write down where."""
        while self._waiting:
            place = min(self._waiting)
            travellers = self._waiting.pop(place)
            step = self.journey.steps[place]
            if travellers:
                kinds[step.kind].arrive(self, step, travellers)
        self._write()

    def _write(self) -> None:
        rows = [
            (
                enrolment_id,
                rest.state,
                rest.step_id,
                self.at,
                rest.due_at,
                rest.waiting_for,
                self.at if rest.state == State.DONE else None,
            )
            for enrolment_id, rest in sorted(self._rests.items())
            if rest != self.stand
        ]
        if not rows:
            return
        source, parameters = rows_source(COLUMNS, rows)
        execute(
            "UPDATE campaigns_enrolment SET state = r.state, step_id = r.step_id, "
            "moved_at = r.moved_at, due_at = r.due_at, waiting_for = r.waiting_for, "
            f"closed_at = r.closed_at FROM {source} "
            "WHERE campaigns_enrolment.id = r.enrolment_id "
            "AND campaigns_enrolment.state = 'active'",
            parameters,
            prepare=True,
        )
        self._rests.clear()


def watched_until(campaign: Campaign, entered_at: datetime) -> datetime:
    """Return until when a campaign counts what a member does as its result."""
    return entered_at + timedelta(days=campaign.goal_days)


def ids_of(travellers: Collection[Traveller]) -> list[int]:
    return sorted({one.member_id for one in travellers})
