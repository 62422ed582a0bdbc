"""Physical gifts on their way to members."""

from __future__ import annotations

from decimal import Decimal

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from activities.models import Store
from members.models import Member
from rewards.models.benefits import GivenBenefit


class Fulfilment(models.Model):
    """One gift to be handed over: where to, how far it is."""

    class Method(models.TextChoices):
        DELIVERY = "delivery", _("delivery")
        PICK_UP = "pick_up", _("pick-up")

    class State(models.TextChoices):
        ASKED = "asked", _("waiting for the member's address")
        NEW = "new", _("to be packed")
        PACKED = "packed", _("packed")
        SHIPPED = "shipped", _("on its way")
        READY = "ready", _("ready for pick-up")
        DONE = "done", _("handed over")
        RETURNED = "returned", _("came back")
        CANCELLED = "cancelled", _("cancelled")

    given = models.OneToOneField(
        GivenBenefit,
        on_delete=models.PROTECT,
        related_name="fulfilment",
        verbose_name=_("gift"),
    )
    member = models.ForeignKey(
        Member,
        on_delete=models.PROTECT,
        related_name="fulfilments",
        verbose_name=_("member"),
    )
    state = models.CharField(_("state"), max_length=10, choices=State, default=State.NEW)
    method = models.CharField(
        _("handed over by"), max_length=8, choices=Method, blank=True, default=""
    )
    recipient = models.CharField(_("recipient"), max_length=120, blank=True, default="")
    phone = models.CharField(_("phone"), max_length=20, blank=True, default="")
    address = models.CharField(_("address"), max_length=300, blank=True, default="")
    province = models.CharField(_("province"), max_length=60, blank=True, default="")
    store = models.ForeignKey(
        Store,
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        related_name="fulfilments",
        verbose_name=_("store"),
    )
    delivery_fee = models.DecimalField(
        _("fee to collect"), max_digits=18, decimal_places=2, default=Decimal(0)
    )
    carrier = models.CharField(_("carrier"), max_length=60, blank=True, default="")
    tracking = models.CharField(_("tracking number"), max_length=60, blank=True, default="")
    note = models.CharField(_("note"), max_length=200, blank=True, default="")
    changed_at = models.DateTimeField(_("last change"))

    class Meta:
        verbose_name = _("gift to hand over")
        verbose_name_plural = _("gifts to hand over")
        permissions = [("export_fulfilment", "Can export addresses of gifts")]
        ordering = ["pk"]
        constraints = [
            models.CheckConstraint(
                condition=~Q(method="delivery")
                | (~Q(recipient="") & ~Q(phone="") & ~Q(address=""))
                | Q(state__in=["asked", "cancelled", "done", "returned"]),
                name="rewards_fulfilment_delivery_has_address",
            ),
            models.CheckConstraint(
                condition=~Q(method="pick_up") | Q(store__isnull=False),
                name="rewards_fulfilment_pick_up_has_store",
            ),
            models.CheckConstraint(
                condition=~Q(method="") | Q(state__in=["asked", "cancelled"]),
                name="rewards_fulfilment_method_is_known",
            ),
        ]
        indexes = [
            # The board: what is still to be done, oldest first.
            models.Index(
                fields=["state", "id"],
                condition=~Q(state__in=["done", "cancelled"]),
                name="rewards_fulfilment_open",
            )
        ]

    def __str__(self) -> str:
        return f"{self.given_id}: {self.state}"


class FulfilmentEvent(models.Model):
    """One step of a gift on its way, for staff and member to read."""

    fulfilment = models.ForeignKey(
        Fulfilment,
        on_delete=models.CASCADE,
        related_name="events",
        verbose_name=_("gift to hand over"),
    )
    state = models.CharField(_("state"), max_length=10, choices=Fulfilment.State)
    happened_at = models.DateTimeField(_("happened at"))
    by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        on_delete=models.SET_NULL,
        null=True,
        blank=True,
        related_name="+",
        verbose_name=_("by"),
    )
    note = models.CharField(_("note"), max_length=200, blank=True, default="")

    class Meta:
        verbose_name = _("step of a gift")
        verbose_name_plural = _("steps of a gift")
        ordering = ["pk"]

    def __str__(self) -> str:
        return f"{self.fulfilment_id}: {self.state}"
