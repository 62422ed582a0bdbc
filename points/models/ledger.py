"""The ledger: transfers, the lots that points form, what was drawn, held and taken back."""

from __future__ import annotations

from django.db import models
from django.db.models import Q
from django.db.models.functions import Now
from django.utils.translation import gettext_lazy as _

from points.models.rules import EarnRule
from points.models.wallets import MAX_AMOUNT, Account, Funder


class Transfer(models.Model):
    """One movement between two accounts. Written once, never changed or deleted."""

    class Kind(models.TextChoices):
        EARN = "earn", _("earned")
        SPEND = "spend", _("spent")
        EXPIRE = "expire", _("expired")
        ADJUST = "adjust", _("adjusted")
        OPENING = "opening", _("opening balance")
        REVERSE = "reverse", _("reversed")
        MATURE = "mature", _("held points released")
        RESERVE = "reserve", _("reserved")
        CAPTURE = "capture", _("reserved points spent")
        GIFT = "gift", _("given to another member")
        FEE = "fee", _("fee")
        MERGE = "merge", _("moved with a merged member")

    class Reason(models.TextChoices):
        """Why staff move points by hand."""

        GOODWILL = "goodwill", _("goodwill")
        COMPLAINT = "complaint", _("complaint settled")
        MISSING = "missing", _("purchase that was not recorded")
        CORRECTION = "correction", _("mistake put right")
        PRIZE = "prize", _("prize or event")
        FRAUD = "fraud", _("misuse")
        OTHER = "other", _("other")

    key = models.CharField(
        _("key"),
        max_length=120,
        unique=True,
        help_text=_("What makes this movement happen only once."),
    )
    kind = models.CharField(_("kind"), max_length=10, choices=Kind)
    from_account = models.ForeignKey(
        Account,
        on_delete=models.PROTECT,
        # An index below begins with it.
        db_index=False,
        related_name="transfers_out",
        verbose_name=_("from"),
    )
    to_account = models.ForeignKey(
        Account,
        on_delete=models.PROTECT,
        db_index=False,
        related_name="transfers_in",
        verbose_name=_("to"),
    )
    amount = models.BigIntegerField(_("amount"))
    happened_at = models.DateTimeField(_("happened at"))
    created_at = models.DateTimeField(_("written at"), db_default=Now())
    source_type = models.CharField(_("cause"), max_length=20, blank=True, default="")
    source_id = models.BigIntegerField(_("number of the cause"), null=True, blank=True)
    rule = models.ForeignKey(
        EarnRule,
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        # Half of all rows name the same rule: an index would only cost.
        db_index=False,
        related_name="transfers",
        verbose_name=_("earn rule"),
    )
    rule_version = models.PositiveIntegerField(_("rule version"), null=True, blank=True)
    reverses = models.ForeignKey(
        "self",
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        # The partial index below serves the look-up and stays tiny.
        db_index=False,
        related_name="reversals",
        verbose_name=_("takes back"),
    )
    funder = models.ForeignKey(
        Funder,
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        db_index=False,
        related_name="transfers",
        verbose_name=_("paid for by"),
        help_text=_("Empty: the brand."),
    )
    reason = models.CharField(
        _("reason"), max_length=12, choices=Reason, blank=True, default="", db_default=""
    )
    actor = models.CharField(_("by"), max_length=80, blank=True, default="")
    note = models.CharField(_("note"), max_length=200, blank=True, default="")

    class Meta:
        verbose_name = _("transfer")
        verbose_name_plural = _("transfers")
        permissions = [("adjust_points", "Can give and take points by hand")]
        constraints = [
            models.CheckConstraint(
                condition=Q(amount__gte=1) & Q(amount__lte=MAX_AMOUNT),
                name="points_transfer_amount_in_bounds",
            ),
            models.CheckConstraint(
                condition=~Q(from_account=models.F("to_account")),
                name="points_transfer_between_two_accounts",
            ),
            models.CheckConstraint(condition=~Q(key=""), name="points_transfer_has_key"),
            models.CheckConstraint(
                condition=Q(kind="reverse", reverses__isnull=False)
                | (~Q(kind="reverse") & Q(reverses__isnull=True)),
                name="points_transfer_reverse_names_its_original",
            ),
        ]
        indexes = [
            # A member's history, newest first, is read from both ends and merged.
            models.Index(fields=["from_account", "id"], name="points_transfer_history_out"),
            models.Index(fields=["to_account", "id"], name="points_transfer_history_in"),
            # "Why were these points given": the transfers of one order.
            models.Index(
                fields=["source_type", "source_id"], name="points_transfer_by_cause"
            ),
            # What was taken back of a transfer.
            models.Index(
                fields=["reverses"],
                condition=Q(reverses__isnull=False),
                name="points_transfer_reversals",
            ),
        ]

    def __str__(self) -> str:
        return self.key


class Lot(models.Model):
    """Points that were earned together and expire together."""

    account = models.ForeignKey(
        Account, on_delete=models.PROTECT, related_name="lots", verbose_name=_("account")
    )
    transfer = models.ForeignKey(
        Transfer,
        on_delete=models.PROTECT,
        related_name="lots",
        verbose_name=_("earned by"),
    )
    amount = models.BigIntegerField(_("amount"))
    remaining = models.BigIntegerField(_("remaining"))
    expires_on = models.DateField(
        _("usable through"), null=True, blank=True, help_text=_("Empty: never expires.")
    )

    class Meta:
        verbose_name = _("lot")
        verbose_name_plural = _("lots")
        constraints = [
            models.CheckConstraint(
                condition=Q(amount__gte=1) & Q(amount__lte=MAX_AMOUNT),
                name="points_lot_amount_in_bounds",
            ),
            models.CheckConstraint(
                condition=Q(remaining__gte=0) & Q(remaining__lte=models.F("amount")),
                name="points_lot_remaining_in_bounds",
            ),
        ]
        indexes = [
            # First-expiring first spent: the open lots of one account in that order.
            models.Index(
                fields=["account", "expires_on", "id"],
                condition=Q(remaining__gt=0),
                name="points_lot_open_of_account",
            ),
            # The nightly expiry: open lots that are due, a million of them on one day too.
            models.Index(
                fields=["expires_on", "id"],
                condition=Q(remaining__gt=0),
                name="points_lot_due",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.remaining}/{self.amount}"


class LotDraw(models.Model):
    """What a transfer took out of a lot, so that a reversal can put it back there."""

    transfer = models.ForeignKey(
        Transfer,
        on_delete=models.PROTECT,
        related_name="draws",
        verbose_name=_("transfer"),
    )
    lot = models.ForeignKey(
        Lot, on_delete=models.PROTECT, related_name="draws", verbose_name=_("lot")
    )
    amount = models.BigIntegerField(
        _("amount"), help_text=_("Below zero: given back by a reversal.")
    )

    class Meta:
        verbose_name = _("draw on a lot")
        verbose_name_plural = _("draws on lots")
        constraints = [
            models.UniqueConstraint(
                fields=["transfer", "lot"], name="points_lotdraw_once_per_lot"
            ),
            models.CheckConstraint(
                condition=~Q(amount=0), name="points_lotdraw_amount_not_zero"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.amount} of lot {self.lot_id}"


class TakenBack(models.Model):
    """How much of a transfer was reversed so far, in one go or in parts.

    The count and its bound stand in one row, so however many reversals run at once, no
    transfer is ever undone for more than it moved.
    """

    transfer = models.OneToOneField(
        Transfer,
        on_delete=models.PROTECT,
        primary_key=True,
        related_name="taken_back",
        verbose_name=_("transfer"),
    )
    moved = models.BigIntegerField(_("moved"))
    amount = models.BigIntegerField(_("taken back"), default=0)

    class Meta:
        verbose_name = _("reversed amount")
        verbose_name_plural = _("reversed amounts")
        constraints = [
            models.CheckConstraint(
                condition=Q(amount__gte=0) & Q(amount__lte=models.F("moved")),
                name="points_takenback_never_more_than_moved",
            )
        ]

    def __str__(self) -> str:
        return f"{self.amount}/{self.moved}"


class Hold(models.Model):
    """Points that were earned but cannot be used yet; the programme day matures them."""

    transfer = models.OneToOneField(
        Transfer,
        on_delete=models.PROTECT,
        primary_key=True,
        related_name="hold",
        verbose_name=_("earned by"),
    )
    account = models.ForeignKey(
        Account,
        on_delete=models.PROTECT,
        related_name="holds",
        verbose_name=_("for the account"),
    )
    amount = models.BigIntegerField(_("amount"))
    remaining = models.BigIntegerField(_("still held"))
    matures_on = models.DateField(
        _("usable from"),
        null=True,
        blank=True,
        help_text=_("Empty: not before the goods are delivered."),
    )
    days_after_delivery = models.PositiveSmallIntegerField(
        _("days after delivery"), null=True, blank=True
    )
    expires_on = models.DateField(_("usable through"), null=True, blank=True)

    class Meta:
        verbose_name = _("held points")
        verbose_name_plural = _("held points")
        constraints = [
            models.CheckConstraint(
                condition=Q(remaining__gte=0) & Q(remaining__lte=models.F("amount")),
                name="points_hold_remaining_in_bounds",
            )
        ]
        indexes = [
            # The programme day: what becomes usable.
            models.Index(
                fields=["matures_on"],
                condition=Q(remaining__gt=0),
                name="points_hold_open_by_day",
            ),
            # What a member is still waiting for.
            models.Index(
                fields=["account"],
                condition=Q(remaining__gt=0),
                name="points_hold_open_of_account",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.remaining}/{self.amount}"


class Reservation(models.Model):
    """Points that a till holds while its customer pays."""

    class State(models.TextChoices):
        OPEN = "open", _("held")
        CAPTURED = "captured", _("spent")
        RELEASED = "released", _("released")
        EXPIRED = "expired", _("timed out")

    transfer = models.OneToOneField(
        Transfer,
        on_delete=models.PROTECT,
        primary_key=True,
        related_name="reservation",
        verbose_name=_("reserved by"),
    )
    source = models.CharField(_("source"), max_length=40)
    reference = models.CharField(_("reference of the till"), max_length=80)
    amount = models.BigIntegerField(_("reserved"))
    captured = models.BigIntegerField(_("spent"), default=0)
    capture = models.OneToOneField(
        Transfer,
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        related_name="captured_reservation",
        verbose_name=_("spent by"),
    )
    value = models.DecimalField(
        _("worth"), max_digits=18, decimal_places=2, help_text=_("What these points pay.")
    )
    state = models.CharField(_("state"), max_length=10, choices=State, default=State.OPEN)
    expires_at = models.DateTimeField(_("held until"))
    settled_at = models.DateTimeField(_("settled at"), null=True, blank=True)

    class Meta:
        verbose_name = _("reservation")
        verbose_name_plural = _("reservations")
        constraints = [
            models.UniqueConstraint(
                fields=["source", "reference"], name="points_reservation_once_per_reference"
            ),
            models.CheckConstraint(
                condition=Q(captured__gte=0) & Q(captured__lte=models.F("amount")),
                name="points_reservation_captured_in_bounds",
            ),
        ]
        indexes = [
            # Stale reservations: those whose time is over.
            models.Index(
                fields=["expires_at"],
                condition=Q(state="open"),
                name="points_reservation_open",
            )
        ]

    def __str__(self) -> str:
        return self.reference
