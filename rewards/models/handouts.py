"""Handouts: one benefit given by staff to many members at once."""

from __future__ import annotations

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from members.models import Member
from rewards.models.benefits import Benefit


class Handout(models.Model):
    """One act: this benefit for these members, handed over in the background.

    Who gets it is written down when it is asked for, so that what was seen and approved is
    what is given.
    """

    class State(models.TextChoices):
        WAITING = "waiting", _("waits for a second person")
        REJECTED = "rejected", _("not approved")
        RUNNING = "running", _("under way")
        DONE = "done", _("done")
        STOPPED = "stopped", _("stopped")
        FAILED = "failed", _("failed")
        TAKING_BACK = "taking_back", _("being taken back")
        TAKEN_BACK = "taken_back", _("taken back")

    # What a worker has to do with.
    OPEN = (State.RUNNING, State.TAKING_BACK)

    benefit = models.ForeignKey(
        Benefit,
        on_delete=models.PROTECT,
        related_name="handouts",
        verbose_name=_("benefit"),
    )
    name = models.CharField(_("occasion"), max_length=80)
    chosen = models.CharField(_("for"), max_length=200)
    key = models.CharField(max_length=80, unique=True, editable=False)
    state = models.CharField(
        _("state"), max_length=12, choices=State, default=State.RUNNING
    )
    size = models.PositiveIntegerField(_("members"), default=0)
    num_given = models.PositiveIntegerField(_("given"), default=0)
    num_refused = models.PositiveIntegerField(_("not given"), default=0)
    num_back = models.PositiveIntegerField(_("taken back"), default=0)
    num_kept = models.PositiveIntegerField(_("used already"), default=0)
    # Who works on it: each claim moves the number on, and only its holder may write.
    claim = models.PositiveIntegerField(default=0, editable=False)
    leased_until = models.DateTimeField(null=True, blank=True, editable=False)
    failures = models.PositiveSmallIntegerField(default=0, editable=False)
    error = models.CharField(_("error"), max_length=300, blank=True, default="")
    asked_at = models.DateTimeField(_("asked at"))
    finished_at = models.DateTimeField(_("finished at"), null=True, blank=True)
    asked_by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        on_delete=models.SET_NULL,
        null=True,
        blank=True,
        related_name="+",
        verbose_name=_("by"),
    )
    actor = models.CharField(_("given by"), max_length=80, blank=True, default="")

    class Meta:
        verbose_name = _("benefit given to many")
        verbose_name_plural = _("benefits given to many")
        ordering = ["-pk"]
        constraints = [
            models.CheckConstraint(
                condition=Q(num_back__lte=models.F("num_given")),
                name="rewards_handout_takes_back_what_it_gave",
            ),
        ]
        indexes = [
            # What a worker looks for.
            models.Index(
                fields=["id"],
                condition=Q(state__in=["running", "taking_back"]),
                name="rewards_handout_open",
            )
        ]

    def __str__(self) -> str:
        return self.name

    @property
    def is_open(self) -> bool:
        return self.state in self.OPEN

    @property
    def position(self) -> tuple[int, int]:
        """Return how many members are dealt with, and of how many."""
        if self.state in (self.State.TAKING_BACK, self.State.TAKEN_BACK):
            return self.num_back + self.num_kept, self.num_given
        return self.num_given + self.num_refused, self.size


class HandoutMember(models.Model):
    """One member of a handout, and what became of it."""

    class Outcome(models.TextChoices):
        OPEN = "open", _("not yet")
        GIVEN = "given", _("given")
        REFUSED = "refused", _("not given")
        BACK = "back", _("taken back")
        KEPT = "kept", _("used already")

    handout = models.ForeignKey(
        Handout,
        on_delete=models.CASCADE,
        db_index=False,
        related_name="members",
        verbose_name=_("benefit given to many"),
    )
    member = models.ForeignKey(
        Member, on_delete=models.CASCADE, related_name="+", verbose_name=_("member")
    )
    outcome = models.CharField(_("outcome"), max_length=8, choices=Outcome)
    reason = models.CharField(_("why"), max_length=200, blank=True, default="")

    class Meta:
        verbose_name = _("member of a handout")
        verbose_name_plural = _("members of handouts")
        default_permissions = ()
        constraints = [
            models.UniqueConstraint(
                fields=["handout", "member"], name="rewards_handoutmember_once"
            )
        ]
        indexes = [
            # Those whose turn it is.
            models.Index(
                fields=["handout", "outcome", "member"], name="rewards_handoutmember_next"
            )
        ]

    def __str__(self) -> str:
        return f"{self.handout_id}: {self.outcome}"
