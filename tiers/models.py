"""Ladders and their tiers as staff write them, who stands where, and how that came."""

from __future__ import annotations

import re
from decimal import Decimal

from django.core.validators import MaxValueValidator, MinValueValidator, RegexValidator
from django.db import models
from django.db.models import Q
from django.db.models.functions import Now
from django.utils.translation import gettext_lazy as _
from simple_history.models import HistoricalRecords

from members.models import Member
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


class MemberTier(models.Model):
    """Where a member stands on a ladder now; only the verbs of tiers write it."""

    class Reason(models.TextChoices):
        REACHED = "reached", _("reached")
        STEP = "step", _("fell by one step")

    ladder = models.ForeignKey(
        Ladder,
        on_delete=models.PROTECT,
        related_name="standings",
        verbose_name=_("ladder"),
    )
    member = models.ForeignKey(
        Member,
        on_delete=models.CASCADE,
        related_name="tiers",
        verbose_name=_("member"),
    )
    tier = models.ForeignKey(
        Tier, on_delete=models.PROTECT, related_name="members", verbose_name=_("tier")
    )
    since = models.DateTimeField(_("since"))
    changed_at = models.DateTimeField(
        _("last event at"), help_text=_("No later event is ever dated before it.")
    )
    earned_tier = models.ForeignKey(
        Tier,
        on_delete=models.PROTECT,
        related_name="+",
        verbose_name=_("tier without what staff gave"),
    )
    reason = models.CharField(
        _("why"), max_length=8, choices=Reason, default=Reason.REACHED
    )
    holds_until = models.DateField(
        _("kept through"),
        null=True,
        blank=True,
        help_text=_("Without another purchase; empty: for good."),
    )
    manual_tier = models.ForeignKey(
        Tier,
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        related_name="+",
        verbose_name=_("given by staff"),
    )
    manual_until = models.DateField(
        _("given through"), null=True, blank=True, help_text=_("Empty: for good.")
    )
    manual_note = models.CharField(_("reason"), max_length=200, blank=True, default="")
    spend = models.DecimalField(
        _("spend that counts"), max_digits=18, decimal_places=2, default=Decimal(0)
    )
    points = models.BigIntegerField(_("points that count"), default=0)
    orders = models.IntegerField(_("orders that count"), default=0)
    review_on = models.DateField(
        _("next look on"),
        null=True,
        blank=True,
        help_text=_("The first day on which something changes by itself."),
    )
    version = models.PositiveIntegerField(_("judged by version"), default=0)

    class Meta:
        verbose_name = _("member's tier")
        verbose_name_plural = _("members' tiers")
        constraints = [
            models.UniqueConstraint(
                fields=["ladder", "member"], name="tiers_membertier_once_per_member"
            ),
            models.CheckConstraint(
                condition=Q(manual_tier__isnull=False) | Q(manual_until__isnull=True),
                name="tiers_membertier_manual_end_has_tier",
            ),
        ]
        indexes = [
            # The programme day: whose window has moved on.
            models.Index(
                fields=["ladder", "review_on", "id"], name="tiers_membertier_to_review"
            ),
            # After publishing: who was judged by an older version.
            models.Index(
                fields=["ladder", "version", "id"], name="tiers_membertier_by_version"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.member_id}: {self.tier_id}"


class TierChange(models.Model):
    """One event in a member's history on a ladder. Written once, never changed."""

    class Kind(models.TextChoices):
        ENTERED = "entered", _("entered")
        UP = "up", _("went up")
        DOWN = "down", _("fell")
        KEPT = "kept", _("kept")
        MANUAL = "manual", _("given by staff")

    class Cause(models.TextChoices):
        ORDER = "order", _("an order")
        ACTIVITY = "activity", _("an activity")
        REFUND = "refund", _("a refund")
        NIGHT = "night", _("the review at night")
        STAFF = "staff", _("staff")
        LADDER = "ladder", _("a new version of the ladder")
        MERGE = "merge", _("a merge of members, or its undoing")

    ladder = models.ForeignKey(
        Ladder, on_delete=models.PROTECT, related_name="changes", verbose_name=_("ladder")
    )
    member = models.ForeignKey(
        Member,
        on_delete=models.PROTECT,
        related_name="tier_changes",
        verbose_name=_("member"),
    )
    from_tier = models.ForeignKey(
        Tier,
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        related_name="+",
        db_index=False,
        verbose_name=_("from"),
    )
    to_tier = models.ForeignKey(
        Tier,
        on_delete=models.PROTECT,
        related_name="+",
        db_index=False,
        verbose_name=_("to"),
    )
    kind = models.CharField(_("what happened"), max_length=8, choices=Kind)
    happened_at = models.DateTimeField(_("happened at"))
    written_at = models.DateTimeField(_("written at"), db_default=Now())
    cause = models.CharField(_("cause"), max_length=8, choices=Cause)
    cause_id = models.BigIntegerField(_("number of the cause"), null=True, blank=True)
    spend = models.DecimalField(_("spend that counted"), max_digits=18, decimal_places=2)
    points = models.BigIntegerField(_("points that counted"))
    orders = models.IntegerField(_("orders that counted"))
    holds_until = models.DateField(_("kept through"), null=True, blank=True)
    version = models.PositiveIntegerField(_("version of the ladder"))
    actor = models.CharField(_("by"), max_length=80, blank=True, default="")
    note = models.CharField(_("reason"), max_length=200, blank=True, default="")

    class Meta:
        verbose_name = _("tier change")
        verbose_name_plural = _("tier changes")
        ordering = ["-pk"]
        permissions = [("give_tier", "Can give a tier by hand")]
        constraints = [
            models.CheckConstraint(
                condition=Q(kind="entered", from_tier__isnull=True)
                | (~Q(kind="entered") & Q(from_tier__isnull=False)),
                name="tiers_tierchange_only_entering_comes_from_nowhere",
            )
        ]
        indexes = [
            # A member's history; the tier on a day.
            models.Index(
                fields=["member", "ladder", "happened_at", "id"],
                name="tiers_tierchange_of_member",
            )
        ]

    def __str__(self) -> str:
        return f"{self.member_id}: {self.kind}"
