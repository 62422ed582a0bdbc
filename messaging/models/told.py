"""What providers, registers and people tell us."""

from __future__ import annotations

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from core.phones import display_phone
from messaging.models.outbox import Message


class Follower(models.Model):
    """What Zalo last told us about one user id, member or not.

    The event's own time decides, so events that arrive in the wrong order do no harm.
    """

    zalo_user_id = models.CharField(_("Zalo user id"), max_length=100, unique=True)
    follows = models.BooleanField(_("follows the Official Account"))
    changed_at = models.DateTimeField(_("since"))

    class Meta:
        verbose_name = _("follower of the Official Account")
        verbose_name_plural = _("followers of the Official Account")

    def __str__(self) -> str:
        return self.zalo_user_id


class WebhookEvent(models.Model):
    """An event that a provider told us, kept before anything is done with it."""

    provider = models.CharField(_("provider"), max_length=20)
    event_key = models.CharField(
        _("key"), max_length=120, help_text=_("The same event told twice has one row.")
    )
    event_name = models.CharField(_("event"), max_length=60)
    payload = models.JSONField(_("content"))
    received_at = models.DateTimeField(_("received at"))
    processed_at = models.DateTimeField(_("processed at"), null=True, blank=True)
    attempts = models.PositiveSmallIntegerField(_("attempts"), default=0)
    error = models.CharField(_("error"), max_length=300, blank=True, default="")

    class Meta:
        verbose_name = _("event from a provider")
        verbose_name_plural = _("events from providers")
        constraints = [
            models.UniqueConstraint(
                fields=["provider", "event_key"], name="messaging_webhookevent_once"
            )
        ]
        indexes = [
            # The inbox: events that nobody has worked off.
            models.Index(
                fields=["id"],
                condition=Q(processed_at__isnull=True),
                name="messaging_webhookevent_open",
            ),
        ]

    def __str__(self) -> str:
        return self.event_name


class DoNotAdvertise(models.Model):
    """A phone that must get no advertising: from the national register, or by request."""

    phone = models.CharField(_("phone"), max_length=20, unique=True)
    source = models.CharField(_("source"), max_length=60)
    added_at = models.DateTimeField(_("since"))

    class Meta:
        verbose_name = _("phone without advertising")
        verbose_name_plural = _("phones without advertising")
        ordering = ["-pk"]

    def __str__(self) -> str:
        return display_phone(self.phone)


class Feedback(models.Model):
    """What a person answered to a message that asked for a rating."""

    key = models.CharField(_("key"), max_length=120, unique=True)
    message = models.ForeignKey(
        Message,
        on_delete=models.SET_NULL,
        null=True,
        blank=True,
        related_name="feedback",
        verbose_name=_("message"),
    )
    rating = models.PositiveSmallIntegerField(_("rating"))
    choices = models.JSONField(_("chosen answers"), default=list, blank=True)
    note = models.CharField(_("note"), max_length=500, blank=True, default="")
    given_at = models.DateTimeField(_("given at"))

    class Meta:
        verbose_name = _("rating of a message")
        verbose_name_plural = _("ratings of messages")
        ordering = ["-given_at", "-pk"]
        constraints = [
            models.CheckConstraint(
                condition=Q(rating__lte=5), name="messaging_feedback_rating_up_to_five"
            )
        ]

    def __str__(self) -> str:
        return f"{self.rating}/5"
