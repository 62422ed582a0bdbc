"""Wallets, the holdings in them, and who pays for what is given."""

from __future__ import annotations

from decimal import Decimal

from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _
from simple_history.models import HistoricalRecords

from core.money import Rounding
from members.models import Member

# Bounds keep SQLite from turning a sum past 2^63 into a float.
MAX_AMOUNT = 10**12
MAX_BALANCE = 10**15


class Wallet(models.Model):
    """A kind of value that members collect, with its own rules.

    Amounts are whole numbers: points, stamps, or money in the smallest unit of the
    programme's currency (dong, cents).
    """

    class Kind(models.TextChoices):
        POINTS = "points", _("points to spend")
        QUALIFYING = "qualifying", _("qualifying points, for tiers")
        CASHBACK = "cashback", _("cashback, in money")
        STAMPS = "stamps", _("stamps")
        SPINS = "spins", _("spins, for games")

    class Expiry(models.TextChoices):
        NEVER = "never", _("never")
        ROLLING = "rolling", _("months after they were earned")
        MONTH_END = "month_end", _("at the end of a month")
        YEAR_END = "year_end", _("at the end of a year")
        FIXED = "fixed", _("on one day of each year")
        INACTIVITY = "inactivity", _("after months without earning or spending")

    code = models.SlugField(_("code"), max_length=40, unique=True)
    name = models.CharField(_("name"), max_length=60)
    kind = models.CharField(
        _("what it holds"), max_length=10, choices=Kind, default=Kind.POINTS
    )
    unit_name = models.CharField(
        _("unit"),
        max_length=20,
        default="điểm",
        help_text=_("Cashback is written as money, whatever stands here."),
    )
    expiry_policy = models.CharField(
        _("points expire"), max_length=10, choices=Expiry, default=Expiry.NEVER
    )
    expiry_months = models.PositiveSmallIntegerField(
        _("months until points expire"),
        null=True,
        blank=True,
        validators=[MaxValueValidator(1200)],
        help_text=_(
            "Counted from the day they were earned; usable through the last day. With an "
            "end of month or year: the one in which these months are over."
        ),
    )
    expiry_day = models.DateField(
        _("first such day"),
        null=True,
        blank=True,
        help_text=_("The day of the year on which points expire; it comes every year."),
    )
    expiry_since = models.DateField(
        _("expiry in force since"),
        null=True,
        blank=True,
        editable=False,
        help_text=_("Points given before that day expire one full period after it."),
    )
    rounding = models.CharField(
        _("rounding"),
        max_length=8,
        choices=Rounding,
        default=Rounding.DOWN,
        help_text=_("For fees and for points that go back in part."),
    )
    allows_debt = models.BooleanField(
        _("may go below zero"),
        default=False,
        help_text=_(
            "When a refund takes back points that are already spent: what is earned later "
            "repays it first. Off: only what is still there is taken."
        ),
    )
    transfers_allowed = models.BooleanField(
        _("members may give points to each other"), default=False
    )
    transfer_minimum = models.PositiveIntegerField(
        _("smallest gift"), default=1, validators=[MinValueValidator(1)]
    )
    transfer_daily_limit = models.PositiveBigIntegerField(
        _("most given in a day"),
        null=True,
        blank=True,
        help_text=_("By one member, and received by one member. Empty: no limit."),
    )
    transfer_fee_percent = models.DecimalField(
        _("fee in percent"),
        max_digits=5,
        decimal_places=2,
        default=Decimal(0),
        validators=[MinValueValidator(Decimal(0)), MaxValueValidator(Decimal(100))],
        help_text=_("Paid by the giver on top of the gift."),
    )
    transfer_member_days = models.PositiveSmallIntegerField(
        _("days of membership before giving"), default=0
    )
    pays_at_till = models.BooleanField(_("can pay for orders"), default=False)
    pay_points = models.PositiveIntegerField(
        _("points in one block"),
        default=1,
        validators=[MinValueValidator(1)],
        help_text=_("Points pay in whole blocks only."),
    )
    pay_value = models.DecimalField(
        _("one block pays"),
        max_digits=18,
        decimal_places=2,
        default=Decimal(0),
        validators=[MinValueValidator(Decimal(0))],
        help_text=_("In the programme's currency."),
    )
    pay_minimum = models.PositiveIntegerField(_("smallest payment in points"), default=0)
    pay_max_percent = models.DecimalField(
        _("at most this share of an order, in percent"),
        max_digits=5,
        decimal_places=2,
        default=Decimal(100),
        validators=[MinValueValidator(Decimal(0)), MaxValueValidator(Decimal(100))],
    )
    reservation_minutes = models.PositiveSmallIntegerField(
        _("minutes a till may hold points"), default=15, validators=[MinValueValidator(1)]
    )
    approval_above = models.PositiveBigIntegerField(
        _("second person above"),
        null=True,
        blank=True,
        help_text=_(
            "Points given or taken by hand above this number wait for another person's "
            "approval. Empty: never."
        ),
    )
    is_active = models.BooleanField(_("active"), default=True)

    history = HistoricalRecords()

    class Meta:
        verbose_name = _("wallet")
        verbose_name_plural = _("wallets")
        ordering = ["code"]
        constraints = [
            models.CheckConstraint(
                condition=Q(expiry_policy__in=["never", "fixed"])
                | Q(expiry_policy__in=["rolling", "inactivity"], expiry_months__gte=1)
                | Q(expiry_policy__in=["month_end", "year_end"], expiry_months__gte=0),
                name="points_wallet_expiry_has_months",
            ),
            models.CheckConstraint(
                condition=~Q(expiry_policy="fixed") | Q(expiry_day__isnull=False),
                name="points_wallet_fixed_expiry_has_day",
            ),
            models.CheckConstraint(
                condition=Q(pays_at_till=False) | Q(pay_value__gt=0, pay_points__gte=1),
                name="points_wallet_payment_has_value",
            ),
        ]

    def __str__(self) -> str:
        return self.name

    @property
    def holds_money(self) -> bool:
        """Tell whether an amount is money, in the smallest unit of the currency."""
        return self.kind == self.Kind.CASHBACK


class Account(models.Model):
    """One holding in one wallet: a member's, or one of the programme's own.

    A member's account keeps its balance. The programme's accounts keep none (they would
    be a row that every posting fights for); their balance is the sum of their transfers.
    """

    class Kind(models.TextChoices):
        MEMBER = "member", _("member")
        ISSUED = "issued", _("issued")
        REDEEMED = "redeemed", _("redeemed")
        EXPIRED = "expired", _("expired")
        ADJUSTED = "adjusted", _("adjusted by hand")
        OPENING = "opening", _("opening balances")
        HELD = "held", _("held")
        FEE = "fee", _("fees")

    wallet = models.ForeignKey(
        Wallet,
        on_delete=models.PROTECT,
        related_name="accounts",
        verbose_name=_("wallet"),
    )
    kind = models.CharField(_("kind"), max_length=10, choices=Kind, default=Kind.MEMBER)
    member = models.ForeignKey(
        Member,
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        related_name="accounts",
        verbose_name=_("member"),
    )
    balance = models.BigIntegerField(_("balance"), default=0)
    may_go_negative = models.BooleanField(_("may go below zero"), default=False)
    version = models.PositiveBigIntegerField(_("version"), default=0)
    active_on = models.DateField(
        _("last earned or spent on"),
        null=True,
        blank=True,
        help_text=_("From when points without activity are counted."),
    )

    class Meta:
        verbose_name = _("wallet account")
        verbose_name_plural = _("wallet accounts")
        constraints = [
            models.UniqueConstraint(
                fields=["wallet", "member"],
                condition=Q(member__isnull=False),
                name="points_account_once_per_member",
            ),
            models.UniqueConstraint(
                fields=["wallet", "kind"],
                condition=Q(member__isnull=True),
                name="points_account_once_per_programme_kind",
            ),
            models.CheckConstraint(
                condition=Q(kind="member", member__isnull=False)
                | (~Q(kind="member") & Q(member__isnull=True)),
                name="points_account_kind_fits_owner",
            ),
            models.CheckConstraint(
                condition=Q(may_go_negative=True) | Q(balance__gte=0),
                name="points_account_balance_not_negative",
            ),
            models.CheckConstraint(
                condition=Q(balance__gte=-MAX_BALANCE) & Q(balance__lte=MAX_BALANCE),
                name="points_account_balance_in_bounds",
            ),
            models.CheckConstraint(
                condition=Q(kind="member") | Q(balance=0),
                name="points_account_programme_keeps_no_balance",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.get_kind_display()} {self.pk}"


class Funder(models.Model):
    """Who pays for points: the brand itself, a distributor or a partner."""

    class Kind(models.TextChoices):
        BRAND = "brand", _("the brand")
        DISTRIBUTOR = "distributor", _("distributor")
        PARTNER = "partner", _("partner")

    code = models.SlugField(_("code"), max_length=40, unique=True)
    name = models.CharField(_("name"), max_length=120)
    kind = models.CharField(_("kind"), max_length=12, choices=Kind, default=Kind.PARTNER)
    is_active = models.BooleanField(_("active"), default=True)

    class Meta:
        verbose_name = _("funding party")
        verbose_name_plural = _("funding parties")
        ordering = ["name"]

    def __str__(self) -> str:
        return self.name
