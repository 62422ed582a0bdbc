"""Where the members of a campaign stand: who rests at each step, and who has passed it."""

from __future__ import annotations

from dataclasses import dataclass, field

from django.db.models import Count

from campaigns.journey import Journey
from campaigns.models import Campaign, Enrolment, Step

State = Enrolment.State


@dataclass(frozen=True, slots=True)
class AtStep:
    """How many rest at a step now, and how many are past it; None: nobody can tell."""

    here: int
    passed: int | None = None


@dataclass(slots=True)
class Standing:
    """The members of one version of a campaign, and those on the way in all of them."""

    entered: int = 0
    through: int = 0
    on_the_way: int = 0
    steps: dict[str, AtStep] = field(default_factory=dict)


def standing(campaign: Campaign, journey: Journey) -> Standing:
    """Count where members stand; those who are left alone take no step. One query.

    Of a step inside a lane, and of one below a stop, the rows do not tell who has passed.
    """
    found = Standing()
    resting: dict[int, int] = {}
    reached = [0] * (len(journey.steps) + 1)
    rows = Enrolment.objects.filter(campaign=campaign, is_holdout=False)
    counted = rows.values_list("version", "step", "state").annotate(num=Count("pk"))
    for version, step_id, state, num in counted.order_by():
        is_resting = state == State.ACTIVE and step_id is not None
        if is_resting:
            found.on_the_way += num
        if version != journey.version:
            continue
        found.entered += num
        if step_id is None:
            found.through += num
        elif is_resting:
            resting[step_id] = num
        reached[journey.places.get(step_id, len(journey.steps))] += num
    for place, step in enumerate(journey.steps):
        here = resting.get(step.pk, 0)
        passed = None if _is_hidden(journey, place) else sum(reached[place + 1 :])
        found.steps[step.key] = AtStep(here, passed)
    return found


def _is_hidden(journey: Journey, place: int) -> bool:
    step = journey.steps[place]
    kinds = {before.kind for before in journey.steps[:place]}
    return step.parent_id is not None or Step.Kind.STOP in kinds
