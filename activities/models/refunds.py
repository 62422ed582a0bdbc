"""Goods that came back, and which sales they are held against."""

from __future__ import annotations

from decimal import Decimal

from django.db import models
from django.db.models.functions import Now
from django.utils.translation import gettext_lazy as _

from activities.models.orders import Order, OrderLine
from members.models import Member


class Refund(models.Model):
    """Goods returned or a sale cancelled, as the till told it; never edited afterwards.

    What it could be held against stands in its allocations; ``unmatched`` is the rest, for
    which no sale of this member is known.
    """

    source = models.CharField(
        _("source"),
        max_length=40,
        help_text=_("The system that told us; refund numbers are unique within it."),
    )
    external_id = models.CharField(_("refund number"), max_length=80)
    member = models.ForeignKey(
        Member,
        on_delete=models.PROTECT,
        related_name="refunds",
        verbose_name=_("member"),
    )
    order_number = models.CharField(
        _("order number"),
        max_length=80,
        blank=True,
        default="",
        help_text=_("The sale it names; empty when the till did not know it."),
    )
    refunded_at = models.DateTimeField(_("given back at"))
    refunded_on = models.DateField(
        _("day"), help_text=_("The programme's calendar day of the refund.")
    )
    total = models.DecimalField(
        _("total"),
        max_digits=18,
        decimal_places=2,
        help_text=_("What went back, above zero."),
    )
    unmatched = models.DecimalField(
        _("without a known sale"), max_digits=18, decimal_places=2, default=Decimal(0)
    )
    points_taken = models.BigIntegerField(_("points taken back"), default=0)
    points_short = models.BigIntegerField(
        _("points that were already spent"),
        default=0,
        help_text=_("Not taken back, because the wallet allows no debt."),
    )
    points_returned = models.BigIntegerField(_("spent points given back"), default=0)
    reason = models.CharField(_("reason"), max_length=120, blank=True, default="")
    content_hash = models.CharField(
        max_length=64, editable=False, help_text="SHA-256 of what was told."
    )
    created_at = models.DateTimeField(_("recorded at"), db_default=Now())

    class Meta:
        verbose_name = _("refund")
        verbose_name_plural = _("refunds")
        constraints = [
            models.UniqueConstraint(
                fields=["source", "external_id"], name="activities_refund_once_per_source"
            ),
            models.CheckConstraint(
                condition=models.Q(total__gte=0)
                & models.Q(unmatched__gte=0)
                & models.Q(unmatched__lte=models.F("total")),
                name="activities_refund_amounts_in_bounds",
            ),
        ]
        indexes = [
            models.Index(
                fields=["member", "refunded_at"], name="activities_refund_of_member"
            ),
            # A sale that is told after its refund: refunds that still wait for it.
            models.Index(
                fields=["source", "order_number"],
                condition=models.Q(unmatched__gt=0) & ~models.Q(order_number=""),
                name="activities_refund_waiting",
            ),
        ]

    def __str__(self) -> str:
        return self.external_id


class RefundLine(models.Model):
    """One product that came back."""

    refund = models.ForeignKey(
        Refund, on_delete=models.CASCADE, related_name="lines", verbose_name=_("refund")
    )
    position = models.PositiveIntegerField(_("position"))
    sku = models.CharField(_("SKU"), max_length=60, blank=True, default="")
    product = models.CharField(_("product"), max_length=160, blank=True, default="")
    quantity = models.DecimalField(_("quantity"), max_digits=12, decimal_places=3)
    total = models.DecimalField(_("total"), max_digits=18, decimal_places=2)

    class Meta:
        verbose_name = _("refund line")
        verbose_name_plural = _("refund lines")
        ordering = ["position"]
        constraints = [
            models.UniqueConstraint(
                fields=["refund", "position"],
                name="activities_refundline_once_per_position",
            )
        ]

    def __str__(self) -> str:
        return self.product or self.sku or str(self.position)


class RefundAllocation(models.Model):
    """How much of a refund is held against which sale, and which line of it."""

    refund = models.ForeignKey(
        Refund,
        on_delete=models.CASCADE,
        related_name="allocations",
        verbose_name=_("refund"),
    )
    order = models.ForeignKey(
        Order, on_delete=models.PROTECT, related_name="allocations", verbose_name=_("order")
    )
    order_line = models.ForeignKey(
        OrderLine,
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        related_name="allocations",
        verbose_name=_("order line"),
    )
    quantity = models.DecimalField(
        _("quantity"), max_digits=12, decimal_places=3, default=Decimal(0)
    )
    amount = models.DecimalField(_("amount"), max_digits=18, decimal_places=2)

    class Meta:
        verbose_name = _("part of a sale given back")
        verbose_name_plural = _("parts of sales given back")

    def __str__(self) -> str:
        return f"{self.amount}"
