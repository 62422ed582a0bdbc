"""Campaigns: who, when, what they get, what we say, and how we know that it worked."""

from campaigns.models.campaigns import Campaign
from campaigns.models.enrolments import CounterPass, Enrolment
from campaigns.models.happenings import Happening
from campaigns.models.policy import CampaignPolicy
from campaigns.models.runs import CampaignRun
from campaigns.models.steps import Step

__all__ = [
    "Campaign",
    "CampaignPolicy",
    "CampaignRun",
    "CounterPass",
    "Enrolment",
    "Happening",
    "Step",
]
