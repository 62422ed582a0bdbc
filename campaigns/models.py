"""Campaigns: who, when, what they get, what we say, and how we know that it worked."""

from __future__ import annotations

from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy
from simple_history.models import HistoricalRecords

from activities.models import Order
from members.models import Member, Tag
from messaging.models import MessageTemplate


class Campaign(models.Model):
    """An automation: it finds members and does its steps with each of them."""

    class Mode(models.TextChoices):
        CONTINUOUS = "continuous", _("automatic, continuous")
        ONE_OFF = "one_off", _("by hand, once")

    class State(models.TextChoices):
        DRAFT = "draft", _("draft")
        RUNNING = "running", _("running")
        PAUSED = "paused", _("paused")
        ENDED = "ended", _("ended")

    class Episode(models.TextChoices):
        """Why now: what must be new before a member is taken in again."""

        LAPSE = "lapse", _("once per lapse (until the next purchase)")
        ONCE = "once", _("once per member")

    code = models.SlugField(_("code"), max_length=60, unique=True)
    name = models.CharField(_("name"), max_length=120)
    description = models.TextField(_("what it is for"), blank=True, default="")
    mode = models.CharField(_("mode"), max_length=10, choices=Mode, default=Mode.CONTINUOUS)
    state = models.CharField(_("state"), max_length=8, choices=State, default=State.DRAFT)
    days = models.PositiveSmallIntegerField(
        _("days (X)"),
        default=45,
        validators=[MinValueValidator(1), MaxValueValidator(3650)],
        help_text=_("The window without a purchase that the conditions below speak of."),
    )
    conditions = models.JSONField(_("who"), default=dict, blank=True)
    episode = models.CharField(
        _("how often"), max_length=8, choices=Episode, default=Episode.LAPSE
    )
    return_points = models.PositiveIntegerField(
        _("points for coming back"),
        default=0,
        validators=[MaxValueValidator(1_000_000)],
        help_text=_(
            "Given by themselves, once for each lapse, with the first purchase after the "
            "message. Keep the offer in the message true to it. 0: none."
        ),
    )
    position = models.PositiveSmallIntegerField(
        pgettext_lazy("place in a row", "order"),
        default=100,
        help_text=_("Campaigns run one after the other, lowest number first."),
    )
    started_at = models.DateTimeField(_("started at"), null=True, blank=True)
    ended_at = models.DateTimeField(_("ended at"), null=True, blank=True)
    created_at = models.DateTimeField(_("created at"), auto_now_add=True)

    history = HistoricalRecords()

    class Meta:
        verbose_name = _("campaign")
        verbose_name_plural = _("campaigns")
        ordering = ["position", "code"]
        permissions = [
            ("run_campaign", "Can start, pause, end and run campaigns"),
            ("export_audience", "Can export the list of a campaign"),
        ]
        constraints = [
            models.CheckConstraint(
                condition=Q(state__in=["draft", "running", "paused", "ended"]),
                name="campaigns_campaign_state_is_known",
            ),
            models.CheckConstraint(
                condition=Q(days__gte=1), name="campaigns_campaign_days_is_positive"
            ),
        ]

    def __str__(self) -> str:
        return self.name

    @property
    def parameters(self) -> dict[str, int]:
        """What "{days}" stands for in the conditions."""
        return {"days": self.days}

    @property
    def is_running(self) -> bool:
        return self.state == self.State.RUNNING

    @property
    def is_one_off(self) -> bool:
        return self.mode == self.Mode.ONE_OFF

    @property
    def tag_source(self) -> str:
        """What stands as source on the tags that this campaign put on."""
        return f"campaign:{self.pk}"


class Step(models.Model):
    """One thing a campaign does with each member it finds."""

    class Kind(models.TextChoices):
        TAG = "tag", _("put a tag on; take it off when the conditions no longer hold")
        MESSAGE = "message", _("send a message")

    campaign = models.ForeignKey(
        Campaign, on_delete=models.CASCADE, related_name="steps", verbose_name=_("campaign")
    )
    position = models.PositiveSmallIntegerField(
        pgettext_lazy("place in a row", "order"), default=1
    )
    kind = models.CharField(_("kind"), max_length=10, choices=Kind)
    tag = models.ForeignKey(
        Tag, on_delete=models.PROTECT, null=True, blank=True, verbose_name=_("tag")
    )
    template = models.ForeignKey(
        MessageTemplate,
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        verbose_name=_("message template"),
    )
    offer = models.CharField(
        _("offer"),
        max_length=80,
        blank=True,
        default="",
        help_text=_("Goes into the message where the template says {{ offer }}."),
    )
    news = models.CharField(
        _("news"),
        max_length=200,
        blank=True,
        default="",
        help_text=_("Goes into the message where the template says {{ news }}."),
    )
    valid_days = models.PositiveSmallIntegerField(
        _("offer valid for (days)"),
        default=14,
        validators=[MinValueValidator(1), MaxValueValidator(365)],
        help_text=_("The offer's last day goes into {{ valid_until }}."),
    )

    class Meta:
        verbose_name = _("step")
        verbose_name_plural = _("steps")
        ordering = ["position", "pk"]
        constraints = [
            models.UniqueConstraint(
                fields=["campaign", "position"], name="campaigns_step_once_per_position"
            ),
            models.CheckConstraint(
                condition=Q(kind="tag", tag__isnull=False)
                | Q(kind="message", template__isnull=False),
                name="campaigns_step_has_what_its_kind_needs",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.position}. {self.get_kind_display()}"


class Enrolment(models.Model):
    """One member's way through a campaign, once for each episode."""

    class State(models.TextChoices):
        ACTIVE = "active", _("under way")
        RETURNED = "returned", _("came back")
        LEFT = "left", _("left")

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
        max_length=40,
        help_text=_("For a lapse, the day of the last purchase before it."),
    )
    state = models.CharField(_("state"), max_length=8, choices=State, default=State.ACTIVE)
    entered_at = models.DateTimeField(_("entered at"))
    closed_at = models.DateTimeField(_("closed at"), null=True, blank=True)
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
            )
        ]

    def __str__(self) -> str:
        return f"{self.campaign_id}/{self.member_id}/{self.episode}"


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
