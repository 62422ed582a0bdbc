"""Benefits: everything that can be given, and every occasion on which it was."""

from __future__ import annotations

from decimal import Decimal

from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _
from simple_history.models import HistoricalRecords

from members.models import Member, Tag
from points.models import Funder, Transfer, Wallet
from points.models.wallets import MAX_AMOUNT
from rewards.models.vouchers import VoucherType


class Benefit(models.Model):
    """What a customer is given, as staff describe it once for every use.

    Rewards sell it for points; tiers, campaigns and games give it.
    """

    class Kind(models.TextChoices):
        POINTS = "points", _("value in a wallet: points, cashback, stamps, spins")
        VOUCHER = "voucher", _("a voucher")
        GIFT = "gift", _("a gift to be sent or picked up")
        EXPERIENCE = "experience", _("an experience with a booked time")
        DONATION = "donation", _("a donation to a cause")
        TAG = "tag", _("a tag")
        TIER_DAYS = "tier_days", _("days in a tier")

    class Handover(models.TextChoices):
        EITHER = "either", _("as the member chooses")
        DELIVERY = "delivery", _("sent to an address")
        PICK_UP = "pick_up", _("picked up in a store")

    code = models.SlugField(_("code"), max_length=40, unique=True)
    name = models.CharField(
        _("name"), max_length=120, help_text=_("As members read it: “Free espresso”.")
    )
    kind = models.CharField(_("what is given"), max_length=12, choices=Kind)
    wallet = models.ForeignKey(
        Wallet,
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        related_name="benefits",
        verbose_name=_("wallet"),
        help_text=_("For value in a wallet."),
    )
    amount = models.PositiveBigIntegerField(
        _("how much"),
        null=True,
        blank=True,
        validators=[MinValueValidator(1), MaxValueValidator(MAX_AMOUNT)],
        help_text=_("In units of the wallet: points, spins, or money."),
    )
    voucher_type = models.ForeignKey(
        VoucherType,
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        related_name="benefits",
        verbose_name=_("type of voucher"),
    )
    tag = models.ForeignKey(
        Tag,
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        related_name="benefits",
        verbose_name=_("tag"),
    )
    handover = models.CharField(
        _("how a gift is handed over"),
        max_length=10,
        choices=Handover,
        default=Handover.EITHER,
    )
    delivery_fee = models.DecimalField(
        _("delivery fee to collect"),
        max_digits=18,
        decimal_places=2,
        default=Decimal(0),
        validators=[MinValueValidator(Decimal(0))],
        help_text=_("What the member pays to the carrier; 0 is free."),
    )
    cause = models.CharField(
        _("cause"),
        max_length=120,
        blank=True,
        default="",
        help_text=_("Who receives a donation."),
    )
    value = models.DecimalField(
        _("what one costs"),
        max_digits=18,
        decimal_places=2,
        default=Decimal(0),
        validators=[MinValueValidator(Decimal(0))],
        help_text=_("In the programme's currency, for reports; a donation is this much."),
    )
    funder = models.ForeignKey(
        Funder,
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        related_name="benefits",
        verbose_name=_("paid for by"),
        help_text=_("Empty: the brand."),
    )
    budget = models.PositiveBigIntegerField(
        _("at most, in all"),
        null=True,
        blank=True,
        help_text=_("How often it may be given, whoever gives it. Empty: no limit."),
    )
    taken = models.PositiveBigIntegerField(
        _("given under the budget"),
        default=0,
        editable=False,
        help_text=_("Counted only where there is a budget."),
    )
    is_active = models.BooleanField(_("in use"), default=True)

    history = HistoricalRecords(excluded_fields=["taken"])

    class Meta:
        verbose_name = _("benefit")
        verbose_name_plural = _("benefits")
        ordering = ["name"]
        constraints = [
            models.CheckConstraint(
                condition=~Q(kind="points")
                | Q(wallet__isnull=False, amount__isnull=False, amount__gte=1),
                name="rewards_benefit_points_have_wallet_and_amount",
                violation_error_message=_("Choose the wallet and write how much."),
            ),
            models.CheckConstraint(
                condition=~Q(kind="voucher") | Q(voucher_type__isnull=False),
                name="rewards_benefit_voucher_has_type",
                violation_error_message=_("Choose the type of voucher."),
            ),
            models.CheckConstraint(
                condition=~Q(kind="tag") | Q(tag__isnull=False),
                name="rewards_benefit_tag_is_named",
                violation_error_message=_("Choose the tag."),
            ),
            models.CheckConstraint(
                condition=~Q(kind="donation") | Q(value__gt=0),
                name="rewards_benefit_donation_has_value",
                violation_error_message=_("Write how much is donated."),
            ),
            models.CheckConstraint(
                condition=Q(budget__isnull=True) | Q(taken__lte=models.F("budget")),
                name="rewards_benefit_within_budget",
                violation_error_message=_("It was given more often than that already."),
            ),
        ]

    def __str__(self) -> str:
        return self.name


class GivenBenefit(models.Model):
    """One benefit given to one member on one occasion; the key makes it happen once."""

    class Source(models.TextChoices):
        REDEMPTION = "redemption", _("a redemption")
        TIER = "tier", _("a tier")
        CAMPAIGN = "campaign", _("a campaign")
        STAFF = "staff", _("staff")

    key = models.CharField(_("occasion"), max_length=100, unique=True)
    benefit = models.ForeignKey(
        Benefit,
        on_delete=models.PROTECT,
        related_name="given",
        verbose_name=_("benefit"),
    )
    member = models.ForeignKey(
        Member,
        on_delete=models.PROTECT,
        db_index=False,
        related_name="benefits",
        verbose_name=_("member"),
    )
    source = models.CharField(_("given by"), max_length=10, choices=Source)
    source_id = models.BigIntegerField(_("number of the cause"), null=True, blank=True)
    given_at = models.DateTimeField(_("given at"))
    value = models.DecimalField(
        _("what it cost"), max_digits=18, decimal_places=2, default=Decimal(0)
    )
    transfer = models.OneToOneField(
        Transfer,
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        related_name="given_benefit",
        verbose_name=_("movement of points"),
    )
    taken_back_at = models.DateTimeField(_("taken back at"), null=True, blank=True)
    actor = models.CharField(_("by"), max_length=80, blank=True, default="")
    note = models.CharField(_("note"), max_length=200, blank=True, default="")

    class Meta:
        verbose_name = _("given benefit")
        verbose_name_plural = _("given benefits")
        ordering = ["-pk"]
        permissions = [("give_benefit", "Can give benefits by hand")]
        constraints = [
            models.CheckConstraint(condition=~Q(key=""), name="rewards_given_has_key")
        ]
        indexes = [
            # What a member was given, newest first.
            models.Index(fields=["member", "-id"], name="rewards_given_of_member"),
            # What one redemption, tier change or enrolment gave.
            models.Index(fields=["source", "source_id"], name="rewards_given_by_cause"),
        ]

    def __str__(self) -> str:
        return self.key
