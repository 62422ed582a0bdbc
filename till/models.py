"""Who serves at which tills, and everything that was done there."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from django.conf import settings
from django.core.exceptions import ValidationError
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _
from simple_history.models import HistoricalRecords

from activities.models import Order, Store
from core.phones import InvalidPhone, normalise_phone
from members.models import Member
from rewards.models import Fulfilment, Redemption, VoucherUse


def _money(name: Any) -> models.DecimalField[Any, Any]:
    return models.DecimalField(name, max_digits=18, decimal_places=2, default=Decimal(0))


class TillStaff(models.Model):
    """A person of the shops: at which tills they serve. They need the permission, too."""

    user = models.OneToOneField(
        settings.AUTH_USER_MODEL,
        # A part of the person; what they did names the user itself.
        on_delete=models.CASCADE,
        related_name="till_staff",
        verbose_name=_("person"),
    )
    stores = models.ManyToManyField(
        Store, related_name="till_staff", verbose_name=_("serves in")
    )
    own_phone = models.CharField(
        _("own phone number"),
        max_length=20,
        blank=True,
        default="",
        help_text=_("As a member, this person is served by colleagues only."),
    )

    history = HistoricalRecords(m2m_fields=[stores])

    class Meta:
        verbose_name = _("shop staff")
        verbose_name_plural = _("shop staff")
        ordering = ["user__username"]
        permissions = [("use_till", "Can use the till page")]

    def __str__(self) -> str:
        return str(self.user)

    def clean(self) -> None:
        """Write the phone as identifiers are stored, so that the two can be compared."""
        if not self.own_phone:
            return
        try:
            self.own_phone = normalise_phone(self.own_phone)
        except InvalidPhone as refusal:
            raise ValidationError({"own_phone": str(refusal.message)}) from None


class TillAct(models.Model):
    """One thing done at a till: by whom, where, for which member; its token is its key."""

    class Kind(models.TextChoices):
        SALE = "sale", _("sale")
        REDEMPTION = "redemption", _("reward")
        PAYMENT = "payment", _("payment for a reward")
        GIFT = "gift", _("gift handed over")
        MEMBER = "member", _("new member")

    class Proof(models.TextChoices):
        """How it is known that the member stood there."""

        NONE = "", _("by the phone number only")
        CARD = "card", _("showed the card")
        CODE = "code", _("told the code from their phone")
        VOUCHER = "voucher", _("showed the voucher")

    token = models.CharField(_("number"), max_length=24, unique=True)
    kind = models.CharField(_("what"), max_length=10, choices=Kind)
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        # Who touched money stays known: such people are switched off, not deleted.
        on_delete=models.PROTECT,
        db_index=False,
        related_name="till_acts",
        verbose_name=_("by"),
    )
    store = models.ForeignKey(
        Store,
        on_delete=models.PROTECT,
        db_index=False,
        related_name="till_acts",
        verbose_name=_("store"),
    )
    member = models.ForeignKey(
        Member,
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        db_index=False,
        related_name="till_acts",
        verbose_name=_("member"),
    )
    proof = models.CharField(
        _("member known"), max_length=8, choices=Proof, blank=True, default=Proof.NONE
    )
    order = models.ForeignKey(
        Order,
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        related_name="till_acts",
        verbose_name=_("order"),
    )
    voucher_use = models.ForeignKey(
        VoucherUse,
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        related_name="till_acts",
        verbose_name=_("voucher"),
    )
    redemption = models.ForeignKey(
        Redemption,
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        related_name="till_acts",
        verbose_name=_("redemption"),
    )
    fulfilment = models.ForeignKey(
        Fulfilment,
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        related_name="till_acts",
        verbose_name=_("gift"),
    )
    total = _money(_("order before vouchers"))
    discount = _money(_("taken off"))
    paid_points = models.PositiveBigIntegerField(_("points taken"), default=0)
    points_value = _money(_("paid with points"))
    to_pay = _money(_("money taken"))
    earned_points = models.BigIntegerField(_("points earned"), default=0)
    happened_at = models.DateTimeField(_("when"))
    happened_on = models.DateField(_("day"), help_text=_("The programme's day."))
    undone_at = models.DateTimeField(_("undone at"), null=True, blank=True)

    class Meta:
        verbose_name = _("act at a till")
        verbose_name_plural = _("acts at the tills")
        ordering = ["-pk"]
        constraints = [
            models.CheckConstraint(condition=~Q(token=""), name="till_tillact_has_token"),
            models.CheckConstraint(
                condition=Q(kind__in=["sale", "redemption", "payment", "gift", "member"]),
                name="till_tillact_kind_is_known",
            ),
        ]
        indexes = [
            # What one person did on one day in one store, newest first.
            models.Index(
                fields=["user", "store", "happened_on", "-id"], name="till_tillact_day"
            ),
            # The console: one store's acts, newest first.
            models.Index(fields=["store", "-id"], name="till_tillact_of_store"),
            # The console: who served one member, newest first.
            models.Index(fields=["member", "-id"], name="till_tillact_of_member"),
        ]

    def __str__(self) -> str:
        return self.token

    @property
    def is_undone(self) -> bool:
        return self.undone_at is not None
