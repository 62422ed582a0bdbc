"""The outbox: every message, what became of it, and why."""

from __future__ import annotations

from django.db import models
from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from members.models import Member
from messaging.models.channels import Channel
from messaging.models.templates import MessageTemplate


class Message(models.Model):
    """One message to one member: a row first, a request afterwards."""

    class State(models.TextChoices):
        PENDING = "pending", _("waiting")
        SENDING = "sending", _("being sent")
        SENT = "sent", _("sent")
        DELIVERED = "delivered", _("delivered")
        SEEN = "seen", _("seen")
        FAILED = "failed", _("failed")
        UNKNOWN = "unknown", _("outcome unknown")
        REFUSED = "refused", _("not sent: not allowed")
        EXPIRED = "expired", _("not sent: too late")
        CANCELLED = "cancelled", _("cancelled")

    key = models.CharField(
        _("key"),
        max_length=120,
        help_text=_("What makes this message be planned only once."),
    )
    member = models.ForeignKey(
        Member,
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        related_name="messages",
        verbose_name=_("member"),
        help_text=_("Empty for a one-time code to a phone that is not yet a member's."),
    )
    template = models.ForeignKey(
        MessageTemplate,
        on_delete=models.PROTECT,
        related_name="messages",
        verbose_name=_("template"),
    )
    channel = models.CharField(_("channel"), max_length=10, choices=Channel)
    state = models.CharField(
        _("state"), max_length=10, choices=State, default=State.PENDING
    )
    reason = models.CharField(
        _("reason"),
        max_length=40,
        blank=True,
        default="",
        help_text=_("Why it was not sent, or why it failed."),
    )
    error_code = models.IntegerField(_("provider's error"), null=True, blank=True)
    address = models.CharField(_("sent to"), max_length=100, blank=True, default="")
    context = models.JSONField(
        _("facts for the text"),
        default=dict,
        blank=True,
        help_text=_("What only the planner knew; the rest is read when it is sent."),
    )
    payload = models.JSONField(_("text as sent"), default=dict, blank=True)
    source_type = models.CharField(_("cause"), max_length=20, blank=True, default="")
    source_id = models.BigIntegerField(_("number of the cause"), null=True, blank=True)
    fallback_of = models.ForeignKey(
        "self",
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        related_name="fallbacks",
        db_index=False,
        verbose_name=_("in place of"),
    )
    due_at = models.DateTimeField(_("due at"))
    expires_at = models.DateTimeField(
        _("not after"), null=True, blank=True, help_text=_("Later it is not sent at all.")
    )
    attempts = models.PositiveSmallIntegerField(_("attempts"), default=0)
    leased_until = models.DateTimeField(_("leased until"), null=True, blank=True)
    lease = models.CharField(_("lease"), max_length=32, blank=True, default="")
    requested_at = models.DateTimeField(
        _("request begun at"),
        null=True,
        blank=True,
        help_text=_("From here on the message may have gone out, whatever happens to us."),
    )
    provider_id = models.CharField(
        _("provider's message id"), max_length=60, blank=True, default=""
    )
    cost = models.PositiveIntegerField(
        _("cost (₫)"), default=0, help_text=_("What sending it cost, as far as we know.")
    )
    planned_at = models.DateTimeField(_("planned at"), default=timezone.now)
    sent_at = models.DateTimeField(_("sent at"), null=True, blank=True)
    delivered_at = models.DateTimeField(_("delivered at"), null=True, blank=True)
    seen_at = models.DateTimeField(_("seen at"), null=True, blank=True)
    clicked_at = models.DateTimeField(_("link opened at"), null=True, blank=True)

    class Meta:
        verbose_name = _("message")
        verbose_name_plural = _("messages")
        constraints = [
            # Not unique=True: that would keep a second index, for LIKE, which nobody asks.
            models.UniqueConstraint(fields=["key"], name="messaging_message_once"),
            models.CheckConstraint(condition=~Q(key=""), name="messaging_message_has_key"),
            models.CheckConstraint(
                condition=Q(
                    state__in=[
                        "pending",
                        "sending",
                        "sent",
                        "delivered",
                        "seen",
                        "failed",
                        "unknown",
                        "refused",
                        "expired",
                        "cancelled",
                    ]
                ),
                name="messaging_message_state_is_known",
            ),
        ]
        indexes = [
            # The relay: what is due in one lane, oldest first. A lane that must wait (a
            # stopped template, a used-up quota) is not read at all.
            models.Index(
                fields=["template", "channel", "due_at", "id"],
                condition=Q(state="pending"),
                name="messaging_message_lane",
            ),
            models.Index(
                fields=["fallback_of"],
                condition=Q(fallback_of__isnull=False),
                name="messaging_message_fallbacks",
            ),
            # Messages whose time is over, whether or not their lane moves.
            models.Index(
                fields=["expires_at"],
                condition=Q(state="pending", expires_at__isnull=False),
                name="messaging_message_too_late",
            ),
            # Leases of relays that died.
            models.Index(
                fields=["leased_until"],
                condition=Q(state="sending"),
                name="messaging_message_leased",
            ),
            # Webhooks name the message by the provider's id.
            models.Index(
                fields=["provider_id"],
                condition=~Q(provider_id=""),
                name="messaging_message_by_provider",
            ),
            # The member's inbox, newest first.
            models.Index(
                fields=["member", "-id"],
                condition=Q(channel="inbox", sent_at__isnull=False),
                name="messaging_message_inbox",
            ),
            # Fatigue caps: what this member was sent lately.
            models.Index(
                fields=["member", "sent_at"],
                condition=Q(sent_at__isnull=False),
                name="messaging_message_sent_lately",
            ),
            # The results of one campaign.
            models.Index(
                fields=["source_type", "source_id"], name="messaging_message_by_cause"
            ),
        ]

    def __str__(self) -> str:
        return self.key
