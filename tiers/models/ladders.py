"""Ladders and their tiers as staff write them, and what was published."""

from __future__ import annotations

import re
from decimal import Decimal

from django.core.validators import MaxValueValidator, MinValueValidator, RegexValidator
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _
from simple_history.models import HistoricalRecords

from points.models import Wallet


class Ladder(models.Model):
    """One set of tiers and the terms on which members climb and fall.

    The fields are the draft. Members are judged by the newest published version, which is
    a copy of it that never changes.
    """

    class Window(models.TextChoices):
        LIFETIME = "lifetime", _("everything since the member joined")
        ROLLING = "rolling", _("the last months, day by day")
        CALENDAR = "calendar", _("a calendar year")
        ANNIVERSARY = "anniversary", _("a year of membership")

    class Combine(models.TextChoices):
        ANY = "any", _("one of them is enough")
        ALL = "all", _("all of them are needed")

    class Downgrade(models.TextChoices):
        NONE = "none", _("never: a tier once reached stays")
        ONE_STEP = "one_step", _("by one tier at a time")
        BY_MEASURE = "by_measure", _("to the tier that was really reached")

    code = models.SlugField(_("code"), max_length=40, unique=True)
    name = models.CharField(_("name"), max_length=80)
    window = models.CharField(
        _("what counts"),
        max_length=12,
        choices=Window,
        default=Window.ROLLING,
        help_text=_(
            "With a year: a tier reached in one year is kept to the end of the next."
        ),
    )
    months = models.PositiveSmallIntegerField(
        _("how many months"),
        default=12,
        validators=[MinValueValidator(1), MaxValueValidator(120)],
        help_text=_("For “the last months”."),
    )
    combine = models.CharField(
        _("where a tier asks for several things"),
        max_length=3,
        choices=Combine,
        default=Combine.ANY,
    )
    wallet = models.ForeignKey(
        Wallet,
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        related_name="ladders",
        verbose_name=_("qualifying points are earned in"),
        help_text=_("Only what was earned counts; spending points never lowers a tier."),
    )
    downgrade = models.CharField(
        _("members fall"), max_length=10, choices=Downgrade, default=Downgrade.BY_MEASURE
    )
    grace_days = models.PositiveSmallIntegerField(
        _("days of grace"),
        default=0,
        validators=[MaxValueValidator(366)],
        help_text=_("So long a tier is kept after its end, and purchases still count."),
    )
    falls_on_refund = models.BooleanField(
        _("a refund takes the tier back at once"),
        default=True,
        help_text=_("Otherwise the tier stays until its end."),
    )
    is_active = models.BooleanField(_("active"), default=True)
    version = models.PositiveIntegerField(
        _("published version"),
        default=0,
        editable=False,
        help_text=_("0: not published yet."),
    )
    reviewed_through = models.BigIntegerField(
        _("movements of points seen"), null=True, editable=False
    )

    history = HistoricalRecords(excluded_fields=["reviewed_through"])

    class Meta:
        verbose_name = _("tier ladder")
        verbose_name_plural = _("tier ladders")
        ordering = ["pk"]
        permissions = [("publish_ladder", "Can publish tier ladders")]
        constraints = [
            models.CheckConstraint(
                condition=Q(months__gte=1), name="tiers_ladder_months_positive"
            )
        ]

    def __str__(self) -> str:
        return self.name


class Tier(models.Model):
    """One step of a ladder; its thresholds are the draft of what it asks for."""

    ladder = models.ForeignKey(
        Ladder, on_delete=models.PROTECT, related_name="tiers", verbose_name=_("ladder")
    )
    code = models.SlugField(_("code"), max_length=40)
    name = models.CharField(_("name"), max_length=60)
    color = models.CharField(
        _("colour"),
        max_length=7,
        default="#6b7280",
        validators=[RegexValidator(re.compile(r"^#[0-9a-fA-F]{6}$"), _("Write #RRGGBB."))],
    )
    spend = models.DecimalField(
        _("spend"),
        max_digits=18,
        decimal_places=2,
        null=True,
        blank=True,
        validators=[MinValueValidator(Decimal(0))],
    )
    points = models.PositiveBigIntegerField(_("qualifying points"), null=True, blank=True)
    orders = models.PositiveIntegerField(_("orders"), null=True, blank=True)
    is_active = models.BooleanField(
        _("in use"),
        default=True,
        help_text=_("Switch a tier off instead of deleting it: members' history names it."),
    )
    rank = models.PositiveSmallIntegerField(
        _("rank"),
        default=0,
        editable=False,
        help_text=_("Its place when it was last published; 0 is the lowest."),
    )

    history = HistoricalRecords()

    class Meta:
        verbose_name = _("tier")
        verbose_name_plural = _("tiers")
        ordering = ["ladder", "spend", "points", "orders", "pk"]
        constraints = [
            models.UniqueConstraint(
                fields=["ladder", "code"], name="tiers_tier_once_per_code"
            ),
            models.CheckConstraint(
                condition=Q(spend__isnull=True) | Q(spend__gte=0),
                name="tiers_tier_spend_not_negative",
            ),
        ]

    def __str__(self) -> str:
        return self.name


class Perk(models.Model):
    """What a tier is worth to its members, in a sentence, and for tills as numbers."""

    class Kind(models.TextChoices):
        DISCOUNT = "discount", _("standing discount, in percent")
        FREE_DELIVERY = "free_delivery", _("free delivery from an amount")
        EARLY_ACCESS = "early_access", _("early access")
        APPOINTMENT = "appointment", _("appointment")
        EVENT = "event", _("event")
        OTHER = "other", _("something else")

    tier = models.ForeignKey(
        Tier, on_delete=models.CASCADE, related_name="perks", verbose_name=_("tier")
    )
    kind = models.CharField(_("kind"), max_length=16, choices=Kind, default=Kind.OTHER)
    name = models.CharField(_("name"), max_length=60)
    sentence = models.CharField(_("in a sentence"), max_length=200, blank=True, default="")
    percent = models.DecimalField(
        _("percent"),
        max_digits=5,
        decimal_places=2,
        null=True,
        blank=True,
        validators=[MinValueValidator(Decimal("0.01")), MaxValueValidator(Decimal(100))],
    )
    amount = models.DecimalField(
        _("from an amount of"),
        max_digits=18,
        decimal_places=2,
        null=True,
        blank=True,
        validators=[MinValueValidator(Decimal(0))],
    )

    class Meta:
        verbose_name = _("perk")
        verbose_name_plural = _("perks")
        ordering = ["pk"]
        constraints = [
            models.CheckConstraint(
                condition=~Q(kind="discount")
                | Q(percent__isnull=False, percent__gt=0, percent__lte=100),
                name="tiers_perk_discount_has_percent",
                violation_error_message=_("Write how many percent the discount is."),
            ),
            models.CheckConstraint(
                condition=~Q(kind="free_delivery") | Q(amount__isnull=False, amount__gte=0),
                name="tiers_perk_free_delivery_has_amount",
                violation_error_message=_(
                    "Write from which amount on delivery is free; 0 is always."
                ),
            ),
        ]

    def __str__(self) -> str:
        return self.name


class LadderVersion(models.Model):
    """A published ladder, word for word; never changed, so that it explains old tiers."""

    ladder = models.ForeignKey(
        Ladder,
        on_delete=models.PROTECT,
        related_name="versions",
        verbose_name=_("ladder"),
    )
    number = models.PositiveIntegerField(_("version"))
    definition = models.JSONField(_("content"))
    published_at = models.DateTimeField(_("published at"))
    published_by = models.CharField(_("published by"), max_length=150, default="")

    class Meta:
        verbose_name = _("version of a ladder")
        verbose_name_plural = _("versions of ladders")
        ordering = ["ladder", "-number"]
        constraints = [
            models.UniqueConstraint(
                fields=["ladder", "number"], name="tiers_ladderversion_once_per_number"
            )
        ]

    def __str__(self) -> str:
        return f"{self.ladder_id} v{self.number}"
