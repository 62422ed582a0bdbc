"""Purchases as the till or the web shop told them, and what they come to."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from django.db import models
from django.utils.translation import gettext_lazy as _

from activities.models.stores import Store
from members.models import Member


def _money(name: Any, **options: Any) -> models.DecimalField[Any, Any]:
    """Return a column for an amount of money that is nothing unless told."""
    return models.DecimalField(
        name,
        max_digits=18,
        decimal_places=2,
        default=Decimal(0),
        db_default=Decimal(0),
        **options,
    )


class Order(models.Model):
    """A purchase as the till or the web shop told it; never edited afterwards."""

    class Status(models.TextChoices):
        COMPLETED = "completed", _("completed")
        CANCELLED = "cancelled", _("cancelled")

    class Channel(models.TextChoices):
        STORE = "store", _("store")
        WEB = "web", _("web shop")
        APP = "app", _("app")
        MARKETPLACE = "marketplace", _("marketplace")
        DELIVERY = "delivery", _("delivery app")
        OTHER = "other", _("other")

    source = models.CharField(
        _("source"),
        max_length=40,
        help_text=_("The system that told us; order numbers are unique within it."),
    )
    external_id = models.CharField(_("order number"), max_length=80)
    member = models.ForeignKey(
        Member,
        # Orders are history; a member with orders is erased by overwriting the profile.
        on_delete=models.PROTECT,
        related_name="orders",
        verbose_name=_("member"),
    )
    store = models.ForeignKey(
        Store,
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        related_name="orders",
        verbose_name=_("store"),
    )
    channel = models.CharField(
        _("channel"), max_length=12, choices=Channel, default=Channel.STORE
    )
    status = models.CharField(
        _("status"), max_length=10, choices=Status, default=Status.COMPLETED
    )
    placed_at = models.DateTimeField(_("placed at"))
    placed_on = models.DateField(
        _("day"), help_text=_("The programme's calendar day of the purchase.")
    )
    total = models.DecimalField(_("total"), max_digits=18, decimal_places=2)
    currency = models.CharField(_("currency"), max_length=3)
    # How the total came about. The total is what the customer owed: after discounts and
    # vouchers, with tax and delivery, before any of it was paid with points.
    discount = _money(_("discount"))
    voucher_discount = _money(_("taken off by vouchers"))
    tax = _money(_("tax in the total"))
    delivery_fee = _money(_("delivery in the total"))
    points_amount = _money(_("paid with points"))
    payment_method = models.CharField(
        _("payment method"), max_length=20, blank=True, default="", db_default=""
    )
    promo_code = models.CharField(
        _("promo code"), max_length=40, blank=True, default="", db_default=""
    )
    delivered_at = models.DateTimeField(_("delivered at"), null=True, blank=True)
    refunded = _money(
        _("given back"), help_text=_("How much of the total went back with refunds.")
    )
    content_hash = models.CharField(
        max_length=64, editable=False, help_text="SHA-256 of what was told."
    )
    created_at = models.DateTimeField(_("recorded at"), db_default=models.functions.Now())

    class Meta:
        verbose_name = _("order")
        verbose_name_plural = _("orders")
        constraints = [
            models.UniqueConstraint(
                fields=["source", "external_id"], name="activities_order_once_per_source"
            ),
            models.CheckConstraint(
                condition=models.Q(total__gte=0), name="activities_order_total_not_negative"
            ),
            models.CheckConstraint(
                condition=models.Q(status__in=["completed", "cancelled"]),
                name="activities_order_status_is_known",
            ),
            models.CheckConstraint(
                condition=models.Q(refunded__gte=0)
                & models.Q(refunded__lte=models.F("total")),
                name="activities_order_refunded_within_total",
            ),
        ]
        indexes = [
            # A member's history, newest first; the window questions of segments.
            models.Index(fields=["member", "placed_at"], name="activities_order_of_member")
        ]

    def __str__(self) -> str:
        return self.external_id


class OrderLine(models.Model):
    """One product on an order."""

    order = models.ForeignKey(
        Order, on_delete=models.CASCADE, related_name="lines", verbose_name=_("order")
    )
    position = models.PositiveIntegerField(_("position"))
    sku = models.CharField(_("SKU"), max_length=60, blank=True, default="")
    product = models.CharField(_("product"), max_length=160, blank=True, default="")
    category = models.CharField(_("category"), max_length=80, blank=True, default="")
    brand = models.CharField(
        _("brand"), max_length=80, blank=True, default="", db_default=""
    )
    labels = models.JSONField(
        _("labels"),
        default=list,
        blank=True,
        db_default=models.Value([], models.JSONField()),
    )
    quantity = models.DecimalField(
        _("quantity"), max_digits=12, decimal_places=3, default=Decimal(1)
    )
    unit_price = models.DecimalField(
        _("unit price"), max_digits=18, decimal_places=2, null=True, blank=True
    )
    discount = models.DecimalField(
        _("discount"), max_digits=18, decimal_places=2, default=Decimal(0)
    )
    total = models.DecimalField(_("total"), max_digits=18, decimal_places=2)
    refunded_quantity = models.DecimalField(
        _("quantity given back"),
        max_digits=12,
        decimal_places=3,
        default=Decimal(0),
        db_default=Decimal(0),
    )
    refunded = _money(_("given back"))

    class Meta:
        verbose_name = _("order line")
        verbose_name_plural = _("order lines")
        ordering = ["position"]
        constraints = [
            models.UniqueConstraint(
                fields=["order", "position"], name="activities_orderline_once_per_position"
            )
        ]

    def __str__(self) -> str:
        return self.product or self.sku or str(self.position)


class PurchaseSummary(models.Model):
    """What a member's completed orders come to, less refunds; kept by the saving verbs.

    It answers "who has not bought for N days" for millions of members without reading
    their orders.
    """

    member = models.OneToOneField(
        Member,
        on_delete=models.CASCADE,
        primary_key=True,
        related_name="purchases",
        verbose_name=_("member"),
    )
    first_order_on = models.DateField(_("first order"), null=True, blank=True)
    last_order_on = models.DateField(_("last order"), null=True, blank=True)
    last_order_at = models.DateTimeField(_("time of the last order"), null=True, blank=True)
    num_orders = models.PositiveIntegerField(_("orders"))
    spend = models.DecimalField(_("spend"), max_digits=18, decimal_places=2)

    class Meta:
        verbose_name = _("purchase summary")
        verbose_name_plural = _("purchase summaries")
        indexes = [
            # Recency: last_order_on on either side of a day.
            models.Index(fields=["last_order_on"], name="activities_summary_recency")
        ]

    def __str__(self) -> str:
        return f"{self.member_id}: {self.num_orders}"
