"""The run log."""

from __future__ import annotations

from django.db import models
from django.utils.translation import gettext_lazy as _

from campaigns.models.campaigns import Campaign


class CampaignRun(models.Model):
    """One pass of a campaign: when, by whom, and what came of it."""

    class Trigger(models.TextChoices):
        CLOCK = "clock", _("the clock")
        STAFF = "staff", _("a person")
        COMMAND = "command", _("command line")

    class State(models.TextChoices):
        RUNNING = "running", _("running")
        DONE = "done", _("done")
        FAILED = "failed", _("failed")

    campaign = models.ForeignKey(
        Campaign, on_delete=models.CASCADE, related_name="runs", verbose_name=_("campaign")
    )
    trigger = models.CharField(_("started by"), max_length=8, choices=Trigger)
    actor = models.CharField(_("person"), max_length=80, blank=True, default="")
    is_dry = models.BooleanField(_("dry run"), default=False)
    at = models.DateTimeField(_("for the moment"))
    started_at = models.DateTimeField(_("started at"), auto_now_add=True)
    finished_at = models.DateTimeField(_("finished at"), null=True, blank=True)
    state = models.CharField(_("state"), max_length=8, choices=State, default=State.RUNNING)
    counts = models.JSONField(_("result"), default=dict, blank=True)
    error = models.TextField(_("error"), blank=True, default="")

    class Meta:
        verbose_name = _("campaign run")
        verbose_name_plural = _("campaign runs")
        ordering = ["-id"]

    def __str__(self) -> str:
        return f"{self.campaign_id} {self.at:%Y-%m-%d %H:%M}"
