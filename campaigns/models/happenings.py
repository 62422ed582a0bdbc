"""What happened and some campaign waits for: an inbox, emptied within seconds."""

from __future__ import annotations

from django.db import models
from django.utils.translation import gettext_lazy as _

from members.models import Member


class Happening(models.Model):
    """One event, written together with the fact and deleted when campaigns took it in.

    What failed too often stays, with the kind of its error, until staff try it again or it
    is as old as working records get.
    """

    kind = models.CharField(_("what happened"), max_length=60)
    member = models.ForeignKey(Member, on_delete=models.CASCADE, related_name="+")
    reference = models.CharField(
        _("which"), max_length=60, help_text=_("Makes the same event start nothing twice.")
    )
    happened_at = models.DateTimeField(_("when"))
    attempts = models.PositiveSmallIntegerField(_("attempts"), default=0)
    error = models.CharField(
        _("error"),
        max_length=60,
        blank=True,
        default="",
        db_default="",
        help_text=_("The kind of the last error; its text may quote personal data."),
    )

    class Meta:
        verbose_name = _("happening")
        verbose_name_plural = _("happenings")

    def __str__(self) -> str:
        return f"{self.kind}/{self.reference}"
