"""Back-tests: what rules in force and drafts would have given for orders of the past."""

from __future__ import annotations

from decimal import Decimal

from django.core.validators import MinValueValidator
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from activities.models import Order
from members.models import Member
from points.models.rules import EarnCap, EarnRule
from points.models.wallets import Wallet


class BackTest(models.Model):
    """One comparison of rules over past orders: what was asked, how far it is, the answer.

    Both sides are frozen when it is asked for, so that the answer says what was tested
    even after rules were edited. Nothing of it ever reaches the ledger.
    """

    class State(models.TextChoices):
        WAITING = "waiting", _("waiting")
        RUNNING = "running", _("under way")
        DONE = "done", _("done")
        FAILED = "failed", _("failed")
        CANCELLED = "cancelled", _("cancelled")

    OPEN = (State.WAITING, State.RUNNING)

    rule = models.ForeignKey(
        EarnRule,
        on_delete=models.SET_NULL,
        null=True,
        blank=True,
        related_name="back_tests",
        verbose_name=_("only the draft of"),
        help_text=_("Empty: all drafts."),
    )
    first_day = models.DateField(_("orders from"))
    last_day = models.DateField(_("orders until"))
    point_worth = models.DecimalField(
        _("what one point is worth"),
        max_digits=18,
        decimal_places=4,
        null=True,
        blank=True,
        validators=[MinValueValidator(Decimal(0))],
        help_text=_("For wallets that say it nowhere. In the programme's currency."),
    )
    definitions = models.JSONField(_("rules of both sides"))
    asked_at = models.DateTimeField(_("asked at"))
    asked_by = models.CharField(_("by"), max_length=150, default="")

    state = models.CharField(
        _("state"), max_length=10, choices=State, default=State.WAITING
    )
    # How far the list of orders is: those with numbers up to here were looked at.
    listed_id = models.BigIntegerField(default=0)
    last_id = models.BigIntegerField(default=0)
    num_orders = models.PositiveBigIntegerField(_("orders"), default=0)
    # How far the asking of rules is: the last order whose sums are in the row.
    num_done = models.PositiveBigIntegerField(_("orders done"), default=0)
    reached_at = models.DateTimeField(null=True, blank=True)
    reached_id = models.BigIntegerField(default=0)
    sums = models.JSONField(default=dict, blank=True)
    result = models.JSONField(_("result"), default=dict, blank=True)
    error = models.TextField(_("error"), blank=True, default="")
    # Who works on it: each claim moves the number on, and only its holder may write.
    claim = models.PositiveIntegerField(default=0)
    failures = models.PositiveSmallIntegerField(default=0)
    leased_until = models.DateTimeField(null=True, blank=True)
    started_at = models.DateTimeField(_("started at"), null=True, blank=True)
    finished_at = models.DateTimeField(_("finished at"), null=True, blank=True)

    class Meta:
        verbose_name = _("back-test")
        verbose_name_plural = _("back-tests")
        default_permissions = ()
        ordering = ["-pk"]
        constraints = [
            models.CheckConstraint(
                condition=Q(last_day__gte=models.F("first_day")),
                name="points_backtest_ends_after_start",
            ),
            models.CheckConstraint(
                condition=Q(num_done__lte=models.F("num_orders")),
                name="points_backtest_done_within_orders",
            ),
        ]
        indexes = [
            # The worker's question: what is there to do.
            models.Index(
                fields=["id"],
                condition=Q(state__in=["waiting", "running"]),
                name="points_backtest_open",
            )
        ]

    def __str__(self) -> str:
        return f"{self.first_day:%d/%m/%Y} – {self.last_day:%d/%m/%Y}"

    @property
    def is_open(self) -> bool:
        return self.state in self.OPEN

    @property
    def is_listed(self) -> bool:
        """Tell whether all orders of the period are known."""
        return self.listed_id >= self.last_id


class BackTestOrder(models.Model):
    """An order that a back-test still has to look at, in business time."""

    back_test = models.ForeignKey(BackTest, on_delete=models.CASCADE, db_index=False)
    placed_at = models.DateTimeField()
    order = models.ForeignKey(
        Order, on_delete=models.CASCADE, db_index=False, related_name="+"
    )

    class Meta:
        default_permissions = ()
        constraints = [
            # Also the way through it: the next orders after the last one done.
            models.UniqueConstraint(
                fields=["back_test", "placed_at", "order"],
                name="points_backtestorder_once",
            )
        ]

    def __str__(self) -> str:
        return str(self.order_id)


class BackTestUse(models.Model):
    """What a limited rule has given within a back-test, as ``EarnUse`` has it for real."""

    class Side(models.TextChoices):
        BEFORE = "before", _("rules in force")
        AFTER = "after", _("with the drafts")

    back_test = models.ForeignKey(BackTest, on_delete=models.CASCADE, db_index=False)
    side = models.CharField(max_length=6, choices=Side)
    rule = models.ForeignKey(
        EarnRule, on_delete=models.CASCADE, db_index=False, related_name="+"
    )
    # 0 is the budget of the rule, so that one unique key holds both.
    member_number = models.BigIntegerField()
    period = models.CharField(max_length=5, choices=EarnCap.Period)
    starts_on = models.DateField()
    points = models.BigIntegerField(default=0)
    times = models.IntegerField(default=0)

    class Meta:
        default_permissions = ()
        constraints = [
            models.UniqueConstraint(
                fields=[
                    "back_test",
                    "side",
                    "rule",
                    "member_number",
                    "period",
                    "starts_on",
                ],
                name="points_backtestuse_once",
            )
        ]

    def __str__(self) -> str:
        return f"{self.side} {self.rule_id} {self.starts_on}: {self.points}"


class BackTestMember(models.Model):
    """What a back-test comes to for one member in one wallet."""

    back_test = models.ForeignKey(
        BackTest, on_delete=models.CASCADE, db_index=False, related_name="members"
    )
    wallet = models.ForeignKey(
        Wallet, on_delete=models.CASCADE, db_index=False, related_name="+"
    )
    member = models.ForeignKey(
        Member, on_delete=models.CASCADE, related_name="+", verbose_name=_("member")
    )
    points_before = models.BigIntegerField(_("rules in force"))
    points_after = models.BigIntegerField(_("with the drafts"))
    points_given = models.BigIntegerField(_("really given"))

    class Meta:
        default_permissions = ()
        constraints = [
            models.UniqueConstraint(
                fields=["back_test", "wallet", "member"],
                name="points_backtestmember_once",
            )
        ]

    def __str__(self) -> str:
        return f"{self.member_id}: {self.points_before} → {self.points_after}"
