"""Batches: many codes of one type of voucher, made here or uploaded from a list."""

from __future__ import annotations

from django.conf import settings
from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext_lazy as _

from rewards.models.vouchers import MAX_CODE, MAX_WRITTEN


class VoucherBatch(models.Model):
    """Many codes of one type, made in the background or uploaded by staff.

    A worker claims it and writes codes chunk by chunk; ``made`` is the position
    (``rewards.batches.running``).
    """

    class Origin(models.TextChoices):
        GENERATED = "generated", _("made here")
        UPLOADED = "uploaded", _("uploaded")

    class State(models.TextChoices):
        DRAFT = "draft", _("to be confirmed")
        RUNNING = "running", _("under way")
        DONE = "done", _("done")
        CANCELLED = "cancelled", _("stopped")
        FAILED = "failed", _("failed")
        WITHDRAWING = "withdrawing", _("being withdrawn")
        WITHDRAWN = "withdrawn", _("rest withdrawn")

    # What a worker has to do with.
    OPEN = (State.RUNNING, State.WITHDRAWING)

    voucher_type = models.ForeignKey(
        "rewards.VoucherType",
        on_delete=models.PROTECT,
        related_name="batches",
        verbose_name=_("type of voucher"),
    )
    name = models.CharField(_("name"), max_length=80)
    origin = models.CharField(_("codes"), max_length=10, choices=Origin)
    key = models.CharField(
        max_length=80,
        null=True,
        blank=True,
        unique=True,
        editable=False,
        help_text="Asking again with the same key makes no second batch.",
    )
    valid_from = models.DateTimeField(_("usable from"), null=True, blank=True)
    valid_until = models.DateTimeField(_("usable until"), null=True, blank=True)
    size = models.PositiveIntegerField(_("how many"))
    made = models.PositiveIntegerField(_("made so far"), default=0)
    num_known = models.PositiveIntegerField(_("known already"), default=0)
    num_rejected = models.PositiveIntegerField(_("rejected"), default=0)
    state = models.CharField(
        _("state"), max_length=12, choices=State, default=State.RUNNING
    )
    # Withdrawing the rest: since when, why, how many so far, the last one looked at.
    withdraw_asked_at = models.DateTimeField(_("withdrawn at"), null=True, blank=True)
    withdrawn_because = models.CharField(
        _("withdrawn because"), max_length=200, blank=True, default=""
    )
    num_withdrawn = models.PositiveIntegerField(_("withdrawn"), default=0)
    reached_id = models.BigIntegerField(default=0, editable=False)
    # Who works on it: each claim moves the number on, and only its holder may write.
    claim = models.PositiveIntegerField(default=0, editable=False)
    leased_until = models.DateTimeField(null=True, blank=True, editable=False)
    failures = models.PositiveSmallIntegerField(default=0, editable=False)
    error = models.CharField(_("error"), max_length=300, blank=True, default="")
    asked_at = models.DateTimeField(_("asked at"))
    started_at = models.DateTimeField(_("started at"), null=True, blank=True)
    finished_at = models.DateTimeField(_("finished at"), null=True, blank=True)
    asked_by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        on_delete=models.SET_NULL,
        null=True,
        blank=True,
        related_name="+",
        verbose_name=_("by"),
    )

    class Meta:
        verbose_name = _("batch of vouchers")
        verbose_name_plural = _("batches of vouchers")
        ordering = ["-pk"]
        permissions = [("export_vouchers", "Can export voucher codes")]
        constraints = [
            models.CheckConstraint(
                condition=Q(made__lte=F("size")), name="rewards_voucherbatch_within_size"
            ),
            models.CheckConstraint(
                condition=Q(valid_from__isnull=True)
                | Q(valid_until__isnull=True)
                | Q(valid_until__gt=F("valid_from")),
                name="rewards_voucherbatch_ends_after_start",
                violation_error_message=_("“Usable until” must be after “usable from”."),
            ),
        ]
        indexes = [
            # The worker's question: what is there to do.
            models.Index(
                fields=["id"],
                condition=Q(state__in=["running", "withdrawing"]),
                name="rewards_voucherbatch_open",
            )
        ]

    def __str__(self) -> str:
        return self.name

    @property
    def is_open(self) -> bool:
        return self.state in self.OPEN


class UploadedCode(models.Model):
    """One row of an uploaded list until it is taken in; what is refused stays with why."""

    class Problem(models.TextChoices):
        NONE = "", _("It can be taken in.")
        KNOWN = "known", _("It was taken in before.")
        DOUBLED = "doubled", _("The same code stands further up in the file.")
        NOT_FREE = "not_free", _("This code is not free. Ask for another one.")
        UNREADABLE = "unreadable", _("The row cannot be read.")
        LETTERS = "letters", _("A code has only letters from A to Z, digits and dashes.")
        SHORT = "short", _("A code needs at least 4 letters or digits.")
        LONG = "long", _("A code has at most 40 letters and digits.")
        ROUNDED = (
            "rounded",
            _("A spreadsheet has rounded this number. Save the column as text."),
        )
        DATE = "date", _("“Usable until” is no day. Write 2026-12-31 or 31/12/2026.")
        OVER = "over", _("It could be used only until a day that is past.")

    batch = models.ForeignKey(
        VoucherBatch, on_delete=models.CASCADE, db_index=False, related_name="uploaded"
    )
    number = models.PositiveIntegerField(help_text="The row, as a spreadsheet counts.")
    code = models.CharField(max_length=MAX_CODE, blank=True, default="")
    written_as = models.CharField(max_length=MAX_WRITTEN, blank=True, default="")
    valid_until = models.DateTimeField(null=True, blank=True)
    problem = models.CharField(
        max_length=10, choices=Problem, blank=True, default=Problem.NONE
    )

    class Meta:
        default_permissions = ()
        constraints = [
            # Also the way through it: the next rows after those that were taken in.
            models.UniqueConstraint(
                fields=["batch", "number"], name="rewards_uploadedcode_once"
            )
        ]

    def __str__(self) -> str:
        return self.written_as
