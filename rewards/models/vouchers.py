"""Vouchers: their types, the codes made or bought, and every use at a till."""

from __future__ import annotations

from decimal import Decimal
from functools import cached_property

from django.core.validators import MaxValueValidator, MinValueValidator, RegexValidator
from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext_lazy as _
from simple_history.models import HistoricalRecords

from activities.models import Order, Store
from members.models import Member
from points.models import EarnCap, Funder

MAX_CODE = 40
MAX_REFERENCE = 80
# As a partner writes it: with dashes and spaces between.
MAX_WRITTEN = 60


class VoucherType(models.Model):
    """What a kind of voucher is worth and on which terms; its codes are vouchers.

    ``terms`` is what the discount engine reads (``rewards.discounts``). Once a code was
    issued the terms stand: members hold what was promised to them.
    """

    class Codes(models.TextChoices):
        GENERATED = "generated", _("made for each voucher")
        POOL = "pool", _("taken from uploaded or printed codes")
        SHARED = "shared", _("one code for everyone")

    code = models.SlugField(_("code"), max_length=40, unique=True)
    name = models.CharField(
        _("name"), max_length=120, help_text=_("As members read it: “Half-price drinks”.")
    )
    fine_print = models.TextField(_("terms"), blank=True, default="")
    terms = models.JSONField(_("what it takes off"), default=dict)
    codes = models.CharField(
        _("codes are"), max_length=10, choices=Codes, default=Codes.GENERATED
    )
    prefix = models.CharField(
        _("codes begin with"),
        max_length=12,
        blank=True,
        default="",
        validators=[RegexValidator(r"^[A-Z0-9]*$", _("Capital letters and digits only."))],
    )
    length = models.PositiveSmallIntegerField(
        _("random letters"),
        default=10,
        validators=[MinValueValidator(6), MaxValueValidator(24)],
        help_text=_(
            "Ten letters: a guess meets one of a million codes once in 95 million."
        ),
    )
    valid_from = models.DateTimeField(_("usable from"), null=True, blank=True)
    valid_until = models.DateTimeField(_("usable until"), null=True, blank=True)
    valid_days = models.PositiveSmallIntegerField(
        _("days usable"),
        null=True,
        blank=True,
        validators=[MinValueValidator(1)],
        help_text=_("From the day on which a member gets it, through the last day."),
    )
    uses_per_code = models.PositiveIntegerField(
        _("uses of one code"),
        null=True,
        blank=True,
        default=1,
        validators=[MinValueValidator(1)],
        help_text=_("Empty: any number."),
    )
    owner_only = models.BooleanField(
        _("only its owner may use it"),
        default=True,
        help_text=_("Otherwise whoever shows the code."),
    )
    hold_minutes = models.PositiveSmallIntegerField(
        _("minutes a till may hold it"), default=15, validators=[MinValueValidator(1)]
    )
    returns_on_refund = models.BooleanField(
        _("comes back with its order"),
        default=True,
        help_text=_(
            "When the order is cancelled or wholly refunded, it can be used again until "
            "its end. Never for a part."
        ),
    )
    low_codes = models.PositiveIntegerField(
        _("warn when so few codes are left"), null=True, blank=True
    )
    approval_above = models.PositiveIntegerField(
        _("second person above"),
        null=True,
        blank=True,
        default=10_000,
        help_text=_(
            "More codes than this, made or uploaded by one person in a day, wait for "
            "another person's approval. Empty: never."
        ),
    )
    funder = models.ForeignKey(
        Funder,
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        related_name="voucher_types",
        verbose_name=_("paid for by"),
        help_text=_("Empty: the brand."),
    )
    is_active = models.BooleanField(_("in use"), default=True)

    history = HistoricalRecords()

    class Meta:
        verbose_name = _("type of voucher")
        verbose_name_plural = _("types of voucher")
        ordering = ["name"]
        constraints = [
            models.CheckConstraint(
                condition=Q(valid_from__isnull=True)
                | Q(valid_until__isnull=True)
                | Q(valid_until__gt=F("valid_from")),
                name="rewards_vouchertype_ends_after_start",
                violation_error_message=_("“Usable until” must be after “usable from”."),
            )
        ]

    def __str__(self) -> str:
        return self.name

    @cached_property
    def known_limits(self) -> list[VoucherLimit]:
        """Its limits, read once; where they were not read with it, this asks."""
        return list(self.limits.all())


class VoucherLimit(models.Model):
    """How often vouchers of a type can be used in a span: by one member, or by everyone."""

    class Per(models.TextChoices):
        MEMBER = "member", _("each member")
        EVERYONE = "everyone", _("everyone together")

    voucher_type = models.ForeignKey(
        VoucherType,
        on_delete=models.CASCADE,
        related_name="limits",
        verbose_name=_("type of voucher"),
    )
    per = models.CharField(_("for"), max_length=8, choices=Per, default=Per.MEMBER)
    times = models.PositiveIntegerField(_("at most"), validators=[MinValueValidator(1)])
    period = models.CharField(
        _("in"), max_length=5, choices=EarnCap.Period, default=EarnCap.Period.ALL
    )

    class Meta:
        verbose_name = _("limit")
        verbose_name_plural = _("limits")
        constraints = [
            models.UniqueConstraint(
                fields=["voucher_type", "per", "period"],
                name="rewards_voucherlimit_once_per_period",
            )
        ]

    def __str__(self) -> str:
        return f"{self.times} {self.get_period_display()}"


class Voucher(models.Model):
    """One code. Without a member it waits in a pool, or belongs to who shows it."""

    class State(models.TextChoices):
        POOLED = "pooled", _("in the pool")
        ISSUED = "issued", _("given out")
        CANCELLED = "cancelled", _("cancelled")

    # Stored as tills compare it: capital letters and digits, no spaces or dashes.
    code = models.CharField(_("code"), max_length=MAX_CODE)
    written_as = models.CharField(
        _("as its partner writes it"),
        max_length=MAX_WRITTEN,
        blank=True,
        default="",
        db_default="",
        help_text=_("Where small letters and dashes matter; else empty."),
    )
    voucher_type = models.ForeignKey(
        VoucherType,
        on_delete=models.PROTECT,
        # The partial indexes below begin with it.
        db_index=False,
        related_name="vouchers",
        verbose_name=_("type of voucher"),
    )
    batch = models.ForeignKey(
        "rewards.VoucherBatch",
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        db_index=False,
        related_name="vouchers",
        verbose_name=_("batch"),
    )
    member = models.ForeignKey(
        Member,
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        db_index=False,
        related_name="vouchers",
        verbose_name=_("owner"),
    )
    given = models.ForeignKey(
        "rewards.GivenBenefit",
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        db_index=False,
        related_name="vouchers",
        verbose_name=_("given as"),
    )
    state = models.CharField(_("state"), max_length=10, choices=State)
    uses = models.PositiveIntegerField(_("uses"), default=0, db_default=0)
    max_uses = models.PositiveIntegerField(_("uses allowed"), null=True, blank=True)
    valid_from = models.DateTimeField(_("usable from"), null=True, blank=True)
    valid_until = models.DateTimeField(_("usable until"), null=True, blank=True)
    issued_at = models.DateTimeField(_("given out at"), null=True, blank=True)
    cancelled_at = models.DateTimeField(_("cancelled at"), null=True, blank=True)
    cancelled_because = models.CharField(
        _("cancelled because"), max_length=200, blank=True, default="", db_default=""
    )

    class Meta:
        verbose_name = _("voucher")
        verbose_name_plural = _("vouchers")
        permissions = [("cancel_voucher", "Can cancel vouchers")]
        constraints = [
            # A unique field would bring a second index for LIKE, which nobody asks.
            models.UniqueConstraint(fields=["code"], name="rewards_voucher_code_once"),
            models.CheckConstraint(
                condition=Q(max_uses__isnull=True) | Q(uses__lte=F("max_uses")),
                name="rewards_voucher_never_used_too_often",
            ),
            models.CheckConstraint(
                condition=Q(state__in=["pooled", "issued", "cancelled"]),
                name="rewards_voucher_state_is_known",
            ),
        ]
        indexes = [
            # The next code of a pool: the one that ends first.
            models.Index(
                fields=["voucher_type", "valid_until", "id"],
                condition=Q(state="pooled"),
                name="rewards_voucher_pool",
            ),
            # What a member holds.
            models.Index(
                fields=["member", "-id"],
                condition=Q(member__isnull=False),
                name="rewards_voucher_of_member",
            ),
            # The vouchers of a type, newest first.
            models.Index(fields=["voucher_type", "-id"], name="rewards_voucher_of_type"),
            # The codes of a batch, for its file and its withdrawal.
            models.Index(
                fields=["batch", "id"],
                condition=Q(batch__isnull=False),
                name="rewards_voucher_of_batch",
            ),
            # What one occasion gave.
            models.Index(
                fields=["given"],
                condition=Q(given__isnull=False),
                name="rewards_voucher_by_occasion",
            ),
            # Reminders: what ends soon.
            models.Index(
                fields=["valid_until", "id"],
                condition=Q(member__isnull=False, state="issued"),
                name="rewards_voucher_ending",
            ),
        ]

    def __str__(self) -> str:
        return self.code


class VoucherUse(models.Model):
    """One use of a voucher: held by a till, used on an order, or given back."""

    class State(models.TextChoices):
        HELD = "held", _("held by a till")
        USED = "used", _("used")
        RELEASED = "released", _("released")
        LAPSED = "lapsed", _("not used in time")
        ROLLED_BACK = "rolled_back", _("taken back")

    voucher = models.ForeignKey(
        Voucher, on_delete=models.PROTECT, related_name="history", verbose_name=_("voucher")
    )
    member = models.ForeignKey(
        Member,
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        related_name="voucher_uses",
        verbose_name=_("used by"),
    )
    source = models.CharField(_("source"), max_length=40)
    reference = models.CharField(_("reference of the till"), max_length=MAX_REFERENCE)
    # Its place among the codes of its reference, sorted.
    position = models.PositiveSmallIntegerField(default=0, editable=False)
    state = models.CharField(_("state"), max_length=12, choices=State)
    order_total = models.DecimalField(
        _("order before it"), max_digits=18, decimal_places=2, default=Decimal(0)
    )
    discount = models.DecimalField(
        _("taken off"), max_digits=18, decimal_places=2, default=Decimal(0)
    )
    content_hash = models.CharField(max_length=64, editable=False)
    breakdown = models.JSONField(_("how it was worked out"), default=dict)
    counted = models.JSONField(
        default=list,
        editable=False,
        help_text="The limits that counted it, as [per, period]: these get it back.",
    )
    order = models.ForeignKey(
        Order,
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        related_name="voucher_uses",
        verbose_name=_("order"),
    )
    store = models.ForeignKey(
        Store,
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        related_name="voucher_uses",
        verbose_name=_("store"),
    )
    happened_at = models.DateTimeField(_("asked at"))
    happened_on = models.DateField(
        _("day"), help_text=_("The programme's day; its limits are counted there.")
    )
    held_until = models.DateTimeField(_("held until"), null=True, blank=True)
    used_at = models.DateTimeField(_("used at"), null=True, blank=True)
    ended_at = models.DateTimeField(_("given back at"), null=True, blank=True)
    actor = models.CharField(_("by"), max_length=80, blank=True, default="")

    class Meta:
        verbose_name = _("use of a voucher")
        verbose_name_plural = _("uses of vouchers")
        ordering = ["-pk"]
        constraints = [
            models.UniqueConstraint(
                fields=["source", "reference", "voucher"],
                name="rewards_voucheruse_once_per_reference",
            ),
            # Of two baskets told under one reference at once only one gets a first place.
            models.UniqueConstraint(
                fields=["source", "reference", "position"],
                condition=Q(state__in=["held", "used", "rolled_back"]),
                name="rewards_voucheruse_one_basket_per_reference",
            ),
            models.CheckConstraint(
                condition=Q(
                    state__in=["held", "used", "released", "lapsed", "rolled_back"]
                ),
                name="rewards_voucheruse_state_is_known",
            ),
            models.CheckConstraint(
                condition=~Q(state="held") | Q(held_until__isnull=False),
                name="rewards_voucheruse_held_has_end",
            ),
            models.CheckConstraint(
                condition=~Q(state__in=["used", "rolled_back"]) | Q(used_at__isnull=False),
                name="rewards_voucheruse_used_has_time",
            ),
            models.CheckConstraint(
                condition=Q(state__in=["held", "used"]) | Q(ended_at__isnull=False),
                name="rewards_voucheruse_ended_has_time",
            ),
            models.CheckConstraint(
                condition=Q(discount__gte=0), name="rewards_voucheruse_not_negative"
            ),
        ]
        indexes = [
            # Holds whose time is over.
            models.Index(
                fields=["held_until"],
                condition=Q(state="held"),
                name="rewards_voucheruse_held",
            )
        ]

    def __str__(self) -> str:
        return f"{self.reference}: {self.state}"
