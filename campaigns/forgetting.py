"""What campaigns keep for a while only: how runs went, counters, events that failed."""

from __future__ import annotations

from datetime import datetime

from django.db.models import Max

from campaigns.happenings import unheard
from campaigns.models import Campaign, CampaignRun, CounterPass
from core.forgetting import forget_all, forget_older


def forget_runs(*, before: datetime) -> int:
    """Forget the runs of the clock and dry runs; return how many.

    What a person sent or took out as a list stays, and the last run of each campaign.
    """
    last = CampaignRun.objects.order_by().values("campaign").annotate(last=Max("pk"))
    runs = CampaignRun.objects.exclude(
        trigger=CampaignRun.Trigger.STAFF, is_dry=False
    ).exclude(pk__in=last.values("last"))
    return forget_older(runs, when="started_at", before=before)


def forget_passes(*, before: datetime) -> int:
    """Forget the counters of campaigns that can never begin again; return how many."""
    passes = CounterPass.objects.filter(
        campaign__state=Campaign.State.ENDED, campaign__ended_at__lt=before
    )
    return forget_all(passes.exclude(campaign__mode=Campaign.Mode.ONE_OFF))


def forget_happenings(*, before: datetime) -> int:
    """Forget events that campaigns could not take in; return how many."""
    return forget_all(unheard().filter(happened_at__lt=before))
