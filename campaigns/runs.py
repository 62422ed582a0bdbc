"""One pass of a campaign, and its line in the run log."""

from __future__ import annotations

from datetime import datetime

from django.db import transaction
from django.utils import timezone

from campaigns.counts import Counts
from campaigns.enrolling import message_audience
from campaigns.locks import check_running, lock_campaign
from campaigns.models import Campaign, CampaignRun, Step
from campaigns.readiness import check_ready
from campaigns.tagging import tag_audience

STEPS = {Step.Kind.TAG: tag_audience, Step.Kind.MESSAGE: message_audience}


def run_campaign(
    *,
    campaign: Campaign,
    at: datetime,
    trigger: str,
    actor: str = "",
    dry_run: bool = False,
) -> CampaignRun:
    """Do a campaign's steps with everyone who matches now; safe to repeat at any time.

    A dry run counts what a run would do, in any state of the campaign, and writes nothing
    but its line in the log. A campaign by hand ends with its run.
    """
    campaign.refresh_from_db()
    check_ready(campaign)
    if not dry_run:
        check_running(campaign)
    run = CampaignRun.objects.create(
        campaign=campaign, trigger=trigger, actor=actor, is_dry=dry_run, at=at
    )
    counts = Counts()
    try:
        _do_steps(campaign, at=at, counts=counts, dry_run=dry_run)
    except Exception as error:
        _finish(run, counts, state=CampaignRun.State.FAILED, error=repr(error)[:2000])
        raise
    if campaign.is_one_off and not dry_run:
        end_one_off(campaign, at=at)
    return _finish(run, counts, state=CampaignRun.State.DONE)


def _do_steps(campaign: Campaign, *, at: datetime, counts: Counts, dry_run: bool) -> None:
    for step in campaign.steps.select_related("tag", "template").order_by("position"):
        STEPS[Step.Kind(step.kind)](campaign, step, at=at, counts=counts, dry_run=dry_run)


def _finish(
    run: CampaignRun, counts: Counts, *, state: str, error: str = ""
) -> CampaignRun:
    run.state = state
    run.counts = counts.as_json()
    run.error = error
    run.finished_at = timezone.now()
    run.save(update_fields=["state", "counts", "error", "finished_at"])
    return run


def log_export(
    *, campaign: Campaign, at: datetime, trigger: str, actor: str = "", num_rows: int
) -> CampaignRun:
    """Note that the list was taken out; that is the run of a campaign by hand."""
    run = CampaignRun.objects.create(campaign=campaign, trigger=trigger, actor=actor, at=at)
    if campaign.is_one_off:
        end_one_off(campaign, at=at)
    run.counts = {**Counts().as_json(), "exported": num_rows}
    run.state = CampaignRun.State.DONE
    run.finished_at = timezone.now()
    run.save(update_fields=["counts", "state", "finished_at"])
    return run


@transaction.atomic
def end_one_off(campaign: Campaign, *, at: datetime) -> None:
    """End a campaign by hand after its run; what it queued still goes out."""
    now = lock_campaign(campaign)
    if now.is_running:
        now.state = Campaign.State.ENDED
        now.ended_at = at
        now.save(update_fields=["state", "ended_at"])
    campaign.state, campaign.ended_at = now.state, now.ended_at
