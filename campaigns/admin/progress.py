"""How the run goes that a person waits for: queued, counting, taking in, over."""

from __future__ import annotations

from dataclasses import dataclass, field

from django.http import HttpRequest
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _

from campaigns.admin.phrases import count_phrases
from campaigns.models import Campaign, CampaignRun
from campaigns.runs import ABANDONED_AFTER
from core.admin_tools import number, when

QUEUED, COUNTING, TAKING_IN = "queued", "counting", "taking_in"
DONE, FAILED, STOPPED = "done", "failed", "stopped"
BADGES = {DONE: "success", FAILED: "danger", STOPPED: "danger"}


@dataclass(frozen=True, slots=True)
class Progress:
    """Where a run is; ``num_done`` of ``num_all`` members while it takes them in."""

    state: str
    # Asked again and again while the run is under way.
    address: str
    # The same page again, for those whose browser runs no scripts.
    page: str
    about: str = ""
    num_done: int = 0
    num_all: int = 0
    facts: list[str] = field(default_factory=list)
    error: str = ""

    @property
    def is_live(self) -> bool:
        return self.state in (QUEUED, COUNTING, TAKING_IN)

    @property
    def badge(self) -> str:
        return BADGES.get(self.state, "info")

    @property
    def word(self) -> str:
        words = {
            QUEUED: _("queued"),
            COUNTING: _("counting"),
            TAKING_IN: _("taking members in"),
            DONE: _("done"),
            FAILED: _("failed"),
            STOPPED: _("stopped"),
        }
        return words[self.state]

    @property
    def how_far(self) -> str:
        return _("%(done)s of %(all)s members taken in") % {
            "done": number(self.num_done),
            "all": number(self.num_all),
        }


def run_progress(campaign: Campaign, request: HttpRequest) -> Progress | None:
    """Return where the run is that somebody waits for, or nothing. One query.

    ``?after=`` names the last run before the one that was asked for. Without it, a run is
    shown while it is under way, and where the last one failed.
    """
    told = request.GET.get("after", "")
    after = int(told) if told.isdecimal() and len(told) < 19 else None
    runs = CampaignRun.objects.filter(campaign=campaign, pk__gt=after or 0)
    run = runs.order_by("-pk").first()
    address = reverse("admin:campaigns_campaign_progress", args=[campaign.pk])
    page = reverse("admin:campaigns_campaign_change", args=[campaign.pk])
    if after is not None:
        address, page = f"{address}?after={after}", f"{page}?after={after}"
    if run is None:
        return None if after is None else Progress(QUEUED, address, page)
    progress = _of_run(run, address, page)
    is_told = after is not None or progress.is_live or progress.state == FAILED
    return progress if is_told else None


def _of_run(run: CampaignRun, address: str, page: str) -> Progress:
    about = f"{run.actor or run.get_trigger_display()} · {when(run.started_at)}"
    if run.is_dry:
        about = f"{_('dry run: nothing was written')} · {about}"
    counts = dict(run.counts)
    expected = counts.pop("expected", None)
    state = _state(run, expected)
    if state == TAKING_IN:
        entered = counts.pop("entered", 0)
        facts = count_phrases(counts)
        return Progress(state, address, page, about, entered, expected or 0, facts)
    facts = count_phrases(counts)
    if state == DONE and not facts:
        facts = [_("nothing to do")]
    return Progress(state, address, page, about, facts=facts, error=run.error)


def _state(run: CampaignRun, expected: int | None) -> str:
    if run.state == CampaignRun.State.DONE:
        return DONE
    if run.state == CampaignRun.State.FAILED:
        return FAILED
    if run.started_at < timezone.now() - ABANDONED_AFTER:
        # Its process was killed; the next run closes its line.
        return STOPPED
    return COUNTING if expected is None else TAKING_IN
