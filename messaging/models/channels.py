"""The channels, the account that speaks on Zalo, and when the brand may speak."""

from __future__ import annotations

from datetime import time

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from members.models import Consent


class Channel(models.TextChoices):
    """The ways a message can take, in the order in which they are tried."""

    ZALO_UID = Consent.Channel.ZALO_UID.value, _("Zalo Official Account")
    ZALO_PHONE = Consent.Channel.ZALO_PHONE.value, _("Zalo by phone (ZNS)")
    SMS = Consent.Channel.SMS.value, _("SMS")
    EMAIL = Consent.Channel.EMAIL.value, _("e-mail")
    INBOX = Consent.Channel.INBOX.value, _("inbox on the member page")


ZALO_CHANNELS = (Channel.ZALO_UID.value, Channel.ZALO_PHONE.value)


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
    daily_quota = models.PositiveIntegerField(_("messages a day"), null=True, blank=True)
    remaining_quota = models.PositiveIntegerField(_("left today"), null=True, blank=True)
    quality = models.CharField(_("quality"), max_length=20, blank=True, default="")
    synced_at = models.DateTimeField(_("asked Zalo at"), null=True, blank=True)

    class Meta:
        verbose_name = _("Official Account")
        verbose_name_plural = _("Official Accounts")

    def __str__(self) -> str:
        return self.name


class SendingChannel(models.Model):
    """A channel as the brand uses it: its turn, what a message costs, how fast it may go.

    The window counts what all relays together have taken in one minute.
    """

    channel = models.CharField(_("channel"), max_length=10, choices=Channel, unique=True)
    position = models.PositiveSmallIntegerField(
        _("turn"), help_text=_("The first channel that reaches a member is taken.")
    )
    is_on = models.BooleanField(_("in use"), default=False)
    price = models.PositiveIntegerField(
        _("price of a message (₫)"),
        default=0,
        help_text=_("An SMS: of each part. Zalo's own price of a template comes first."),
    )
    per_minute = models.PositiveIntegerField(
        _("messages a minute"), default=0, help_text=_("0: as fast as it goes.")
    )
    held_until = models.DateTimeField(_("waits until"), null=True, blank=True)
    stopped_because = models.CharField(
        _("stopped because"), max_length=300, blank=True, default=""
    )
    window_from = models.DateTimeField(null=True, blank=True, editable=False)
    window_used = models.PositiveIntegerField(default=0, editable=False)

    class Meta:
        verbose_name = _("sending channel")
        verbose_name_plural = _("sending channels")
        ordering = ["position", "pk"]
        constraints = [
            models.CheckConstraint(
                condition=Q(
                    channel__in=["zalo_uid", "zalo_phone", "sms", "email", "inbox"]
                ),
                name="messaging_sendingchannel_is_known",
            )
        ]

    def __str__(self) -> str:
        return str(self.get_channel_display())


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
    no_offers_on_holidays = models.BooleanField(
        _("no offers on public holidays"),
        default=False,
        help_text=_("They wait for the next day that is none."),
    )
    sms_is_unicode = models.BooleanField(
        _("SMS with Vietnamese accents"),
        default=False,
        help_text=_("A part then holds 70 letters instead of 160."),
    )
    test_mode = models.BooleanField(
        _("test mode"),
        default=False,
        help_text=_("Only the addresses below get messages; everything else is refused."),
    )
    test_addresses = models.TextField(
        _("addresses that get messages in test mode"),
        blank=True,
        default="",
        help_text=_("Phones, e-mail addresses or Zalo user ids, one on each line."),
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
