"""What beat calls for campaigns."""

from datetime import datetime
from functools import partial
from typing import Any

from celery import shared_task
from django.db import transaction
from django.utils import timezone

from campaigns.models import Campaign, CampaignRun
from campaigns.services import advance_campaigns, run_campaign
from flows.clock import CAMPAIGNS, run_by_clock


@shared_task(bind=True, name="campaigns.tasks.run_campaigns")
def run_campaigns(self: Any) -> None:
    run_by_clock(CAMPAIGNS, entry_name=getattr(self.request, "periodic_task_name", None))


@shared_task(name="campaigns.tasks.go_on")
def go_on() -> None:
    """Look whether something happened, or whose rest at a step is over."""
    advance_campaigns(at=timezone.now())


def hand_over(
    campaign: Campaign, *, actor: str, at: datetime, dry_run: bool = False
) -> None:
    """Give a run to the worker. Raises OperationalError where no broker takes it."""
    run_one_campaign.delay(
        campaign_id=campaign.pk, at=at.isoformat(), actor=actor, dry_run=dry_run
    )


def begin_after_commit(campaign: Campaign, actor: str, at: datetime) -> None:
    """Let the worker do a campaign's first run once its start stands.

    A broker that is away loses only time: the clock runs it, or staff press the button.
    """
    transaction.on_commit(partial(hand_over, campaign, actor=actor, at=at), robust=True)


@shared_task(name="campaigns.tasks.run_one_campaign")
def run_one_campaign(*, campaign_id: int, at: str, actor: str, dry_run: bool) -> None:
    """Run one campaign because a person pressed the button; the run log tells them."""
    run_campaign(
        campaign=Campaign.objects.get(pk=campaign_id),
        at=datetime.fromisoformat(at),
        trigger=CampaignRun.Trigger.STAFF,
        actor=actor,
        dry_run=dry_run,
    )
