"""Seals: what a block of the ledger was when it was old enough to be final."""

from __future__ import annotations

from django.db import models
from django.utils.translation import gettext_lazy as _


class LedgerSeal(models.Model):
    """One link of a chain: each seal's head covers its block and the head before it.

    Written once, never changed or deleted. It holds no personal data: ids, amounts and
    digests only, so nothing that is erased can break it.
    """

    # One link for each number: of two who seal at once, one is refused.
    number = models.PositiveIntegerField(_("number"), primary_key=True)
    first_id = models.BigIntegerField(_("first transfer"))
    last_id = models.BigIntegerField(_("last transfer"))
    num_transfers = models.PositiveIntegerField(_("transfers"))
    points_moved = models.BigIntegerField(_("points moved"))
    transfer_ids = models.BinaryField(_("numbers of the transfers"))
    marks = models.BinaryField(_("marks of the transfers"))
    content = models.CharField(_("digest of the transfers"), max_length=64)
    previous = models.CharField(_("head before"), max_length=64, unique=True)
    head = models.CharField(_("head"), max_length=64, unique=True)
    sealed_at = models.DateTimeField(_("sealed at"))

    class Meta:
        verbose_name = _("ledger seal")
        verbose_name_plural = _("ledger seals")
        constraints = [
            models.CheckConstraint(
                condition=models.Q(number__gte=1, num_transfers__gte=1),
                name="points_ledgerseal_covers_something",
            ),
        ]

    def __str__(self) -> str:
        return str(self.number)
