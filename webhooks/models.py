"""Who outside is told what happens to members, and every single telling."""

from __future__ import annotations

import base64
import secrets
from datetime import datetime

from django.db import models
from django.utils.translation import gettext_lazy as _
from simple_history.models import HistoricalRecords

KIND_LENGTH = 60
ANSWER_LENGTH = 500
# What staff send to try an endpoint; nothing that happens to members.
TEST = "test"


def new_secret() -> str:
    """Return a signing secret as Standard Webhooks writes it: 32 random bytes."""
    return "whsec_" + base64.b64encode(secrets.token_bytes(32)).decode()


class WebhookEndpoint(models.Model):
    """An address of the brand's own systems, and what it wants to hear."""

    class Stopped(models.TextChoices):
        GONE = "gone", _("It answered that nobody listens there any more (410).")
        FAILING = "failing", _("Nothing was accepted there for five days.")

    name = models.CharField(
        _("name"), max_length=80, help_text=_("Which system listens there: CRM, web shop…")
    )
    address = models.CharField(
        _("address"), max_length=500, help_text=_("Begins with https://.")
    )
    kinds = models.JSONField(_("what it hears"), default=list)
    is_on = models.BooleanField(
        _("in use"), default=True, help_text=_("Switched off, it hears nothing.")
    )
    stopped_because = models.CharField(
        _("switched off because"), max_length=10, choices=Stopped, blank=True, default=""
    )
    stopped_at = models.DateTimeField(_("switched off at"), null=True, blank=True)
    # When staff were mailed that it was switched off.
    told_at = models.DateTimeField(null=True, editable=False)
    failing_since = models.DateTimeField(
        _("nothing accepted since"), null=True, blank=True, editable=False
    )
    last_success_at = models.DateTimeField(_("last success"), null=True, editable=False)
    last_failure_at = models.DateTimeField(_("last failure"), null=True, editable=False)
    secret = models.CharField(
        _("signing secret"), max_length=100, default=new_secret, editable=False
    )
    # The one before, with which requests are signed as well for a while.
    previous_secret = models.CharField(
        max_length=100, blank=True, default="", editable=False
    )
    previous_secret_until = models.DateTimeField(null=True, editable=False)
    created_at = models.DateTimeField(_("created at"), auto_now_add=True)

    history = HistoricalRecords(
        excluded_fields=[
            "secret",
            "previous_secret",
            "previous_secret_until",
            "told_at",
            "failing_since",
            "last_success_at",
            "last_failure_at",
            "created_at",
        ]
    )

    class Meta:
        verbose_name = _("webhook")
        verbose_name_plural = _("webhooks")
        ordering = ["name", "pk"]
        permissions = [
            ("see_webhook_secret", "Can see and change the secret that signs webhooks")
        ]
        constraints = [
            models.CheckConstraint(
                condition=~models.Q(name=""), name="webhooks_endpoint_has_a_name"
            ),
            models.CheckConstraint(
                condition=models.Q(address__startswith="https://")
                | models.Q(address__startswith="http://"),
                name="webhooks_endpoint_address_is_a_web_address",
            ),
            models.CheckConstraint(
                condition=~models.Q(kinds=[]), name="webhooks_endpoint_hears_something"
            ),
            models.CheckConstraint(
                condition=models.Q(secret__startswith="whsec_"),
                name="webhooks_endpoint_has_a_secret",
            ),
            models.CheckConstraint(
                condition=models.Q(previous_secret="", previous_secret_until__isnull=True)
                | (
                    ~models.Q(previous_secret="")
                    & models.Q(previous_secret_until__isnull=False)
                ),
                name="webhooks_endpoint_old_secret_has_an_end",
            ),
            models.CheckConstraint(
                condition=models.Q(stopped_because="", stopped_at__isnull=True)
                | models.Q(
                    stopped_because__in=["gone", "failing"],
                    stopped_at__isnull=False,
                    is_on=False,
                ),
                name="webhooks_endpoint_stopped_is_off",
            ),
        ]

    def __str__(self) -> str:
        return self.name

    def secrets_at(self, at: datetime) -> list[str]:
        """Return every secret that signs at this moment, the new one first."""
        until = self.previous_secret_until
        if until is None or until <= at:
            return [self.secret]
        return [self.secret, self.previous_secret]


class WebhookDelivery(models.Model):
    """One event for one endpoint: written with the fact, tried until it is accepted."""

    class State(models.TextChoices):
        PENDING = "pending", _("waiting")
        SENDING = "sending", _("being sent")
        DELIVERED = "delivered", _("accepted")
        GIVEN_UP = "given_up", _("given up")
        CANCELLED = "cancelled", _("cancelled")

    ENDED = (State.DELIVERED, State.GIVEN_UP, State.CANCELLED)

    class Problem(models.TextChoices):
        REFUSED = "refused", _("The answer was no success.")
        REDIRECT = "redirect", _("It answered with another address; we follow none.")
        GONE = "gone", _("It answered that nobody listens there any more.")
        TOO_SLOW = "too_slow", _("No answer within ten seconds.")
        NOT_FOUND = "not_found", _("The name of the server could not be found.")
        FORBIDDEN = "forbidden", _("The address leads into a network of our own.")
        UNREACHABLE = "unreachable", _("The server could not be reached.")
        CERTIFICATE = "certificate", _("The server's certificate is not valid.")
        BROKEN = "broken", _("The connection broke before an answer came.")
        SWITCHED_OFF = "off", _("The webhook was switched off.")

    endpoint = models.ForeignKey(
        WebhookEndpoint,
        on_delete=models.PROTECT,
        related_name="deliveries",
        verbose_name=_("webhook"),
    )
    message_id = models.CharField(
        _("webhook-id"),
        max_length=40,
        unique=True,
        help_text=_("The same at every attempt, so the receiver can tell a repeat."),
    )
    kind = models.CharField(_("what happened"), max_length=KIND_LENGTH)
    # Text, not JSON: every attempt sends the very same bytes.
    payload = models.TextField(_("content"))
    state = models.CharField(
        _("state"), max_length=10, choices=State, default=State.PENDING
    )
    attempts = models.PositiveSmallIntegerField(_("attempts"), default=0)
    due_at = models.DateTimeField(_("due at"))
    lease = models.CharField(max_length=32, blank=True, default="", editable=False)
    leased_until = models.DateTimeField(null=True, editable=False)
    last_status = models.PositiveSmallIntegerField(_("last status"), null=True)
    last_problem = models.CharField(
        _("last problem"), max_length=12, choices=Problem, blank=True, default=""
    )
    answer = models.CharField(
        _("last answer"), max_length=ANSWER_LENGTH, blank=True, default=""
    )
    created_at = models.DateTimeField(_("written at"))
    ended_at = models.DateTimeField(_("ended at"), null=True)

    class Meta:
        verbose_name = _("webhook delivery")
        verbose_name_plural = _("webhook deliveries")
        constraints = [
            models.CheckConstraint(
                condition=models.Q(
                    state__in=["pending", "sending", "delivered", "given_up", "cancelled"]
                ),
                name="webhooks_delivery_state_is_known",
            ),
            models.CheckConstraint(
                condition=models.Q(
                    ~models.Q(lease=""), state="sending", leased_until__isnull=False
                )
                | models.Q(~models.Q(state="sending"), lease="", leased_until__isnull=True),
                name="webhooks_delivery_leased_while_sending",
            ),
            models.CheckConstraint(
                condition=models.Q(
                    state__in=["delivered", "given_up", "cancelled"], ended_at__isnull=False
                )
                | models.Q(state__in=["pending", "sending"], ended_at__isnull=True),
                name="webhooks_delivery_ended_has_a_time",
            ),
        ]
        indexes = [
            # What a relay takes next of one endpoint; how many wait there.
            models.Index(
                fields=["endpoint", "due_at", "id"],
                condition=models.Q(state="pending"),
                name="webhooks_delivery_due",
            ),
            # What a relay held that died.
            models.Index(
                fields=["leased_until"],
                condition=models.Q(state="sending"),
                name="webhooks_delivery_leased",
            ),
            # The nightly clean-up.
            models.Index(
                fields=["ended_at"],
                condition=models.Q(state__in=["delivered", "given_up", "cancelled"]),
                name="webhooks_delivery_ended",
            ),
            # The log, newest first, by state.
            models.Index(fields=["state", "-id"], name="webhooks_delivery_log"),
        ]

    def __str__(self) -> str:
        return self.message_id

    @property
    def has_ended(self) -> bool:
        return self.state in self.ENDED
