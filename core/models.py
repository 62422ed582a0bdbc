"""What the whole programme shares: its settings and the record of its jobs."""

from __future__ import annotations

import re
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo, available_timezones

from django.conf import settings
from django.core.exceptions import ValidationError
from django.core.validators import MaxValueValidator, MinValueValidator, RegexValidator
from django.db import models
from django.utils.translation import gettext_lazy as _

from core.questions import Question


def validate_time_zone(value: str) -> None:
    """Refuse a name that the time zone database does not know."""
    if value not in available_timezones():
        raise ValidationError(
            _("%(value)s is no time zone. Example: Asia/Ho_Chi_Minh."),
            params={"value": value},
        )


class Programme(models.Model):
    """The brand's loyalty programme: one row, read by everyone."""

    class Currency(models.TextChoices):
        VND = "VND", _("Vietnamese dong (₫)")
        USD = "USD", _("US dollar ($)")
        EUR = "EUR", _("euro (€)")
        GBP = "GBP", _("pound sterling (£)")

    SINGLETON_ID = 1

    name = models.CharField(_("name"), max_length=80, default="Loyalty")
    unit_name = models.CharField(
        _("name of one point"),
        max_length=20,
        default="điểm",
        help_text=_("How members call what they collect: điểm, xu, sao…"),
    )
    currency = models.CharField(
        _("currency"), max_length=3, choices=Currency, default=Currency.VND
    )
    time_zone = models.CharField(
        _("time zone"),
        max_length=40,
        default="Asia/Ho_Chi_Minh",
        validators=[validate_time_zone],
        help_text=_("Days of the programme begin and end by this clock."),
    )
    brand_color = models.CharField(
        _("brand colour"),
        max_length=7,
        default="#8a4b2a",
        validators=[RegexValidator(re.compile(r"^#[0-9a-fA-F]{6}$"), _("Write #RRGGBB."))],
    )
    gift_approval_above = models.DecimalField(
        _("benefits by hand worth more need a second person"),
        max_digits=18,
        decimal_places=2,
        null=True,
        blank=True,
        help_text=_(
            "What one person may give one member by hand in a day, by what it costs; for "
            "points the wallet says it. Empty: any amount."
        ),
    )
    records_days = models.PositiveSmallIntegerField(
        _("working records are kept for (days)"),
        default=365,
        db_default=365,
        validators=[MinValueValidator(60), MaxValueValidator(3650)],
        help_text=_(
            "How runs and jobs went, what providers told us, who entered and left watched "
            "segments. Points, orders, messages and what staff did are kept for ever."
        ),
    )
    support_phone = models.CharField(
        _("support phone"), max_length=20, blank=True, default=""
    )
    terms_url = models.URLField(_("terms and conditions"), blank=True, default="")

    class Meta:
        verbose_name = _("programme")
        verbose_name_plural = _("programme")
        constraints = [
            models.CheckConstraint(
                condition=models.Q(id=1), name="core_programme_is_single"
            )
        ]

    def __str__(self) -> str:
        return self.name

    def save(self, *args: Any, **kwargs: Any) -> None:
        self.pk = self.SINGLETON_ID
        super().save(*args, **kwargs)

    @classmethod
    def current(cls) -> Programme:
        """Return the programme's settings; defaults when none were saved yet. One query."""
        return PROGRAMME.ask_one() or cls(pk=cls.SINGLETON_ID)

    @property
    def zone(self) -> ZoneInfo:
        return ZoneInfo(self.time_zone)

    @property
    def decimals(self) -> int:
        """How many decimals an amount of money has; the dong has none."""
        return 0 if self.currency == self.Currency.VND else 2

    @property
    def smallest_amount(self) -> Decimal:
        """The smallest amount of money: one dong, one cent."""
        return Decimal(1).scaleb(-self.decimals)


PROGRAMME = Question(lambda: Programme.objects.filter(pk=Programme.SINGLETON_ID))


class Holiday(models.Model):
    """A public holiday, for rules and sending hours that ask for one."""

    day = models.DateField(_("day"), unique=True)
    name = models.CharField(_("name"), max_length=80)

    class Meta:
        verbose_name = _("holiday")
        verbose_name_plural = _("holidays")
        ordering = ["-day"]

    def __str__(self) -> str:
        return self.name


class ChangeRequest(models.Model):
    """A staff act that needs a second person: who asked, who decided, what exactly.

    The payload is frozen by its hash when it is asked for; what is carried out is what was
    approved, once (see ``core.approvals``).
    """

    class State(models.TextChoices):
        OPEN = "open", _("waiting for approval")
        APPROVED = "approved", _("approved")
        REJECTED = "rejected", _("rejected")
        WITHDRAWN = "withdrawn", _("withdrawn")

    kind = models.CharField(_("kind"), max_length=40)
    summary = models.CharField(_("what is asked for"), max_length=300)
    payload = models.JSONField(_("content"))
    payload_hash = models.CharField(max_length=64, editable=False)
    state = models.CharField(_("state"), max_length=10, choices=State, default=State.OPEN)
    requested_by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        on_delete=models.PROTECT,
        related_name="change_requests",
        verbose_name=_("maker"),
    )
    requested_at = models.DateTimeField(_("asked at"))
    decided_by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        related_name="decided_requests",
        verbose_name=_("checker"),
    )
    decided_at = models.DateTimeField(_("decided at"), null=True, blank=True)
    decision_note = models.CharField(_("why"), max_length=200, blank=True, default="")

    class Meta:
        verbose_name = _("approval")
        verbose_name_plural = _("approvals")
        permissions = [("decide_changerequest", "Can approve what others ask for")]
        constraints = [
            models.CheckConstraint(
                condition=models.Q(state="open", decided_by__isnull=True)
                | models.Q(state="withdrawn")
                | (
                    models.Q(state__in=["approved", "rejected"])
                    & models.Q(decided_by__isnull=False)
                    & ~models.Q(decided_by=models.F("requested_by"))
                ),
                name="core_changerequest_maker_is_not_checker",
            )
        ]
        indexes = [
            # The checker's list: what waits, oldest first.
            models.Index(
                fields=["requested_at"],
                condition=models.Q(state="open"),
                name="core_changerequest_open",
            )
        ]

    def __str__(self) -> str:
        return self.summary


class JobRun(models.Model):
    """One run of a job for one period; unique, so two clocks make one effect."""

    class State(models.TextChoices):
        RUNNING = "running", _("running")
        DONE = "done", _("done")
        FAILED = "failed", _("failed")

    job = models.CharField(_("job"), max_length=80)
    period = models.CharField(_("period"), max_length=40)
    state = models.CharField(
        _("state"), max_length=10, choices=State, default=State.RUNNING
    )
    attempts = models.PositiveIntegerField(_("attempts"), default=1)
    leased_until = models.DateTimeField(_("leased until"))
    started_at = models.DateTimeField(_("started at"))
    finished_at = models.DateTimeField(_("finished at"), null=True, blank=True)
    result = models.JSONField(_("result"), default=dict, blank=True)
    error = models.TextField(_("error"), blank=True, default="")

    class Meta:
        verbose_name = _("job run")
        verbose_name_plural = _("job runs")
        constraints = [
            models.UniqueConstraint(
                fields=["job", "period"], name="core_jobrun_once_per_period"
            )
        ]

    def __str__(self) -> str:
        return f"{self.job} {self.period}"


class RateLimit(models.Model):
    """How often something happened in its present span of time; see ``core.limits``."""

    key = models.CharField(
        max_length=120,
        unique=True,
        help_text="The limit's name and a keyed hash of its subject: no personal data.",
    )
    count = models.PositiveIntegerField()
    ends_at = models.DateTimeField()

    class Meta:
        verbose_name = _("rate limit")
        verbose_name_plural = _("rate limits")
        indexes = [
            # Tidying up: the spans that are over.
            models.Index(fields=["ends_at"], name="core_ratelimit_ended")
        ]

    def __str__(self) -> str:
        return self.key


class Picture(models.Model):
    """A picture that pages show, made anew from what staff sent; see ``core.pictures``.

    Its name is the hash of its bytes, so the same picture is one row, whoever sent it,
    and whoever shows it knows its address without asking for the row.
    """

    digest = models.CharField(max_length=64, primary_key=True, editable=False)
    card = models.BinaryField()
    thumbnail = models.BinaryField()
    width = models.PositiveSmallIntegerField(_("width"))
    height = models.PositiveSmallIntegerField(_("height"))
    # The last time: a repeat makes it young again, so that it is not tidied away.
    uploaded_at = models.DateTimeField(_("uploaded at"))

    class Meta:
        verbose_name = _("picture")
        verbose_name_plural = _("pictures")
        # It comes and goes with what shows it; nobody is given rights to it alone.
        default_permissions = ()
        constraints = [
            models.CheckConstraint(
                condition=models.Q(width__range=(400, 800), height__range=(300, 600)),
                name="core_picture_fits_its_place",
            )
        ]

    def __str__(self) -> str:
        return self.digest[:12]


class Heartbeat(models.Model):
    """When a background process last did real work: a sign of life that cannot be faked."""

    name = models.CharField(_("name"), max_length=40, primary_key=True)
    beat_at = models.DateTimeField(_("last sign of life"))

    class Meta:
        verbose_name = _("heartbeat")
        verbose_name_plural = _("heartbeats")

    def __str__(self) -> str:
        return self.name
