"""What holds for every campaign. One row."""

from __future__ import annotations

from django.core.validators import MaxValueValidator
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _
from simple_history.models import HistoricalRecords


class CampaignPolicy(models.Model):
    """Whom all campaigns leave alone, what a sale earns, when a second person is asked."""

    SINGLETON_ID = 1

    holdout_percent = models.PositiveSmallIntegerField(
        _("hold-out group of all campaigns (%)"),
        default=0,
        validators=[MaxValueValidator(20)],
        help_text=_(
            "So many of a hundred members are left alone by every campaign. What they buy "
            "shows what all campaigns bring together. 0: nobody."
        ),
    )
    margin_percent = models.PositiveSmallIntegerField(
        _("what is earned on a sale (%)"),
        default=100,
        validators=[MaxValueValidator(100)],
        help_text=_("The gross margin: results count the profit with it."),
    )
    approve_above = models.PositiveIntegerField(
        _("a second person approves above (members)"),
        null=True,
        blank=True,
        help_text=_(
            "A campaign that reaches more members than this starts when someone else has "
            "approved it. Empty: never."
        ),
    )

    history = HistoricalRecords()

    class Meta:
        verbose_name = _("campaign policy")
        verbose_name_plural = _("campaign policy")
        constraints = [
            models.CheckConstraint(
                condition=Q(id=1), name="campaigns_campaignpolicy_is_single"
            ),
        ]

    def __str__(self) -> str:
        return str(self._meta.verbose_name)

    @classmethod
    def current(cls) -> CampaignPolicy:
        """Return the policy in force. One query."""
        return cls.objects.filter(pk=cls.SINGLETON_ID).first() or cls(pk=cls.SINGLETON_ID)
