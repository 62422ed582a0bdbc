"""One pass of a campaign, and its line in the run log."""

from __future__ import annotations

import logging
from datetime import datetime, timedelta
from time import monotonic
from typing import Any

from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from campaigns.advancing import advance, finish_watching
from campaigns.counts import Counts
from campaigns.dropping import drop_tags, drop_what_is_over
from campaigns.enrolling import close_leavers, take_in
from campaigns.errors import CampaignsFailed, NotRunning
from campaigns.happenings import work_off
from campaigns.journey import Journey
from campaigns.locks import check_running, lock_campaign
from campaigns.models import Campaign, CampaignRun, Step
from campaigns.readiness import check_ready
from campaigns.slots import due_slot
from campaigns.states import end_drained, resting
from campaigns.tagging import tag_audience
from core.errors import DomainError

logger = logging.getLogger(__name__)

# Longer than any worker lives with one task: such a run was killed.
ABANDONED_AFTER = timedelta(hours=2)
# Who waits looks every two seconds; more often is not worth a write.
TELL_EVERY_SECONDS = 1.0


class LiveCounts(Counts):
    """The numbers of a run under way, written into its line of the log as they grow."""

    def __init__(self, run: CampaignRun) -> None:
        super().__init__()
        self.run = run
        self.expected: int | None = None
        self._told_at = monotonic()

    def expect(self, number: int) -> None:
        # A campaign that also keeps a tag has counted whom it tagged.
        self.expected = self.entered + number
        self._tell()

    def add(self, other: Counts) -> None:
        super().add(other)
        if monotonic() - self._told_at >= TELL_EVERY_SECONDS:
            self._tell()

    def _tell(self) -> None:
        told = self.as_json()
        if self.expected is not None:
            told["expected"] = self.expected
        CampaignRun.objects.filter(pk=self.run.pk).update(counts=told)
        self._told_at = monotonic()


def run_campaign(
    *,
    campaign: Campaign,
    at: datetime,
    trigger: str,
    actor: str = "",
    dry_run: bool = False,
) -> CampaignRun:
    """Take in everyone who matches now and let all go on; safe to repeat at any time.

    A dry run counts what a run would do, in any state of the campaign, and writes nothing
    but its line in the log. A campaign by hand ends with its run.
    """
    campaign.refresh_from_db()
    # What a step gives may have been switched off since: that stops nobody on the way.
    check_ready(campaign, looks_at_steps=not campaign.is_running)
    if not dry_run:
        check_running(campaign)
    _close_abandoned(campaign)
    run = CampaignRun.objects.create(
        campaign=campaign, trigger=trigger, actor=actor, is_dry=dry_run, at=at
    )
    counts = LiveCounts(run)
    try:
        _pass(campaign, at=at, counts=counts, dry_run=dry_run)
    except Exception as error:
        # What the business refuses is a sentence; the rest is for those who mend it.
        why = str(error) if isinstance(error, DomainError) else repr(error)
        _finish(run, counts, state=CampaignRun.State.FAILED, error=why[:2000])
        raise
    if campaign.is_one_off and not dry_run:
        end_one_off(campaign, at=at)
    return _finish(run, counts, state=CampaignRun.State.DONE)


def run_campaigns(*, at: datetime, trigger: str) -> dict[str, Any]:
    """Run every automatic campaign that is running, in order; say what each came to.

    Before that, tags leave that campaigns kept which are over by now.
    One that fails does not keep the others from running; at the end CampaignsFailed names
    it, so that the job is tried again.
    """
    results: dict[str, Any] = {
        code: {"untagged": num_tags} for code, num_tags in drop_what_is_over(at=at).items()
    }
    failed: list[str] = []
    running = Campaign.objects.filter(state=Campaign.State.RUNNING).exclude(
        mode=Campaign.Mode.ONE_OFF
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


def advance_campaigns(*, at: datetime) -> dict[str, Any]:
    """Draw the consequences of what happened, let everybody go on who is due, and keep
    the days of recurring campaigns. Called every few seconds; safe at any time.

    One campaign that fails does not keep the others from going on.
    """
    results: dict[str, Any] = {"happenings": work_off(at=at)}
    failed: list[str] = []
    going_on = Campaign.objects.filter(
        state__in=[Campaign.State.RUNNING, Campaign.State.DRAINING]
    )
    for campaign in going_on.order_by("position", "code"):
        try:
            if counted := _advance_one(campaign, at=at):
                results[campaign.code] = counted
        except NotRunning:
            continue
        except Exception as error:
            logger.exception("Campaign %s failed", campaign.code)
            results[campaign.code] = {"error": repr(error)[:300]}
            failed.append(campaign.code)
    finish_watching(at=at)
    if failed:
        raise CampaignsFailed(
            _("These campaigns failed: %(codes)s. The run log says why.")
            % {"codes": ", ".join(failed)},
            results=results,
        )
    return results


def _advance_one(campaign: Campaign, *, at: datetime) -> dict[str, Any]:
    """Let one campaign go on; a recurring one whose time has come takes members in."""
    is_recurring = campaign.is_running and campaign.mode == Campaign.Mode.RECURRING
    if is_recurring and due_slot(campaign, at=at) is not None:
        trigger = CampaignRun.Trigger.CLOCK.value
        return dict(run_campaign(campaign=campaign, at=at, trigger=trigger).counts)
    counts = Counts()
    moved = advance(campaign, at=at, counts=counts)
    if campaign.state == Campaign.State.DRAINING:
        end_drained(campaign, at=at)
    return counts.as_json() if moved else {}


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


def _pass(campaign: Campaign, *, at: datetime, counts: Counts, dry_run: bool) -> None:
    """Keep the tags, let go, go on, take in: in this order, so that nobody is met twice."""
    num_dropped = drop_tags(campaign, at=at, dry_run=dry_run)
    counts.untagged += num_dropped
    counts.left += num_dropped
    for step in _kept_tags(campaign):
        tag_audience(campaign, step, at=at, counts=counts, dry_run=dry_run)
    journey = Journey(campaign, campaign.version)
    if journey.first is None:
        return
    if not campaign.is_one_off and not campaign.starts_by_event:
        close_leavers(campaign, at=at, counts=counts, dry_run=dry_run)
    if not dry_run:
        advance(campaign, at=at, counts=counts)
        counts.finished += finish_watching(at=at, campaign=campaign)
    if _is_time(campaign, at=at, dry_run=dry_run):
        take_in(campaign, journey, at=at, counts=counts, dry_run=dry_run)
        _note_slot(campaign, at=at, dry_run=dry_run)


def _kept_tags(campaign: Campaign) -> list[Step]:
    steps = campaign.steps.filter(kind=Step.Kind.TAG, version=campaign.version)
    return list(steps.select_related("tag").order_by("position"))


def _is_time(campaign: Campaign, *, at: datetime, dry_run: bool) -> bool:
    """Tell whether members enter by this run; by events they enter when those come."""
    if campaign.starts_by_event:
        return False
    if campaign.mode != Campaign.Mode.RECURRING:
        return True
    return dry_run or due_slot(campaign, at=at) is not None


def _note_slot(campaign: Campaign, *, at: datetime, dry_run: bool) -> None:
    """Note that a recurring campaign has done its day, so that it is done once."""
    if campaign.mode == Campaign.Mode.RECURRING and not dry_run:
        slot = due_slot(campaign, at=at)
        Campaign.objects.filter(pk=campaign.pk).update(ran_slot_at=slot)
        campaign.ran_slot_at = slot


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
    """End a campaign by hand after its run; what it queued still goes out.

    As long as members rest at a step it runs out, and ends when nobody is on the way.
    """
    now = lock_campaign(campaign)
    if now.is_running:
        is_over = not resting(now).exists()
        now.state = Campaign.State.ENDED if is_over else Campaign.State.DRAINING
        now.ended_at = at if is_over else None
        now.save(update_fields=["state", "ended_at"])
    campaign.state, campaign.ended_at = now.state, now.ended_at
