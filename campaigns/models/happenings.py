"""What happened and some campaign waits for: an inbox, emptied within seconds."""

from __future__ import annotations

from django.db import models
from django.utils.translation import gettext_lazy as _

from members.models import Member


class Happening(models.Model):
    """One event, written together with the fact and deleted when campaigns took it in."""

    kind = models.CharField(_("what happened"), max_length=60)
    member = models.ForeignKey(Member, on_delete=models.CASCADE, related_name="+")
    reference = models.CharField(
        _("which"), max_length=60, help_text=_("Makes the same event start nothing twice.")
    )
    happened_at = models.DateTimeField(_("when"))
    attempts = models.PositiveSmallIntegerField(_("attempts"), default=0)

    class Meta:
        verbose_name = _("happening")
        verbose_name_plural = _("happenings")

    def __str__(self) -> str:
        return f"{self.kind}/{self.reference}"
