"""How recently, how often and for how much members buy, compared with one another."""

from __future__ import annotations

from decimal import Decimal

from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.utils.translation import gettext_lazy as _

from members.models import Member

LOWEST, HIGHEST = 1, 5
SCORES = [MinValueValidator(LOWEST), MaxValueValidator(HIGHEST)]


class RfmSettings(models.Model):
    """The period whose purchases are compared; one row."""

    days = models.PositiveSmallIntegerField(
        _("days that count"),
        default=365,
        validators=[MinValueValidator(7), MaxValueValidator(3650)],
        help_text=_(
            "Purchases of the last so many days are compared. A year suits most shops; "
            "take three times the usual gap between two purchases at least."
        ),
    )

    class Meta:
        verbose_name = _("RFM period")
        verbose_name_plural = _("RFM period")

    def __str__(self) -> str:
        return str(self.days)


class RfmScore(models.Model):
    """A member's three scores, each 1 to 5, from one night to the night they changed.

    The row without an end is the one of today. ``to_on`` is the day from which the next
    scores hold, or none.
    """

    member = models.ForeignKey(
        Member,
        on_delete=models.CASCADE,
        related_name="rfm_scores",
        verbose_name=_("member"),
    )
    recency = models.PositiveSmallIntegerField(_("recency"), validators=SCORES)
    frequency = models.PositiveSmallIntegerField(_("frequency"), validators=SCORES)
    monetary = models.PositiveSmallIntegerField(_("spend"), validators=SCORES)
    from_on = models.DateField(_("from"))
    to_on = models.DateField(_("until"), null=True, blank=True)

    class Meta:
        verbose_name = _("RFM score")
        verbose_name_plural = _("RFM scores")
        constraints = [
            models.UniqueConstraint(
                fields=["member"],
                condition=models.Q(to_on__isnull=True),
                name="activities_rfmscore_one_now",
            ),
            models.CheckConstraint(
                condition=models.Q(recency__range=(LOWEST, HIGHEST))
                & models.Q(frequency__range=(LOWEST, HIGHEST))
                & models.Q(monetary__range=(LOWEST, HIGHEST)),
                name="activities_rfmscore_from_one_to_five",
            ),
            models.CheckConstraint(
                condition=models.Q(to_on__isnull=True)
                | models.Q(to_on__gt=models.F("from_on")),
                name="activities_rfmscore_ends_after_start",
            ),
        ]
        indexes = [
            # Who is in a cell now.
            models.Index(
                fields=["recency", "frequency", "monetary"],
                condition=models.Q(to_on__isnull=True),
                name="activities_rfmscore_cell",
            )
        ]

    def __str__(self) -> str:
        return f"{self.recency}{self.frequency}{self.monetary}"


class RfmRun(models.Model):
    """One night's comparison: whose purchases, and from which values each score begins."""

    day = models.DateField(_("day"), unique=True)
    days = models.PositiveSmallIntegerField(_("days that count"))
    num_members = models.PositiveIntegerField(_("members compared"), default=0)
    cuts = models.JSONField(
        default=dict,
        help_text="For recency, frequency and monetary: the lowest value of each score.",
    )
    finished_at = models.DateTimeField(_("finished at"), null=True, blank=True)

    class Meta:
        verbose_name = _("RFM comparison")
        verbose_name_plural = _("RFM groups")
        ordering = ["-day"]

    def __str__(self) -> str:
        return f"{self.day:%d/%m/%Y}"


class RfmCount(models.Model):
    """How many members had three scores on a night, and what they spent in the period."""

    run = models.ForeignKey(
        RfmRun,
        on_delete=models.CASCADE,
        # The constraint's index begins with it.
        db_index=False,
        related_name="counts",
        verbose_name=_("comparison"),
    )
    recency = models.PositiveSmallIntegerField(_("recency"))
    frequency = models.PositiveSmallIntegerField(_("frequency"))
    monetary = models.PositiveSmallIntegerField(_("spend"))
    members = models.PositiveIntegerField(_("members"))
    spend = models.DecimalField(
        _("spend"), max_digits=20, decimal_places=2, default=Decimal(0)
    )

    class Meta:
        verbose_name = _("RFM count")
        verbose_name_plural = _("RFM counts")
        constraints = [
            models.UniqueConstraint(
                fields=["run", "recency", "frequency", "monetary"],
                name="activities_rfmcount_once_per_scores",
            )
        ]

    def __str__(self) -> str:
        return f"{self.recency}{self.frequency}{self.monetary}: {self.members}"
