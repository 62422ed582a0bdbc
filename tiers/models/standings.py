"""Who stands where on a ladder, and how that came."""

from __future__ import annotations

from decimal import Decimal

from django.db import models
from django.db.models import Q
from django.db.models.functions import Now
from django.utils.translation import gettext_lazy as _

from members.models import Member
from tiers.models.ladders import Ladder, Tier


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
