"""Journeys for tests: a campaign from a tree of steps, running."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from campaigns.models import Campaign, Enrolment
from campaigns.services import advance_campaigns, run_campaign, save_board, start_campaign

EVERYBODY: dict[str, Any] = {"all": []}


def make_journey(
    tree: list[dict[str, Any]], *, at: datetime, code: str = "journey", **fields: Any
) -> Campaign:
    """Make a campaign of these steps for everybody, once each, and start it."""
    campaign = Campaign.objects.create(
        **{
            "code": code,
            "name": code.title(),
            "conditions": EVERYBODY,
            "episode": Campaign.Episode.ONCE,
            "goal": Campaign.Goal.NONE,
            "leaves": False,
            **fields,
        }
    )
    save_board(campaign=campaign, tree=tree)
    return start_campaign(campaign=campaign, at=at)


def run(campaign: Campaign, at: datetime) -> dict[str, Any]:
    """Do one pass; return what it counted that is not zero."""
    counts = run_campaign(campaign=campaign, at=at, trigger="command").counts
    return {name: value for name, value in counts.items() if value}


def go_on(at: datetime) -> dict[str, Any]:
    return advance_campaigns(at=at)


def wait(key: str, amount: int, unit: str = "days") -> dict[str, Any]:
    return {"key": key, "kind": "wait", "settings": {"amount": amount, "unit": unit}}


def tag(key: str, tag_id: int) -> dict[str, Any]:
    return {"key": key, "kind": "add_tag", "tag": tag_id}


def rests(campaign: Campaign) -> dict[str, tuple[str, str | None]]:
    """Return by the member's code: the state, and the key of the step they rest at."""
    rows = Enrolment.objects.filter(campaign=campaign).order_by("pk")
    return {
        code: (state, key)
        for code, state, key in rows.values_list("member__code", "state", "step__key")
    }
