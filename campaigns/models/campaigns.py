"""What staff set: whom a campaign finds, when, its goal, and whom it leaves alone."""

from __future__ import annotations

from datetime import time

from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy
from simple_history.models import HistoricalRecords

from rewards.models import Benefit


class Campaign(models.Model):
    """An automation: it finds members and takes each of them through its steps."""

    class Mode(models.TextChoices):
        CONTINUOUS = "continuous", _("automatic, continuous")
        RECURRING = "recurring", _("automatic, on fixed days")
        ONE_OFF = "one_off", _("by hand, once")

    class State(models.TextChoices):
        DRAFT = "draft", _("draft")
        RUNNING = "running", _("running")
        PAUSED = "paused", _("paused")
        DRAINING = "draining", _("running out")
        ENDED = "ended", _("ended")

    class Trigger(models.TextChoices):
        CONDITIONS = "conditions", _("the conditions hold")
        EVENT = "event", _("something happens")

    class Episode(models.TextChoices):
        """Why now: what must be new before a member is taken in again."""

        LAPSE = "lapse", _("once per lapse (until the next purchase)")
        ONCE = "once", _("once per member")
        ENTRY = "entry", _("each time the conditions begin to hold")
        MONTH = "month", _("once a month")
        YEAR = "year", _("once a year")
        SLOT = "slot", _("each time it runs")
        EVENT = "event", _("each time it happens")

    class Recurs(models.TextChoices):
        DAILY = "daily", _("every day")
        WEEKLY = "weekly", _("every week")
        MONTHLY = "monthly", _("every month")

    class Weekday(models.IntegerChoices):
        MONDAY = 0, _("Monday")
        TUESDAY = 1, _("Tuesday")
        WEDNESDAY = 2, _("Wednesday")
        THURSDAY = 3, _("Thursday")
        FRIDAY = 4, _("Friday")
        SATURDAY = 5, _("Saturday")
        SUNDAY = 6, _("Sunday")

    class Goal(models.TextChoices):
        NONE = "none", _("none")
        ORDER = "order", _("they buy")
        EVENT = "event", _("something else happens")

    code = models.SlugField(_("code"), max_length=60, unique=True)
    name = models.CharField(_("name"), max_length=120)
    description = models.TextField(_("what it is for"), blank=True, default="")
    mode = models.CharField(_("mode"), max_length=10, choices=Mode, default=Mode.CONTINUOUS)
    state = models.CharField(_("state"), max_length=8, choices=State, default=State.DRAFT)
    trigger = models.CharField(
        _("a member enters when"),
        max_length=10,
        choices=Trigger,
        default=Trigger.CONDITIONS,
    )
    event = models.CharField(_("what happens"), max_length=60, blank=True, default="")
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
    rest_days = models.PositiveSmallIntegerField(
        _("not again for (days)"),
        default=0,
        validators=[MaxValueValidator(3650)],
        help_text=_("Whoever was taken in is left in peace for so long. 0: no rest."),
    )
    leaves = models.BooleanField(
        _("leave when the conditions no longer hold"),
        default=True,
        help_text=_("Asked with every run, and just before each message."),
    )
    recurs = models.CharField(
        _("runs"), max_length=8, choices=Recurs, default=Recurs.WEEKLY
    )
    weekday = models.PositiveSmallIntegerField(
        _("on"), choices=Weekday, default=Weekday.MONDAY
    )
    month_day = models.PositiveSmallIntegerField(
        _("on day"),
        default=1,
        validators=[MinValueValidator(1), MaxValueValidator(31)],
        help_text=_("In a shorter month, on its last day."),
    )
    at_time = models.TimeField(_("at"), default=time(9), help_text=_("Local time."))
    ran_slot_at = models.DateTimeField(
        _("last of its days that is done"), null=True, blank=True, editable=False
    )
    goal = models.CharField(
        _("goal"),
        max_length=8,
        choices=Goal,
        default=Goal.ORDER,
        help_text=_("Who reaches it leaves at once: no further step, no message."),
    )
    goal_event = models.CharField(
        _("what is to happen"), max_length=60, blank=True, default=""
    )
    goal_days = models.PositiveSmallIntegerField(
        _("counts for (days)"),
        default=30,
        validators=[MinValueValidator(1), MaxValueValidator(365)],
        help_text=_(
            "For so many days after a member was taken in, orders count as its result."
        ),
    )
    goal_benefit = models.ForeignKey(
        Benefit,
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        related_name="+",
        verbose_name=_("given for reaching the goal"),
        help_text=_(
            "Given by itself, once each time. Keep the offer in the message true to it."
        ),
    )
    holdout_percent = models.PositiveSmallIntegerField(
        _("hold-out group (%)"),
        default=0,
        validators=[MaxValueValidator(50)],
        help_text=_(
            "So many of a hundred members are left alone, always the same ones: what they "
            "buy all the same shows what the campaign really brings."
        ),
    )
    version = models.PositiveIntegerField(
        _("version in force"),
        default=1,
        editable=False,
        help_text=_("Steps of this version are done with whoever enters now."),
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
                condition=Q(state__in=["draft", "running", "paused", "draining", "ended"]),
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
    def is_going_on(self) -> bool:
        """Whether members on their way go on: also while nobody enters any more."""
        return self.state in (self.State.RUNNING, self.State.DRAINING)

    @property
    def is_one_off(self) -> bool:
        return self.mode == self.Mode.ONE_OFF

    @property
    def starts_by_event(self) -> bool:
        return self.trigger == self.Trigger.EVENT

    @property
    def begins_at_once(self) -> bool:
        """Tell whether it takes members in as soon as it starts, not on its days."""
        return self.mode != self.Mode.RECURRING and not self.starts_by_event

    @property
    def draft_version(self) -> int:
        """The version that staff edit: the first until it is started, then the next."""
        return self.version if self.state == self.State.DRAFT else self.version + 1

    @property
    def tag_source(self) -> str:
        """What stands as source on the tags that this campaign put on."""
        return f"campaign:{self.pk}"
