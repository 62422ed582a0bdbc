"""What a campaign needs before it may act."""

from __future__ import annotations

from django.utils.translation import gettext as _

from campaigns.board import check_board
from campaigns.errors import CampaignNotReady
from campaigns.models import Campaign, Step
from core.happenings import happening_kinds
from members.segments import validate_conditions

EVENT = Campaign.Episode.EVENT
# How often a member can enter where something has to happen for it.
WITH_EVENTS = frozenset(
    {
        EVENT,
        Campaign.Episode.ONCE,
        Campaign.Episode.MONTH,
        Campaign.Episode.YEAR,
    }
)


def check_ready(campaign: Campaign, *, looks_at_steps: bool = True) -> None:
    """Raise, with what is missing, unless it is clear whom to find and what to do.

    ``looks_at_steps``: whether everything that its steps point at must be usable now.
    """
    validate_conditions(campaign.conditions, campaign.parameters)
    _check_trigger(campaign)
    steps = campaign.steps.filter(version=campaign.version)
    kinds = set(steps.values_list("kind", flat=True))
    if not kinds:
        raise CampaignNotReady(_("Say what the campaign does: add a step."))
    if campaign.mode != Campaign.Mode.CONTINUOUS and Step.Kind.TAG in kinds:
        raise CampaignNotReady(
            _("Only continuous campaigns put tags on and take them off. Change the mode.")
        )
    if looks_at_steps:
        check_board(campaign, version=campaign.version)


def _check_trigger(campaign: Campaign) -> None:
    """Look whether mode, trigger and episode belong together."""
    episode = Campaign.Episode(campaign.episode)
    if campaign.starts_by_event and campaign.mode != Campaign.Mode.CONTINUOUS:
        raise CampaignNotReady(
            _("What begins when something happens is continuous. Change the mode.")
        )
    if campaign.starts_by_event and not _can_happen(campaign.event):
        raise CampaignNotReady(_("Choose what has to happen for the campaign to begin."))
    by_event = campaign.starts_by_event
    if episode not in (WITH_EVENTS if by_event else set(Campaign.Episode) - {EVENT}):
        raise CampaignNotReady(
            _("“%(often)s” does not fit how members enter. Choose how often again.")
            % {"often": episode.label}
        )
    if (episode == Campaign.Episode.SLOT) != (campaign.mode == Campaign.Mode.RECURRING):
        raise CampaignNotReady(
            _("“%(slot)s” and fixed days belong together. Choose both, or neither.")
            % {"slot": Campaign.Episode.SLOT.label}
        )
    aims_at_event = campaign.goal == Campaign.Goal.EVENT
    if aims_at_event and not _can_happen(campaign.goal_event):
        raise CampaignNotReady(_("Choose what has to happen for the goal to be reached."))


def _can_happen(event: str) -> bool:
    """Tell whether some app can tell of it; asked only by those that need to know."""
    return event in happening_kinds()
