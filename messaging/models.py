"""Messages to members: templates, the outbox, the Official Account, events from Zalo."""

from __future__ import annotations

from datetime import time

from django.db import models
from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from simple_history.models import HistoricalRecords

from members.models import Consent, Member


class Channel(models.TextChoices):
    """The ways a message can take, in the order in which they are tried."""

    ZALO_UID = Consent.Channel.ZALO_UID.value, _("Zalo Official Account")
    ZALO_PHONE = Consent.Channel.ZALO_PHONE.value, _("Zalo by phone (ZNS)")


class OfficialAccount(models.Model):
    """The brand's Zalo Official Account and its current grant.

    Application id and secrets come from the environment; the two tokens live here because
    Zalo replaces them with every refresh, and the old refresh token dies with it.
    """

    class State(models.TextChoices):
        ACTIVE = "active", _("connected")
        GRANT_LOST = "grant_lost", _("permission lost: connect again")
        STOPPED = "stopped", _("stopped by Zalo: needs a person")

    oa_id = models.CharField(_("OA id"), max_length=30, unique=True)
    name = models.CharField(_("name"), max_length=80)
    state = models.CharField(_("state"), max_length=12, choices=State, default=State.ACTIVE)
    access_token = models.TextField(_("access token"), blank=True, default="")
    refresh_token = models.TextField(_("refresh token"), blank=True, default="")
    access_token_expires_at = models.DateTimeField(
        _("access token expires at"), null=True, blank=True
    )
    refreshing_until = models.DateTimeField(
        _("being refreshed until"), null=True, blank=True
    )
    refreshed_at = models.DateTimeField(_("refreshed at"), null=True, blank=True)
    connected_with = models.CharField(
        max_length=64,
        blank=True,
        default="",
        editable=False,
        help_text="SHA-256 of the refresh token that a person gave last.",
    )
    uid_held_until = models.DateTimeField(
        _("by user id: wait until"),
        null=True,
        blank=True,
        help_text=_("Zalo's quota is used up; sending goes on by itself afterwards."),
    )
    phone_held_until = models.DateTimeField(
        _("by phone: wait until"),
        null=True,
        blank=True,
        help_text=_("Zalo's quota is used up; sending goes on by itself afterwards."),
    )
    last_error = models.CharField(_("last error"), max_length=300, blank=True, default="")

    class Meta:
        verbose_name = _("Official Account")
        verbose_name_plural = _("Official Accounts")

    def __str__(self) -> str:
        return self.name


class SendingPolicy(models.Model):
    """The legal gate: when and how often the brand may speak. One row."""

    SINGLETON_ID = 1

    marketing_from = models.TimeField(
        _("offers from"),
        default=time(8),
        help_text=_("Local time. The law allows 07:00 to 22:00."),
    )
    marketing_until = models.TimeField(_("offers until"), default=time(21))
    max_marketing_per_day = models.PositiveSmallIntegerField(
        _("offers per member in 24 hours"),
        default=1,
        help_text=_("Over all channels. The law allows three."),
    )
    max_marketing_per_week = models.PositiveSmallIntegerField(
        _("offers per member in 7 days"), default=3
    )

    class Meta:
        verbose_name = _("sending policy")
        verbose_name_plural = _("sending policy")
        constraints = [
            models.CheckConstraint(
                condition=Q(id=1), name="messaging_sendingpolicy_is_single"
            ),
            models.CheckConstraint(
                condition=Q(marketing_until__gt=models.F("marketing_from")),
                name="messaging_sendingpolicy_until_after_from",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.marketing_from:%H:%M}–{self.marketing_until:%H:%M}"

    @classmethod
    def current(cls) -> SendingPolicy:
        """Return the policy in force. One query."""
        return cls.objects.get_or_create(pk=cls.SINGLETON_ID)[0]


class MessageTemplate(models.Model):
    """A text approved by Zalo, and what goes into its places."""

    class Purpose(models.TextChoices):
        MARKETING = "marketing", _("offer or news (needs consent)")
        CARE = "care", _("customer care")
        ONE_TIME_CODE = "code", _("one-time code")

    code = models.SlugField(_("code"), max_length=40, unique=True)
    name = models.CharField(_("name"), max_length=80)
    purpose = models.CharField(
        _("purpose"), max_length=10, choices=Purpose, default=Purpose.MARKETING
    )
    zalo_template_id = models.CharField(
        _("Zalo template id"),
        max_length=20,
        help_text=_("The number that Zalo shows beside the approved template."),
    )
    sends_by_uid = models.BooleanField(
        _("can go to followers by user id"),
        default=True,
        help_text=_("Templates approved since 10/12/2025; never one-time codes."),
    )
    body = models.TextField(
        _("text as approved"),
        help_text=_("Places are written <like_this>, just as in the approved template."),
    )
    button_title = models.CharField(_("button"), max_length=30, blank=True, default="")
    button_parameter = models.CharField(
        _("place that holds the button's link"), max_length=40, blank=True, default=""
    )
    is_active = models.BooleanField(
        _("active"),
        default=True,
        help_text=_("While it is off, its messages wait; they go out when it is on again."),
    )
    last_error = models.CharField(
        _("why Zalo refused it"), max_length=300, blank=True, default=""
    )

    history = HistoricalRecords()

    class Meta:
        verbose_name = _("message template")
        verbose_name_plural = _("message templates")
        ordering = ["name"]

    def __str__(self) -> str:
        return self.name


class TemplateParameter(models.Model):
    """What goes into one place of a template: text with fields of the member."""

    template = models.ForeignKey(
        MessageTemplate,
        on_delete=models.CASCADE,
        related_name="parameters",
        verbose_name=_("template"),
    )
    name = models.SlugField(_("place"), max_length=40)
    value = models.CharField(
        _("text"),
        max_length=300,
        help_text=_("Example: {{ name }} or {{ points }} điểm."),
    )
    max_length = models.PositiveSmallIntegerField(
        _("longest text"), default=30, help_text=_("As registered with Zalo.")
    )

    class Meta:
        verbose_name = _("place in a template")
        verbose_name_plural = _("places in a template")
        ordering = ["pk"]
        constraints = [
            models.UniqueConstraint(
                fields=["template", "name"],
                name="messaging_templateparameter_once_per_name",
            )
        ]

    def __str__(self) -> str:
        return self.name


class Message(models.Model):
    """One message to one member: a row first, a request afterwards."""

    class State(models.TextChoices):
        PENDING = "pending", _("waiting")
        SENDING = "sending", _("being sent")
        SENT = "sent", _("accepted by Zalo")
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
        unique=True,
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
    error_code = models.IntegerField(_("Zalo's error"), null=True, blank=True)
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
        _("Zalo's message id"), max_length=60, blank=True, default=""
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
        verbose_name = _("event from Zalo")
        verbose_name_plural = _("events from Zalo")
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
