"""What a campaign needs before it may act."""

from __future__ import annotations

from django.utils.translation import gettext as _

from campaigns.errors import CampaignNotReady
from campaigns.models import Campaign, Step
from members.segments import validate_conditions


def check_ready(campaign: Campaign) -> None:
    """Raise, with what is missing, unless it is clear whom to find and what to do."""
    validate_conditions(campaign.conditions, campaign.parameters)
    kinds = [step.kind for step in campaign.steps.all()]
    if not kinds:
        raise CampaignNotReady(_("Say what the campaign does: add a step."))
    if kinds.count(Step.Kind.MESSAGE) > 1:
        raise CampaignNotReady(
            _("A campaign sends one message. Make a second campaign for the second one.")
        )
    if campaign.is_one_off and Step.Kind.TAG in kinds:
        raise CampaignNotReady(
            _("Only automatic campaigns put tags on and take them off. Change the mode.")
        )
