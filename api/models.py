"""Keys of tills and web shops, and the answers they were given."""

from __future__ import annotations

from django.db import models
from django.utils.translation import gettext_lazy as _
from rest_framework_api_key.models import AbstractAPIKey

from activities.models import Store


class TillKey(AbstractAPIKey):
    """The key of one till or web shop; shown once, stored only as a hash."""

    store = models.ForeignKey(
        Store,
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        related_name="till_keys",
        verbose_name=_("store"),
        help_text=_("Orders sent with this key belong to this store."),
    )
    source = models.CharField(
        _("source"),
        max_length=40,
        help_text=_("Order numbers are unique within one source, such as “pos” or “web”."),
    )

    class Meta(AbstractAPIKey.Meta):
        verbose_name = _("till key")  # type: ignore[assignment]
        verbose_name_plural = _("till keys")  # type: ignore[assignment]


# The library leaves these without names that could be translated.
for _field, _label in (
    ("name", _("name")),
    ("prefix", _("begins with")),
    ("created", _("created at")),
    ("revoked", _("revoked")),
):
    TillKey._meta.get_field(_field).verbose_name = _label  # type: ignore[union-attr]


class ApiRequest(models.Model):
    """A write that was answered: the same key gets the same answer again."""

    till_key = models.ForeignKey(
        TillKey, on_delete=models.CASCADE, related_name="requests", verbose_name=_("key")
    )
    key = models.CharField(_("idempotency key"), max_length=255)
    content_hash = models.CharField(max_length=64)
    status = models.PositiveSmallIntegerField(_("status"), null=True)
    # The text itself, because a repeat gets it letter by letter.
    body = models.TextField(_("answer"), blank=True, default="")
    created_at = models.DateTimeField(_("created at"), db_index=True)

    class Meta:
        verbose_name = _("answered request")
        verbose_name_plural = _("answered requests")
        constraints = [
            models.UniqueConstraint(
                fields=["till_key", "key"], name="api_apirequest_once_per_key"
            )
        ]

    def __str__(self) -> str:
        return self.key
