"""One-time codes to a member's phone: to sign in, to confirm a gift, to pay at a till."""

from __future__ import annotations

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

MAX_TRIES = 5


class SignInCode(models.Model):
    """A one-time code on its way to a phone; only its keyed hash is kept."""

    class Purpose(models.TextChoices):
        """What a code is good for; it opens nothing else."""

        SIGN_IN = "sign_in", _("signing in")
        GIFT = "gift", _("giving points")
        TILL = "till", _("paying at a till")

    phone = models.CharField(_("phone"), max_length=16, db_index=True)
    browser = models.CharField(
        _("browser"),
        max_length=64,
        help_text="The session that asked, or what it was shown; nothing else may use it.",
    )
    purpose = models.CharField(
        _("purpose"),
        max_length=8,
        choices=Purpose,
        default=Purpose.SIGN_IN,
        db_default=Purpose.SIGN_IN,
    )
    code_hash = models.CharField(max_length=64)
    tries = models.PositiveSmallIntegerField(_("tries"), default=0)
    ip_address = models.GenericIPAddressField(_("address"), null=True, blank=True)
    created_at = models.DateTimeField(_("created at"))
    expires_at = models.DateTimeField(_("expires at"))
    used_at = models.DateTimeField(_("used at"), null=True, blank=True)

    class Meta:
        verbose_name = _("sign-in code")
        verbose_name_plural = _("sign-in codes")
        constraints = [
            models.CheckConstraint(
                condition=Q(tries__lte=MAX_TRIES), name="portal_signincode_tries_in_bounds"
            )
        ]

    def __str__(self) -> str:
        return f"#{self.pk}"
