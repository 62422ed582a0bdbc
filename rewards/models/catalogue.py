"""The catalogue: what members can have for their points, when, how often, and who."""

from __future__ import annotations

from decimal import Decimal

from django.core.validators import MinValueValidator
from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy
from simple_history.models import HistoricalRecords

from core.picture_fields import PictureKey
from members.models import Member, Segment
from points.models import EarnCap, Wallet
from rewards.models.benefits import Benefit

Period = EarnCap.Period


class RewardCategory(models.Model):
    """A shelf of the catalogue."""

    code = models.SlugField(_("code"), max_length=40, unique=True)
    name = models.CharField(_("name"), max_length=60)
    position = models.PositiveSmallIntegerField(_("place in the list"), default=100)
    is_active = models.BooleanField(_("shown"), default=True)

    class Meta:
        verbose_name = _("category of rewards")
        verbose_name_plural = _("categories of rewards")
        ordering = ["position", "name"]

    def __str__(self) -> str:
        return self.name


class Reward(models.Model):
    """One thing in the catalogue: a benefit, its price, its stock and its terms.

    Shown from ``visible_from`` up to, not including, ``visible_until``; can be had from
    ``active_from`` up to ``active_until``. Empty ends are open.
    """

    code = models.SlugField(_("code"), max_length=40, unique=True)
    name = models.CharField(_("name"), max_length=120)
    description = models.TextField(_("description"), blank=True, default="")
    fine_print = models.TextField(_("terms"), blank=True, default="")
    category = models.ForeignKey(
        RewardCategory,
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        related_name="rewards",
        verbose_name=pgettext_lazy("of rewards", "category"),
    )
    benefit = models.ForeignKey(
        Benefit,
        on_delete=models.PROTECT,
        related_name="rewards",
        verbose_name=_("what members get"),
    )
    picture = PictureKey(verbose_name=_("picture"))
    wallet = models.ForeignKey(
        Wallet,
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        related_name="rewards",
        verbose_name=_("paid from the wallet"),
        help_text=_("Empty: the points of the programme."),
    )
    price_points = models.PositiveBigIntegerField(
        _("price in points"), default=0, help_text=_("0: no points.")
    )
    price_amount = models.DecimalField(
        _("and in money"),
        max_digits=18,
        decimal_places=2,
        default=Decimal(0),
        validators=[MinValueValidator(Decimal(0))],
        help_text=_("Paid at the till before it is handed out; 0: no money."),
    )
    payment_hours = models.PositiveSmallIntegerField(
        _("hours to pay"),
        default=24,
        validators=[MinValueValidator(1)],
        help_text=_("So long points and stock are kept for who still has to pay."),
    )
    stock = models.PositiveIntegerField(
        _("stock"), null=True, blank=True, help_text=_("In all. Empty: no end.")
    )
    taken = models.PositiveIntegerField(_("taken"), default=0, editable=False)
    low_stock = models.PositiveIntegerField(
        _("warn when so few are left"), null=True, blank=True
    )
    audience = models.ForeignKey(
        Segment,
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        related_name="rewards",
        verbose_name=_("only for"),
        help_text=_("A group of members; empty: everyone."),
    )
    visible_from = models.DateTimeField(_("shown from"), null=True, blank=True)
    visible_until = models.DateTimeField(_("shown until"), null=True, blank=True)
    active_from = models.DateTimeField(_("can be had from"), null=True, blank=True)
    active_until = models.DateTimeField(_("can be had until"), null=True, blank=True)
    redeems_itself = models.BooleanField(
        _("redeemed by itself"),
        default=False,
        help_text=_(
            "Whoever has enough gets it without asking, and its price is taken. Each "
            "member can switch that off."
        ),
    )
    redeems_from = models.PositiveBigIntegerField(
        _("as soon as a member has"),
        null=True,
        blank=True,
        help_text=_("So many points; its price and more. Empty: its price."),
    )
    redeems_asked = models.BooleanField(
        _("only for members who switched it on"), default=False
    )
    is_featured = models.BooleanField(_("recommended"), default=False)
    position = models.PositiveSmallIntegerField(_("place in the list"), default=100)
    is_active = models.BooleanField(_("in the catalogue"), default=True)

    history = HistoricalRecords(excluded_fields=["taken"])

    class Meta:
        verbose_name = _("reward")
        verbose_name_plural = _("rewards")
        ordering = ["position", "price_points", "pk"]
        constraints = [
            models.CheckConstraint(
                condition=Q(stock__isnull=True) | Q(taken__lte=F("stock")),
                name="rewards_reward_never_more_than_stock",
                violation_error_message=_("More than that were taken already."),
            ),
            models.CheckConstraint(
                condition=Q(price_amount__gte=0),
                name="rewards_reward_price_not_negative",
            ),
            models.CheckConstraint(
                condition=Q(visible_from__isnull=True)
                | Q(visible_until__isnull=True)
                | Q(visible_until__gt=F("visible_from")),
                name="rewards_reward_visible_ends_after_start",
                violation_error_message=_("“Shown until” must be after “shown from”."),
            ),
            models.CheckConstraint(
                condition=Q(active_from__isnull=True)
                | Q(active_until__isnull=True)
                | Q(active_until__gt=F("active_from")),
                name="rewards_reward_active_ends_after_start",
                violation_error_message=_(
                    "“Can be had until” must be after “can be had from”."
                ),
            ),
            models.CheckConstraint(
                condition=Q(redeems_itself=False) | Q(price_points__gt=0, price_amount=0),
                name="rewards_reward_by_itself_for_points_only",
                violation_error_message=_(
                    "By itself it can be redeemed for points only: nobody is there to pay."
                ),
            ),
            models.CheckConstraint(
                condition=Q(redeems_from__isnull=True)
                | Q(redeems_from__gte=F("price_points")),
                name="rewards_reward_by_itself_from_its_price",
                violation_error_message=_(
                    "“As soon as a member has” cannot be less than the price."
                ),
            ),
        ]

    def __str__(self) -> str:
        return self.name

    @property
    def threshold(self) -> int:
        """How many points a member has when it redeems itself."""
        return self.price_points if self.redeems_from is None else self.redeems_from

    @property
    def left(self) -> int | None:
        """Return how many are left; None when there is no end."""
        return None if self.stock is None else self.stock - self.taken


class RewardLimit(models.Model):
    """How often a reward can be had in a span: by one member, or by everyone (pacing)."""

    class Per(models.TextChoices):
        MEMBER = "member", _("each member")
        EVERYONE = "everyone", _("everyone together")

    reward = models.ForeignKey(
        Reward, on_delete=models.CASCADE, related_name="limits", verbose_name=_("reward")
    )
    per = models.CharField(_("for"), max_length=8, choices=Per, default=Per.MEMBER)
    times = models.PositiveIntegerField(_("at most"), validators=[MinValueValidator(1)])
    period = models.CharField(_("in"), max_length=5, choices=Period, default=Period.ALL)

    class Meta:
        verbose_name = _("limit")
        verbose_name_plural = _("limits")
        constraints = [
            models.UniqueConstraint(
                fields=["reward", "per", "period"],
                name="rewards_rewardlimit_once_per_period",
            )
        ]

    def __str__(self) -> str:
        return f"{self.times} {self.get_period_display()}"


class RewardChoice(models.Model):
    """What a member said about a reward that redeems itself; else there is no row."""

    member = models.ForeignKey(
        Member,
        on_delete=models.CASCADE,
        related_name="reward_choices",
        verbose_name=_("member"),
    )
    reward = models.ForeignKey(
        Reward,
        on_delete=models.CASCADE,
        related_name="choices",
        verbose_name=_("reward"),
    )
    wants = models.BooleanField(_("wants it by itself"))
    changed_at = models.DateTimeField(_("changed at"))

    class Meta:
        verbose_name = _("choice about a reward")
        verbose_name_plural = _("choices about rewards")
        default_permissions = ()
        constraints = [
            models.UniqueConstraint(
                fields=["reward", "member"], name="rewards_rewardchoice_once_per_member"
            )
        ]

    def __str__(self) -> str:
        return f"{self.reward_id}: {self.wants}"


class LowNotice(models.Model):
    """That something runs low was told; taken away when there is enough of it again."""

    subject = models.CharField(
        max_length=40, unique=True, help_text="What runs low: “reward:5”."
    )
    told_at = models.DateTimeField()

    class Meta:
        verbose_name = _("notice of what runs low")
        verbose_name_plural = _("notices of what runs low")
        default_permissions = ()

    def __str__(self) -> str:
        return self.subject


class Tally(models.Model):
    """How often something limited happened: to one member, or to everyone, in one span.

    The one statement that counts is the one that refuses (``rewards.tallies``).
    """

    subject = models.CharField(
        max_length=40, help_text="What is limited: “reward:5”, “voucher_type:7”."
    )
    member = models.ForeignKey(
        Member,
        on_delete=models.CASCADE,
        null=True,
        blank=True,
        related_name="+",
        verbose_name=_("member"),
        help_text=_("Empty: everyone together."),
    )
    period = models.CharField(_("span"), max_length=5, choices=Period)
    starts_on = models.DateField(_("first day"), help_text=_("1970-01-01 for “in all”."))
    times = models.PositiveIntegerField(_("times"), default=0)

    class Meta:
        verbose_name = _("tally")
        verbose_name_plural = _("tallies")
        constraints = [
            models.UniqueConstraint(
                fields=["subject", "member", "period", "starts_on"],
                condition=Q(member__isnull=False),
                name="rewards_tally_once_per_member",
            ),
            models.UniqueConstraint(
                fields=["subject", "period", "starts_on"],
                condition=Q(member__isnull=True),
                name="rewards_tally_once_for_everyone",
            ),
            models.CheckConstraint(
                condition=Q(times__gte=0), name="rewards_tally_not_negative"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.subject}: {self.times}"
