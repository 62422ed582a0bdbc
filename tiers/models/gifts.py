"""What tiers give, what they make cheaper, and days in a tier as something to give."""

from __future__ import annotations

from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from rewards.models import Benefit, Reward
from tiers.models.ladders import Tier


class TierGift(models.Model):
    """A benefit that a tier's members are given on an occasion."""

    class Occasion(models.TextChoices):
        REACHED = "reached", _("when they reach the tier, once")
        KEPT = "kept", _("each time they keep it")
        BIRTHDAY = "birthday", _("each birthday")
        ANNIVERSARY = "anniversary", _("each year of membership")

    tier = models.ForeignKey(
        Tier, on_delete=models.PROTECT, related_name="gifts", verbose_name=_("tier")
    )
    occasion = models.CharField(
        _("given"), max_length=12, choices=Occasion, default=Occasion.REACHED
    )
    benefit = models.ForeignKey(
        Benefit,
        on_delete=models.PROTECT,
        related_name="tier_gifts",
        verbose_name=_("benefit"),
    )
    is_active = models.BooleanField(_("in use"), default=True)

    class Meta:
        verbose_name = _("gift of a tier")
        verbose_name_plural = _("gifts of tiers")
        ordering = ["tier", "occasion", "pk"]
        constraints = [
            models.UniqueConstraint(
                fields=["tier", "occasion", "benefit"],
                name="tiers_tiergift_once_per_occasion",
            )
        ]

    def __str__(self) -> str:
        return f"{self.tier_id}: {self.occasion}"


class TierReward(models.Model):
    """How a reward differs for the members of a tier and of every higher one."""

    tier = models.ForeignKey(
        Tier,
        on_delete=models.PROTECT,
        related_name="reward_terms",
        verbose_name=_("from the tier"),
    )
    reward = models.ForeignKey(
        Reward,
        on_delete=models.CASCADE,
        related_name="tier_terms",
        verbose_name=_("reward"),
    )
    price_points = models.PositiveBigIntegerField(
        _("price in points"),
        null=True,
        blank=True,
        help_text=_("Empty: the price of the reward."),
    )
    early_hours = models.PositiveSmallIntegerField(
        _("hours earlier"),
        null=True,
        blank=True,
        validators=[MinValueValidator(1), MaxValueValidator(24 * 60)],
        help_text=_("So long before the reward opens for everyone else."),
    )
    is_required = models.BooleanField(
        _("only from this tier on"),
        default=False,
        help_text=_("Lower tiers see the reward locked."),
    )

    class Meta:
        verbose_name = _("terms of a tier")
        verbose_name_plural = _("terms of tiers")
        ordering = ["tier", "pk"]
        constraints = [
            models.UniqueConstraint(
                fields=["tier", "reward"], name="tiers_tierreward_once_per_reward"
            ),
            models.CheckConstraint(
                condition=Q(price_points__isnull=False)
                | Q(early_hours__isnull=False)
                | Q(is_required=True),
                name="tiers_tierreward_says_something",
                violation_error_message=_(
                    "Write a price, the hours, or that only this tier may have it."
                ),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.tier_id}: {self.reward_id}"


class TierDays(models.Model):
    """The tier, and for how long, that a benefit of the kind “days in a tier” gives."""

    benefit = models.OneToOneField(
        Benefit,
        on_delete=models.CASCADE,
        primary_key=True,
        limit_choices_to={"kind": "tier_days"},
        related_name="tier_days",
        verbose_name=_("benefit"),
    )
    tier = models.ForeignKey(
        Tier, on_delete=models.PROTECT, related_name="+", verbose_name=_("tier")
    )
    days = models.PositiveSmallIntegerField(
        _("days"), validators=[MinValueValidator(1), MaxValueValidator(3660)]
    )

    class Meta:
        verbose_name = _("days in a tier")
        verbose_name_plural = _("days in a tier")

    def __str__(self) -> str:
        return f"{self.tier_id}: {self.days}"
