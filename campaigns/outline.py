"""A campaign in words: who enters, its steps with how far in each stands, how it ends."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from campaigns.journey import Journey
from campaigns.models import Campaign, Step
from campaigns.steps import KINDS
from campaigns.steps.waiting import happening_label
from core.errors import DomainError
from members.segments import describe_conditions


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


# --- before the first step, and after the last --------------------------------------------


def who_enters(campaign: Campaign) -> list[str]:
    """Say who enters a campaign, when, how often, and who is left alone; a line each."""
    lines = [_whom(campaign), *_when(campaign)]
    lines.append(_("How often: %(often)s.") % {"often": campaign.get_episode_display()})
    if campaign.holdout_percent:
        lines.append(
            _("%(percent)s %% of them are left alone, to compare.")
            % {"percent": campaign.holdout_percent}
        )
    return lines


def _whom(campaign: Campaign) -> str:
    try:
        what = describe_conditions(campaign.conditions, campaign.parameters)
    except DomainError as error:
        return str(error)
    if not campaign.starts_by_event:
        return _("Members who %(what)s.") % {"what": what}
    return _("When this happens: %(event)s. Only members who %(what)s.") % {
        "event": happening_label(campaign.event) or "…",
        "what": what,
    }


def _when(campaign: Campaign) -> list[str]:
    if campaign.is_one_off:
        return [_("By hand, when you send it.")]
    if campaign.mode != Campaign.Mode.RECURRING:
        return []
    told = {
        "time": f"{campaign.at_time:%H:%M}",
        "weekday": campaign.get_weekday_display(),
        "day": campaign.month_day,
    }
    texts = {
        Campaign.Recurs.DAILY: _("Every day at %(time)s."),
        Campaign.Recurs.WEEKLY: _("Every %(weekday)s at %(time)s."),
        Campaign.Recurs.MONTHLY: _("Every month on day %(day)s at %(time)s."),
    }
    return [texts[Campaign.Recurs(campaign.recurs)] % told]


def how_it_ends(campaign: Campaign) -> list[str]:
    """Say what is watched once the last step is done, and what reaching it gives."""
    if campaign.goal == Campaign.Goal.NONE:
        return [_("No goal is watched: after the last step they are through.")]
    days = campaign.goal_days
    what = campaign.get_goal_display()
    if campaign.goal == Campaign.Goal.EVENT:
        what = happening_label(campaign.goal_event) or "…"
    text = ngettext(
        "The goal is watched for %(days)s day after they entered: %(what)s.",
        "The goal is watched for %(days)s days after they entered: %(what)s.",
        days,
    )
    lines = [text % {"days": days, "what": what}]
    if campaign.goal_benefit is not None:
        lines.append(_("Reaching it gives “%(gift)s”.") % {"gift": campaign.goal_benefit})
    return lines
