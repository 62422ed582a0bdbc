"""The ledger: wallets, accounts, transfers between them, and the lots that points form."""

from __future__ import annotations

from decimal import Decimal

from django.core.validators import MinValueValidator
from django.db import models
from django.db.models import Q
from django.db.models.functions import Now
from django.utils.translation import gettext_lazy as _
from simple_history.models import HistoricalRecords

from core.money import Rounding
from members.models import Member

# Bounds keep SQLite from turning a sum past 2^63 into a float.
MAX_AMOUNT = 10**12
MAX_BALANCE = 10**15


class Wallet(models.Model):
    """A kind of value that members collect, with its own rules."""

    code = models.SlugField(_("code"), max_length=40, unique=True)
    name = models.CharField(_("name"), max_length=60)
    unit_name = models.CharField(_("unit"), max_length=20, default="điểm")
    expiry_months = models.PositiveSmallIntegerField(
        _("months until points expire"),
        null=True,
        blank=True,
        validators=[MinValueValidator(1)],
        help_text=_(
            "Counted from the day they were earned; usable through the last day. "
            "Empty: never."
        ),
    )
    allows_debt = models.BooleanField(
        _("may go below zero"),
        default=False,
        help_text=_("When a refund takes back points that are already spent."),
    )
    is_active = models.BooleanField(_("active"), default=True)

    history = HistoricalRecords()

    class Meta:
        verbose_name = _("wallet")
        verbose_name_plural = _("wallets")
        ordering = ["code"]
        constraints = [
            models.CheckConstraint(
                condition=Q(expiry_months__isnull=True) | Q(expiry_months__gte=1),
                name="points_wallet_expiry_is_positive",
            )
        ]

    def __str__(self) -> str:
        return self.name


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


class EarnRule(models.Model):
    """When which points are given: so many points for so much money."""

    code = models.SlugField(_("code"), max_length=40, unique=True)
    name = models.CharField(_("name"), max_length=80)
    wallet = models.ForeignKey(
        Wallet,
        on_delete=models.PROTECT,
        related_name="earn_rules",
        verbose_name=_("wallet"),
    )
    points = models.PositiveIntegerField(
        _("points"),
        default=1,
        validators=[MinValueValidator(1)],
        help_text=_("How many points are given…"),
    )
    amount = models.DecimalField(
        _("for each"),
        max_digits=18,
        decimal_places=2,
        default=Decimal(10000),
        validators=[MinValueValidator(Decimal("0.01"))],
        help_text=_("…for this much money on one order."),
    )
    rounding = models.CharField(
        _("rounding"), max_length=8, choices=Rounding, default=Rounding.DOWN
    )
    minimum_total = models.DecimalField(
        _("smallest order"),
        max_digits=18,
        decimal_places=2,
        default=Decimal(0),
        validators=[MinValueValidator(Decimal(0))],
        help_text=_("Orders below this amount earn nothing."),
    )
    starts_at = models.DateTimeField(_("from"), null=True, blank=True)
    ends_at = models.DateTimeField(_("until"), null=True, blank=True)
    is_active = models.BooleanField(_("active"), default=True)
    version = models.PositiveIntegerField(_("version"), default=1, editable=False)

    history = HistoricalRecords()

    class Meta:
        verbose_name = _("earn rule")
        verbose_name_plural = _("earn rules")
        ordering = ["code"]
        constraints = [
            models.CheckConstraint(
                condition=Q(amount__gt=0), name="points_earnrule_amount_is_positive"
            ),
            models.CheckConstraint(
                condition=Q(points__gte=1), name="points_earnrule_points_is_positive"
            ),
            models.CheckConstraint(
                condition=Q(starts_at__isnull=True)
                | Q(ends_at__isnull=True)
                | Q(ends_at__gt=models.F("starts_at")),
                name="points_earnrule_ends_after_start",
            ),
        ]

    def __str__(self) -> str:
        return self.name


class Transfer(models.Model):
    """One movement between two accounts. Written once, never changed or deleted."""

    class Kind(models.TextChoices):
        EARN = "earn", _("earned")
        SPEND = "spend", _("spent")
        EXPIRE = "expire", _("expired")
        ADJUST = "adjust", _("adjusted")
        OPENING = "opening", _("opening balance")
        REVERSE = "reverse", _("reversed")

    key = models.CharField(
        _("key"),
        max_length=120,
        unique=True,
        help_text=_("What makes this movement happen only once."),
    )
    kind = models.CharField(_("kind"), max_length=10, choices=Kind)
    from_account = models.ForeignKey(
        Account,
        on_delete=models.PROTECT,
        related_name="transfers_out",
        verbose_name=_("from"),
    )
    to_account = models.ForeignKey(
        Account,
        on_delete=models.PROTECT,
        related_name="transfers_in",
        verbose_name=_("to"),
    )
    amount = models.BigIntegerField(_("amount"))
    happened_at = models.DateTimeField(_("happened at"))
    created_at = models.DateTimeField(_("written at"), db_default=Now())
    source_type = models.CharField(_("cause"), max_length=20, blank=True, default="")
    source_id = models.BigIntegerField(_("number of the cause"), null=True, blank=True)
    rule = models.ForeignKey(
        EarnRule,
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        # Half of all rows name the same rule: an index would only cost.
        db_index=False,
        related_name="transfers",
        verbose_name=_("earn rule"),
    )
    rule_version = models.PositiveIntegerField(_("rule version"), null=True, blank=True)
    reverses = models.ForeignKey(
        "self",
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        # The partial unique index below serves the look-up and stays tiny.
        db_index=False,
        related_name="reversals",
        verbose_name=_("takes back"),
    )
    actor = models.CharField(_("by"), max_length=80, blank=True, default="")
    note = models.CharField(_("note"), max_length=200, blank=True, default="")

    class Meta:
        verbose_name = _("transfer")
        verbose_name_plural = _("transfers")
        permissions = [("adjust_points", "Can give and take points by hand")]
        constraints = [
            models.CheckConstraint(
                condition=Q(amount__gte=1) & Q(amount__lte=MAX_AMOUNT),
                name="points_transfer_amount_in_bounds",
            ),
            models.CheckConstraint(
                condition=~Q(from_account=models.F("to_account")),
                name="points_transfer_between_two_accounts",
            ),
            models.CheckConstraint(condition=~Q(key=""), name="points_transfer_has_key"),
            models.UniqueConstraint(
                fields=["reverses"],
                condition=Q(reverses__isnull=False),
                name="points_transfer_reversed_once",
            ),
            models.CheckConstraint(
                condition=Q(kind="reverse", reverses__isnull=False)
                | (~Q(kind="reverse") & Q(reverses__isnull=True)),
                name="points_transfer_reverse_names_its_original",
            ),
        ]
        indexes = [
            # "Why were these points given": the transfers of one order.
            models.Index(
                fields=["source_type", "source_id"], name="points_transfer_by_cause"
            )
        ]

    def __str__(self) -> str:
        return self.key


class Lot(models.Model):
    """Points that were earned together and expire together."""

    account = models.ForeignKey(
        Account, on_delete=models.PROTECT, related_name="lots", verbose_name=_("account")
    )
    transfer = models.ForeignKey(
        Transfer,
        on_delete=models.PROTECT,
        related_name="lots",
        verbose_name=_("earned by"),
    )
    amount = models.BigIntegerField(_("amount"))
    remaining = models.BigIntegerField(_("remaining"))
    expires_on = models.DateField(
        _("usable through"), null=True, blank=True, help_text=_("Empty: never expires.")
    )

    class Meta:
        verbose_name = _("lot")
        verbose_name_plural = _("lots")
        constraints = [
            models.CheckConstraint(
                condition=Q(amount__gte=1) & Q(amount__lte=MAX_AMOUNT),
                name="points_lot_amount_in_bounds",
            ),
            models.CheckConstraint(
                condition=Q(remaining__gte=0) & Q(remaining__lte=models.F("amount")),
                name="points_lot_remaining_in_bounds",
            ),
        ]
        indexes = [
            # First-expiring first spent: the open lots of one account in that order.
            models.Index(
                fields=["account", "expires_on", "id"],
                condition=Q(remaining__gt=0),
                name="points_lot_open_of_account",
            ),
            # The nightly expiry: open lots that are due.
            models.Index(
                fields=["expires_on"],
                condition=Q(remaining__gt=0),
                name="points_lot_open_by_expiry",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.remaining}/{self.amount}"


class LotDraw(models.Model):
    """What a transfer took out of a lot, so that a reversal can put it back there."""

    transfer = models.ForeignKey(
        Transfer,
        on_delete=models.PROTECT,
        related_name="draws",
        verbose_name=_("transfer"),
    )
    lot = models.ForeignKey(
        Lot, on_delete=models.PROTECT, related_name="draws", verbose_name=_("lot")
    )
    amount = models.BigIntegerField(
        _("amount"), help_text=_("Below zero: given back by a reversal.")
    )

    class Meta:
        verbose_name = _("draw on a lot")
        verbose_name_plural = _("draws on lots")
        constraints = [
            models.UniqueConstraint(
                fields=["transfer", "lot"], name="points_lotdraw_once_per_lot"
            ),
            models.CheckConstraint(
                condition=~Q(amount=0), name="points_lotdraw_amount_not_zero"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.amount} of lot {self.lot_id}"
