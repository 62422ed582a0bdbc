"""Two people for a campaign that reaches many: who asks, and who starts it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime, time
from typing import Any, NamedTuple

from django.contrib.auth.models import User
from django.db import transaction
from django.db.models import QuerySet
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from campaigns.audience import audience
from campaigns.board import (
    board_stamp,
    check_board,
    publish_board,
    read_board,
    read_kept,
)
from campaigns.errors import TransitionRefused
from campaigns.locks import lock_campaign
from campaigns.models import Campaign, CampaignPolicy
from campaigns.preview import num_found
from campaigns.reaching import ACTING
from campaigns.readiness import check_ready
from campaigns.states import start_campaign
from campaigns.uses import what_is_used
from core.approvals import Act, named, register_act, request_change
from core.edits import num_members
from core.errors import Conflict
from core.models import ChangeRequest

START = "start_campaign"
PUBLISH = "publish_steps"
PERMISSION = "campaigns.run_campaign"
# So often a campaign is counted anew that somebody changes at that very moment.
LOOKS = 3
# What a second person has looked at: everything that decides who gets what.
LOOKED_AT = (
    "days",
    "conditions",
    "mode",
    "trigger",
    "event",
    "episode",
    "rest_days",
    "leaves",
    "recurs",
    "weekday",
    "month_day",
    "at_time",
    "goal",
    "goal_event",
    "goal_days",
    "goal_benefit_id",
    "holdout_percent",
)


def reach_of(campaign: Campaign, *, at: datetime) -> int:
    """Return how many members a campaign would reach now."""
    return num_found(campaign, at=at)


def start_or_ask(*, campaign: Campaign, by: User, at: datetime) -> ChangeRequest | None:
    """Start a campaign, or return the request where it reaches so many that it waits.

    Counting a million takes a second, so it is done before the campaign is locked. What is
    counted is what starts all the same: under the lock it is looked at again, and counted
    anew where it is another by now. Raises what either raises, and Conflict where it is
    another each time.
    """
    for _look in range(LOOKS):
        found = Campaign.objects.get(pk=campaign.pk)
        looked_at_first = what_counts(found)
        reach = reach_of(found, at=at) if looked_at_first.bound is not None else 0
        with transaction.atomic():
            now = lock_campaign(campaign)
            if what_counts(now) == looked_at_first:
                asked = _start_or_ask(now, reach, by=by, at=at)
                campaign.refresh_from_db()
                return asked
    raise changed_meanwhile()


def _start_or_ask(
    now: Campaign, reach: int, *, by: User, at: datetime
) -> ChangeRequest | None:
    """Do so with a locked campaign that reaches so many members.

    What begins with an event reaches nobody yet, and may reach everybody: it counts as
    reaching all whom its conditions meet.
    """
    bound = CampaignPolicy.current().approve_above
    if bound is not None and reach > bound:
        return ask_to_start(campaign=now, reach=reach, by=by, at=at)
    if not (now.is_one_off and now.is_running):
        start_campaign(campaign=now, at=at, actor=by.get_username())
    return None


class WhatCounts(NamedTuple):
    """What a count rests on: while that stands, what was counted stands."""

    facts: dict[str, Any]
    state: str
    bound: int | None


def what_counts(campaign: Campaign) -> WhatCounts:
    """Return what a count of whom a campaign meets rests on."""
    bound = CampaignPolicy.current().approve_above
    return WhatCounts(facts_of(campaign), campaign.state, bound)


def changed_meanwhile() -> Conflict:
    """Return the refusal of who has to look again."""
    return Conflict(
        _("Somebody else has changed something meanwhile. Look again, then save anew.")
    )


def ask_to_start(
    *, campaign: Campaign, reach: int, by: User, at: datetime
) -> ChangeRequest:
    """Lay a campaign before a second person; an open request for it is answered.

    ``reach`` is the number of members that it would reach. Raises what ``check_ready``
    raises.
    """
    check_ready(campaign)
    facts = facts_of(campaign)
    for earlier in waiting_requests(campaign, START):
        if earlier.payload == facts:
            return earlier
    summary = _("Start “%(name)s”: %(count)s") % {
        "name": campaign.name,
        "count": num_members(reach),
    }
    return request_change(kind=START, payload=facts, summary=summary, by=by, at=at)


def publishing_needs_approval(campaign: Campaign, *, at: datetime) -> bool:
    """Tell whether new steps of a campaign that acts, or may resume, meet so many."""
    bound = CampaignPolicy.current().approve_above
    if bound is None or campaign.state not in ACTING:
        return False
    return audience(campaign, at=at).count() > bound


def ask_to_publish(*, campaign: Campaign, by: User, at: datetime) -> ChangeRequest:
    """Lay a draft of steps before a second person; an open request for it is answered.

    Raises StepsRefused when the draft cannot be done.
    """
    check_board(campaign, version=campaign.version + 1)
    stamp = board_stamp(campaign)
    for earlier in waiting_requests(campaign, PUBLISH):
        if earlier.payload["stamp"] == stamp:
            return earlier
    summary = _("Publish new steps of “%(name)s”, which is running") % {
        "name": campaign.name
    }
    facts = {"campaign": campaign.pk, "stamp": stamp}
    return request_change(kind=PUBLISH, payload=facts, summary=summary, by=by, at=at)


def _publish(payload: Mapping[str, Any], request: ChangeRequest, at: datetime) -> None:
    """Publish exactly the draft that was looked at."""
    publish_board(
        campaign=Campaign.objects.get(pk=payload["campaign"]),
        at=at,
        actor=request.requested_by.get_username(),
        stamp=payload["stamp"],
    )


def facts_of(campaign: Campaign) -> dict[str, Any]:
    """Return what is approved; later changes need a new look."""
    return {
        "campaign": campaign.pk,
        **looked_at(campaign),
        "version": campaign.version,
        "steps": read_board(campaign, version=campaign.version),
        "kept": read_kept(campaign, version=campaign.version),
        "uses": what_is_used(campaign),
    }


def looked_at(campaign: Campaign) -> dict[str, Any]:
    """Return everything that decides who gets what, as a payload keeps it."""
    found = {name: getattr(campaign, name) for name in LOOKED_AT}
    return {
        name: value.isoformat() if isinstance(value, time) else value
        for name, value in found.items()
    }


def waiting_requests(campaign: Campaign, *kinds: str) -> QuerySet[ChangeRequest]:
    """Return what of a campaign waits for a second person."""
    waiting = ChangeRequest.objects.filter(
        kind__in=kinds, state=ChangeRequest.State.OPEN, payload__campaign=campaign.pk
    )
    return waiting.order_by("pk")


def register_start(begin: Callable[[Campaign, str, datetime], None]) -> None:
    """Let a second person start campaigns; ``begin`` lets one do its first run."""

    def perform(payload: Mapping[str, Any], request: ChangeRequest, at: datetime) -> None:
        campaign = lock_campaign(Campaign(pk=payload["campaign"]))
        if facts_of(campaign) != dict(payload):
            raise TransitionRefused(
                _("“%(name)s” was changed after it was asked for. Ask for it anew.")
                % {"name": campaign.name}
            )
        actor = request.requested_by.get_username()
        if not campaign.is_running:
            start_campaign(campaign=campaign, at=at, actor=actor)
        if campaign.begins_at_once:
            begin(campaign, actor, at)

    about = named(Campaign, "campaign")
    label = gettext_lazy("Start of a campaign")
    register_act(Act(START, label, PERMISSION, perform, about=about))
    label = gettext_lazy("New steps of a campaign")
    register_act(Act(PUBLISH, label, PERMISSION, _publish, about=about))
