"""A version's steps in words, each with how far in it stands."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from campaigns.journey import Journey
from campaigns.models import Campaign, Step
from campaigns.steps import KINDS


@dataclass(frozen=True, slots=True)
class Line:
    """One line: a step, or the name of a lane that begins below it."""

    depth: int
    text: str
    icon: str = ""
    is_lane: bool = False


def outline(campaign: Campaign, *, version: int) -> list[Line]:
    """Return the lines of a version from first to last, tags that it keeps above.

    Two queries.
    """
    kept = campaign.steps.filter(version=version, kind=Step.Kind.TAG).select_related("tag")
    lines = [Line(0, f"{step.get_kind_display()}: {step.tag}", "sell") for step in kept]
    journey = Journey(campaign, version)
    return lines + list(_lines(journey, journey.lane(None), 0))


def _lines(journey: Journey, steps: list[Step], depth: int) -> Iterator[Line]:
    for step in steps:
        kind = KINDS[step.kind]
        yield Line(depth, kind.describe(step), kind.icon)
        for code, label in kind.lanes(step):
            if inside := journey.lane(step, code):
                yield Line(depth + 1, label, is_lane=True)
                yield from _lines(journey, inside, depth + 2)
