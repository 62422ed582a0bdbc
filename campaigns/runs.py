"""One pass of a campaign, and its line in the run log."""

from __future__ import annotations

import logging
from datetime import datetime, timedelta
from typing import Any

from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from campaigns.counts import Counts
from campaigns.enrolling import message_audience
from campaigns.errors import CampaignsFailed, NotRunning
from campaigns.locks import check_running, lock_campaign
from campaigns.models import Campaign, CampaignRun, Step
from campaigns.readiness import check_ready
from campaigns.tagging import tag_audience

logger = logging.getLogger(__name__)

# Longer than any worker lives with one task: such a run was killed.
ABANDONED_AFTER = timedelta(hours=2)

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
    _close_abandoned(campaign)
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


def run_campaigns(*, at: datetime, trigger: str) -> dict[str, Any]:
    """Run every automatic campaign that is running, in order; say what each came to.

    One that fails does not keep the others from running; at the end CampaignsFailed names
    it, so that the job is tried again.
    """
    results: dict[str, Any] = {}
    failed: list[str] = []
    running = Campaign.objects.filter(
        mode=Campaign.Mode.CONTINUOUS, state=Campaign.State.RUNNING
    )
    for campaign in running.order_by("position", "code"):
        try:
            run = run_campaign(campaign=campaign, at=at, trigger=trigger)
        except NotRunning:
            # Someone paused it while it ran.
            results[campaign.code] = {"stopped": True}
        except Exception as error:
            logger.exception("Campaign %s failed", campaign.code)
            results[campaign.code] = {"error": repr(error)[:300]}
            failed.append(campaign.code)
        else:
            results[campaign.code] = run.counts
    if failed:
        raise CampaignsFailed(
            _("These campaigns failed: %(codes)s. The run log says why.")
            % {"codes": ", ".join(failed)},
            results=results,
        )
    return results


def _close_abandoned(campaign: Campaign) -> None:
    """Close the log of runs whose process was killed; what they did stands."""
    CampaignRun.objects.filter(
        campaign=campaign,
        state=CampaignRun.State.RUNNING,
        started_at__lt=timezone.now() - ABANDONED_AFTER,
    ).update(
        state=CampaignRun.State.FAILED,
        error=_("It was stopped in the middle; the next run went on from there."),
        finished_at=timezone.now(),
    )


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
