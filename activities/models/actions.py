"""What members do besides buying: review, check-in, survey, donation, steps walked…"""

from __future__ import annotations

from decimal import Decimal

from django.db import models
from django.db.models.functions import Now
from django.utils.translation import gettext_lazy as _

from members.models import Member


class ActivityType(models.Model):
    """A kind of activity that the programme counts; staff add their own."""

    code = models.SlugField(_("code"), max_length=40, unique=True)
    name = models.CharField(_("name"), max_length=80)
    unit_name = models.CharField(
        _("counted in"),
        max_length=20,
        blank=True,
        default="",
        help_text=_("What it counts: steps, kilometres, kilograms… Empty: times."),
    )
    is_active = models.BooleanField(_("active"), default=True)

    class Meta:
        verbose_name = _("activity type")
        verbose_name_plural = _("activity types")
        ordering = ["name"]

    def __str__(self) -> str:
        return self.name


class Activity(models.Model):
    """One thing that a member did, as a source told it; never edited afterwards."""

    type = models.ForeignKey(
        ActivityType,
        on_delete=models.PROTECT,
        related_name="activities",
        verbose_name=_("what"),
    )
    source = models.CharField(_("source"), max_length=40)
    external_id = models.CharField(_("number"), max_length=80)
    member = models.ForeignKey(
        Member,
        on_delete=models.PROTECT,
        related_name="activities",
        verbose_name=_("member"),
    )
    happened_at = models.DateTimeField(_("happened at"))
    happened_on = models.DateField(_("day"))
    quantity = models.DecimalField(
        _("quantity"), max_digits=14, decimal_places=3, default=Decimal(1)
    )
    content_hash = models.CharField(max_length=64, editable=False)
    created_at = models.DateTimeField(_("recorded at"), db_default=Now())

    class Meta:
        verbose_name = _("activity")
        verbose_name_plural = _("activities")
        constraints = [
            models.UniqueConstraint(
                fields=["source", "external_id"], name="activities_activity_once_per_source"
            ),
            models.CheckConstraint(
                condition=models.Q(quantity__gte=0),
                name="activities_activity_quantity_not_negative",
            ),
        ]
        indexes = [
            models.Index(
                fields=["member", "happened_at"], name="activities_activity_of_member"
            )
        ]

    def __str__(self) -> str:
        return self.external_id
