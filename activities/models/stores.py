"""Where things are sold, and what is sold."""

from __future__ import annotations

from django.db import models
from django.utils.translation import gettext_lazy as _


class Store(models.Model):
    """A shop of the brand, or its web shop."""

    code = models.CharField(_("code"), max_length=40, unique=True)
    name = models.CharField(_("name"), max_length=120)
    address = models.CharField(_("address"), max_length=200, blank=True, default="")
    province = models.CharField(_("province"), max_length=60, blank=True, default="")
    is_active = models.BooleanField(_("open"), default=True)

    class Meta:
        verbose_name = _("store")
        verbose_name_plural = _("stores")
        ordering = ["name"]

    def __str__(self) -> str:
        return self.name


class Product(models.Model):
    """What a SKU is: fills in what a till leaves out, and is what rules choose by."""

    sku = models.CharField(_("SKU"), max_length=60, unique=True)
    name = models.CharField(_("name"), max_length=160)
    category = models.CharField(_("category"), max_length=80, blank=True, default="")
    brand = models.CharField(_("brand"), max_length=80, blank=True, default="")
    labels = models.JSONField(
        _("labels"),
        default=list,
        blank=True,
        help_text=_("Words that rules can choose by, such as “new” or “no points”."),
    )
    is_active = models.BooleanField(_("on sale"), default=True)

    class Meta:
        verbose_name = _("product")
        verbose_name_plural = _("products")
        ordering = ["name"]

    def __str__(self) -> str:
        return self.name or self.sku
