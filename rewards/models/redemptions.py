"""Redemptions: one purchase of one reward by one member."""

from __future__ import annotations

from decimal import Decimal

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from members.models import Member
from points.models import Transfer
from rewards.models.benefits import GivenBenefit
from rewards.models.catalogue import Reward


class Redemption(models.Model):
    """A reward that a member took: what it cost, what came of it."""

    class State(models.TextChoices):
        UNPAID = "unpaid", _("to be paid at the till")
        DONE = "done", _("done")
        CANCELLED = "cancelled", _("cancelled")
        LAPSED = "lapsed", _("not paid in time")

    code = models.CharField(_("number"), max_length=12, unique=True)
    key = models.CharField(_("key"), max_length=80, unique=True)
    reward = models.ForeignKey(
        Reward,
        on_delete=models.PROTECT,
        # An index below begins with it.
        db_index=False,
        related_name="redemptions",
        verbose_name=_("reward"),
    )
    member = models.ForeignKey(
        Member,
        on_delete=models.PROTECT,
        db_index=False,
        related_name="redemptions",
        verbose_name=_("member"),
    )
    state = models.CharField(_("state"), max_length=10, choices=State, default=State.DONE)
    points = models.PositiveBigIntegerField(_("points paid"), default=0)
    transfer = models.OneToOneField(
        Transfer,
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        related_name="redemption",
        verbose_name=_("points taken by"),
    )
    amount = models.DecimalField(
        _("money to pay"), max_digits=18, decimal_places=2, default=Decimal(0)
    )
    pay_until = models.DateTimeField(_("to be paid until"), null=True, blank=True)
    paid_at = models.DateTimeField(_("paid at"), null=True, blank=True)
    paid_to = models.CharField(_("paid to"), max_length=80, blank=True, default="")
    wishes = models.JSONField(
        _("how it is wanted"),
        default=dict,
        blank=True,
        help_text=_("Address or slot, until what was bought is handed over."),
    )
    took_stock = models.BooleanField(
        _("counted in the stock"), default=False, editable=False
    )
    given = models.OneToOneField(
        GivenBenefit,
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        related_name="redemption",
        verbose_name=_("what was given"),
    )
    redeemed_at = models.DateTimeField(_("redeemed at"))
    redeemed_on = models.DateField(
        _("day"), help_text=_("The programme's day; its limits are counted there.")
    )
    ended_at = models.DateTimeField(_("cancelled at"), null=True, blank=True)
    ended_by = models.CharField(_("cancelled by"), max_length=80, blank=True, default="")
    end_note = models.CharField(_("why"), max_length=200, blank=True, default="")
    actor = models.CharField(_("by"), max_length=80, blank=True, default="")

    class Meta:
        verbose_name = _("redemption")
        verbose_name_plural = _("redemptions")
        ordering = ["-pk"]
        permissions = [
            ("cancel_redemption", "Can cancel redemptions"),
            ("confirm_payment", "Can confirm payments of redemptions"),
        ]
        constraints = [
            models.CheckConstraint(
                condition=~Q(state="unpaid") | Q(pay_until__isnull=False),
                name="rewards_redemption_unpaid_has_end",
            ),
            models.CheckConstraint(
                condition=~Q(state="done") | Q(given__isnull=False),
                name="rewards_redemption_done_gave_something",
            ),
            models.CheckConstraint(
                condition=Q(state__in=["unpaid", "done"]) | Q(ended_at__isnull=False),
                name="rewards_redemption_ended_has_time",
            ),
        ]
        indexes = [
            # A member's redemptions, newest first.
            models.Index(fields=["member", "-id"], name="rewards_redemption_of_member"),
            # How often a reward was had lately.
            models.Index(
                fields=["reward", "redeemed_at"], name="rewards_redemption_of_reward"
            ),
            # Those whose time to pay is over.
            models.Index(
                fields=["pay_until"],
                condition=Q(state="unpaid"),
                name="rewards_redemption_unpaid",
            ),
        ]

    def __str__(self) -> str:
        return self.code
