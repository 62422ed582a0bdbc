"""What moved in a wallet on each day that is over: the ledger, added up once."""

from __future__ import annotations

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from points.models.wallets import Wallet


class DayTotal(models.Model):
    """The sum of one way in which points moved on one day, as the ledger has it.

    Kept so that a report need not read ten million transfers; ``points.days`` writes it
    once a day is long over, and can prove it again at any time.
    """

    wallet = models.ForeignKey(
        Wallet,
        on_delete=models.PROTECT,
        related_name="day_totals",
        # The unique constraint below begins with it.
        db_index=False,
        verbose_name=_("wallet"),
    )
    # In another time zone days begin elsewhere: those are other totals.
    zone = models.CharField(_("time zone"), max_length=64)
    day = models.DateField(_("day"))
    kind = models.CharField(_("kind"), max_length=10)
    of_kind = models.CharField(_("takes back"), max_length=10, blank=True, default="")
    giver = models.CharField(_("from"), max_length=10)
    taker = models.CharField(_("to"), max_length=10)
    by_rule = models.BooleanField(_("decided by an earn rule"))
    amount = models.BigIntegerField(_("amount"))
    moves = models.BigIntegerField(_("transfers"))

    class Meta:
        verbose_name = _("total of a day")
        verbose_name_plural = _("points by day")
        default_permissions = ("view",)
        permissions = [("export_daytotal", "Can export the points reports")]
        constraints = [
            models.UniqueConstraint(
                fields=[
                    "wallet",
                    "zone",
                    "day",
                    "kind",
                    "of_kind",
                    "giver",
                    "taker",
                    "by_rule",
                ],
                name="points_daytotal_once_per_way",
            ),
            models.CheckConstraint(
                condition=Q(amount__gte=1) & Q(moves__gte=1),
                name="points_daytotal_counts_something",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.day} {self.kind} {self.amount}"
