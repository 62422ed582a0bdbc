"""How many members a campaign meets while it acts."""

from __future__ import annotations

from datetime import datetime

from campaigns.audience import audience, no_longer_matching
from campaigns.models import Campaign, Enrolment

# While a campaign is in one of these, new steps and settings meet members by themselves.
ACTING = (Campaign.State.RUNNING, Campaign.State.PAUSED, Campaign.State.DRAINING)


def num_met(campaign: Campaign, at: datetime) -> int:
    """Count whom a campaign's settings meet: those under way, and who may enter.

    Nobody enters any more what is running out. Whom the conditions meet counts also where
    they were taken in before: the next episode takes them in again.
    """
    under_way = Enrolment.objects.filter(campaign=campaign, state=Enrolment.State.ACTIVE)
    if campaign.state == Campaign.State.DRAINING:
        return under_way.values("member").distinct().count()
    matching = audience(campaign, at=at)
    others = no_longer_matching(under_way, matching)
    return matching.count() + others.values("member").distinct().count()
