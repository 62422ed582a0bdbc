"""Members on their way through a campaign."""

from __future__ import annotations

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from activities.models import Order
from campaigns.models.campaigns import Campaign
from campaigns.models.steps import Step
from members.models import Member


class Enrolment(models.Model):
    """One member's way through a campaign, once for each episode.

    The version is the one they entered by, whatever is published later. ``step`` is where
    they rest and ``due_at`` when to look at them again; both are empty for who has done
    every step, and is only watched for the goal.
    """

    class State(models.TextChoices):
        ACTIVE = "active", _("under way")
        RETURNED = "returned", _("reached the goal")
        LEFT = "left", _("left")
        DONE = "done", _("done")

    campaign = models.ForeignKey(
        Campaign,
        on_delete=models.PROTECT,
        related_name="enrolments",
        verbose_name=_("campaign"),
    )
    member = models.ForeignKey(
        Member,
        on_delete=models.PROTECT,
        related_name="enrolments",
        verbose_name=_("member"),
    )
    episode = models.CharField(
        _("episode"),
        max_length=120,
        help_text=_("For a lapse, the day of the last purchase before it."),
    )
    state = models.CharField(_("state"), max_length=8, choices=State, default=State.ACTIVE)
    version = models.PositiveIntegerField(_("version"), default=1)
    is_holdout = models.BooleanField(
        _("left alone"),
        default=False,
        help_text=_("In the hold-out group: no step is done with this member."),
    )
    step = models.ForeignKey(
        Step,
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        related_name="+",
        db_index=False,
        verbose_name=_("rests at"),
    )
    moved_at = models.DateTimeField(_("there since"), null=True, blank=True)
    due_at = models.DateTimeField(_("goes on at"), null=True, blank=True)
    waiting_for = models.CharField(_("waits for"), max_length=60, blank=True, default="")
    entered_at = models.DateTimeField(_("entered at"))
    closed_at = models.DateTimeField(_("closed at"), null=True, blank=True)
    ceased_at = models.DateTimeField(
        _("conditions ceased at"),
        null=True,
        blank=True,
        help_text=_("Where members enter each time the conditions begin to hold."),
    )
    return_order = models.ForeignKey(
        Order,
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        related_name="+",
        verbose_name=_("order that brought them back"),
    )

    class Meta:
        verbose_name = _("enrolment")
        verbose_name_plural = _("enrolments")
        constraints = [
            models.UniqueConstraint(
                fields=["campaign", "member", "episode"],
                name="campaigns_enrolment_once_per_episode",
            )
        ]
        indexes = [
            # An order arrives: which campaigns was its member being called back by?
            models.Index(
                fields=["member"],
                condition=Q(state="active"),
                name="campaigns_enrolment_active",
            ),
            # Whose time has come in one campaign, longest overdue first.
            models.Index(
                fields=["campaign", "due_at", "id"],
                condition=Q(state="active", due_at__isnull=False),
                name="campaigns_enrolment_due",
            ),
            # Whether a step is still stood on, before its version is cleared away.
            models.Index(
                fields=["step"],
                condition=Q(step__isnull=False),
                name="campaigns_enrolment_at_step",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.campaign_id}/{self.member_id}/{self.episode}"


class CounterPass(models.Model):
    """How often a member came through a counter in one period."""

    campaign = models.ForeignKey(Campaign, on_delete=models.CASCADE, related_name="+")
    member = models.ForeignKey(Member, on_delete=models.CASCADE, related_name="+")
    key = models.CharField(_("counter"), max_length=20)
    period = models.CharField(_("period"), max_length=12)
    times = models.PositiveIntegerField(_("times"), default=0)

    class Meta:
        verbose_name = _("counter pass")
        verbose_name_plural = _("counter passes")
        constraints = [
            models.UniqueConstraint(
                fields=["campaign", "member", "key", "period"],
                name="campaigns_counterpass_once_per_period",
            )
        ]

    def __str__(self) -> str:
        return f"{self.key}/{self.period}: {self.times}"
