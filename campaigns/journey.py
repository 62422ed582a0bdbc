"""One version of a campaign's steps, as a tree that is read in one query."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator

from campaigns.models import Campaign, Step


class Journey:
    """Where each step leads. Steps stand in the order in which members come through.

    A member only ever moves to a later step, so one walk meets every step once.
    """

    def __init__(self, campaign: Campaign, version: int) -> None:
        self.campaign = campaign
        self.version = version
        rows = campaign.steps.filter(version=version).exclude(kind=Step.Kind.TAG)
        self._lanes: dict[tuple[int | None, str], list[Step]] = defaultdict(list)
        for step in rows.select_related("template", "benefit", "tag").order_by(
            "position", "pk"
        ):
            self._lanes[step.parent_id, step.lane].append(step)
        self.steps: list[Step] = list(self._in_order(None))
        self.places = {step.pk: place for place, step in enumerate(self.steps)}
        self._by_id = {step.pk: step for step in self.steps}

    @property
    def first(self) -> Step | None:
        return self.steps[0] if self.steps else None

    def step(self, step_id: int) -> Step:
        return self._by_id[step_id]

    def lane(self, step: Step | None, lane: str = "") -> list[Step]:
        """Return the steps of one lane; without a step, the way itself."""
        return self._lanes[step.pk if step else None, lane]

    def after(self, step: Step) -> Step | None:
        """Return the step that follows; after a lane's last, what follows its owner."""
        own = self._lanes[step.parent_id, step.lane]
        place = own.index(step) + 1
        if place < len(own):
            return own[place]
        return self.after(self._by_id[step.parent_id]) if step.parent_id else None

    def into(self, step: Step, lane: str) -> Step | None:
        """Return the first step of a lane; an empty lane leads on."""
        inside = self._lanes[step.pk, lane]
        return inside[0] if inside else self.after(step)

    def _in_order(self, parent_id: int | None) -> Iterator[Step]:
        lanes = sorted(lane for owner, lane in self._lanes if owner == parent_id)
        for lane in lanes:
            for step in self._lanes[parent_id, lane]:
                yield step
                yield from self._in_order(step.pk)
