"""Experiences: times that can be booked, and who booked them."""

from __future__ import annotations

from django.core.validators import MinValueValidator
from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext_lazy as _

from activities.models import Store
from members.models import Member
from rewards.models.benefits import Benefit, GivenBenefit


class Slot(models.Model):
    """One time at which an experience takes place, for so many guests."""

    benefit = models.ForeignKey(
        Benefit,
        on_delete=models.PROTECT,
        limit_choices_to={"kind": "experience"},
        related_name="slots",
        verbose_name=_("experience"),
    )
    store = models.ForeignKey(
        Store,
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        related_name="slots",
        verbose_name=_("store"),
    )
    host = models.CharField(
        _("with"), max_length=80, blank=True, default="", help_text=_("Such as a stylist.")
    )
    starts_at = models.DateTimeField(_("from"))
    ends_at = models.DateTimeField(_("until"))
    capacity = models.PositiveSmallIntegerField(
        _("places"), default=1, validators=[MinValueValidator(1)]
    )
    taken = models.PositiveSmallIntegerField(_("booked"), default=0, editable=False)
    is_open = models.BooleanField(_("can be booked"), default=True)

    class Meta:
        verbose_name = _("time slot")
        verbose_name_plural = _("time slots")
        ordering = ["starts_at", "pk"]
        constraints = [
            models.CheckConstraint(
                condition=Q(ends_at__gt=F("starts_at")),
                name="rewards_slot_ends_after_start",
                violation_error_message=_("“Until” must be after “from”."),
            ),
            models.CheckConstraint(
                condition=Q(taken__lte=F("capacity")),
                name="rewards_slot_never_overbooked",
                violation_error_message=_("More places than that are booked."),
            ),
            models.UniqueConstraint(
                fields=["benefit", "store", "host", "starts_at"],
                condition=Q(store__isnull=False),
                name="rewards_slot_once_in_store",
                violation_error_message=_("There is such a time already."),
            ),
            models.UniqueConstraint(
                fields=["benefit", "host", "starts_at"],
                condition=Q(store__isnull=True),
                name="rewards_slot_once_anywhere",
                violation_error_message=_("There is such a time already."),
            ),
        ]
        indexes = [
            # What can still be booked of an experience.
            models.Index(fields=["benefit", "starts_at"], name="rewards_slot_by_time")
        ]

    def __str__(self) -> str:
        return f"{self.starts_at:%Y-%m-%d %H:%M}"


class Booking(models.Model):
    """A member's place in a slot; without a slot, it is still to be chosen."""

    class State(models.TextChoices):
        OPEN = "open", _("time still to be chosen")
        BOOKED = "booked", _("booked")
        ATTENDED = "attended", _("came")
        MISSED = "missed", _("did not come")
        CANCELLED = "cancelled", _("cancelled")

    given = models.OneToOneField(
        GivenBenefit,
        on_delete=models.PROTECT,
        related_name="booking",
        verbose_name=_("experience"),
    )
    member = models.ForeignKey(
        Member, on_delete=models.PROTECT, related_name="bookings", verbose_name=_("member")
    )
    slot = models.ForeignKey(
        Slot,
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        related_name="bookings",
        verbose_name=_("time slot"),
    )
    state = models.CharField(_("state"), max_length=10, choices=State, default=State.OPEN)
    changed_at = models.DateTimeField(_("last change"))

    class Meta:
        verbose_name = _("booking")
        verbose_name_plural = _("bookings")
        ordering = ["-pk"]
        constraints = [
            models.CheckConstraint(
                condition=Q(state__in=["open", "cancelled"]) | Q(slot__isnull=False),
                name="rewards_booking_has_slot",
            )
        ]

    def __str__(self) -> str:
        return f"{self.member_id}: {self.state}"
