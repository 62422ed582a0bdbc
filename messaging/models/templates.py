"""Templates: our texts, and what Zalo keeps under the same number."""

from __future__ import annotations

from django.db import models
from django.utils.translation import gettext_lazy as _
from simple_history.models import HistoricalRecords

from messaging.models.channels import ZALO_CHANNELS


def zalo_channels() -> list[str]:
    """Return the channels of a template that says nothing else."""
    return list(ZALO_CHANNELS)


class MessageTemplate(models.Model):
    """A text, what goes into its places, and the channels it may take.

    Zalo sends the text as it approved it; the other channels send it as it stands here.
    """

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
        blank=True,
        default="",
        help_text=_("The number that Zalo shows beside the approved template."),
    )
    sends_by_uid = models.BooleanField(
        _("can go to followers by user id"),
        default=True,
        help_text=_("Templates approved since 10/12/2025; never one-time codes."),
    )
    channels = models.JSONField(
        _("channels"),
        default=zalo_channels,
        help_text=_("Which it may take; their turn stands under Channels."),
    )
    body = models.TextField(
        _("text"),
        help_text=_("Places are written <like_this>, just as in the approved template."),
    )
    body_en = models.TextField(
        _("text in English"),
        blank=True,
        default="",
        help_text=_("For members who chose English; Zalo sends the approved text to all."),
    )
    sms_text = models.CharField(
        _("text of the SMS"),
        max_length=500,
        blank=True,
        default="",
        help_text=_("Empty: the text above with its link. Shorter is cheaper."),
    )
    sms_text_en = models.CharField(
        _("text of the SMS in English"), max_length=500, blank=True, default=""
    )
    subject = models.CharField(
        _("subject of the e-mail"),
        max_length=120,
        blank=True,
        default="",
        help_text=_("Empty: the first line of the text."),
    )
    subject_en = models.CharField(
        _("subject in English"), max_length=120, blank=True, default=""
    )
    button_title = models.CharField(_("button"), max_length=30, blank=True, default="")
    button_title_en = models.CharField(
        _("button in English"), max_length=30, blank=True, default=""
    )
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
    value_en = models.CharField(
        _("text in English"), max_length=300, blank=True, default=""
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


class ZaloTemplate(models.Model):
    """A template as Zalo keeps it: what it allows, asks for, and costs."""

    class State(models.TextChoices):
        ENABLED = "ENABLE", _("approved")
        PENDING = "PENDING_REVIEW", _("being reviewed")
        REJECTED = "REJECT", _("rejected")
        DISABLED = "DISABLE", _("disabled by Zalo")
        DELETED = "DELETE", _("deleted")

    template_id = models.CharField(_("Zalo template id"), max_length=20, unique=True)
    name = models.CharField(_("name"), max_length=120, blank=True, default="")
    state = models.CharField(_("state"), max_length=20, choices=State)
    reason = models.CharField(_("reason"), max_length=300, blank=True, default="")
    tag = models.CharField(_("Zalo's tag"), max_length=30, blank=True, default="")
    quality = models.CharField(_("quality"), max_length=20, blank=True, default="")
    price_phone = models.PositiveIntegerField(_("price: phone (₫)"), null=True, blank=True)
    price_uid = models.PositiveIntegerField(_("price: user id (₫)"), null=True, blank=True)
    timeout_seconds = models.PositiveIntegerField(
        _("delivered within (seconds)"), null=True, blank=True
    )
    parameters = models.JSONField(_("places"), default=list, blank=True)
    preview_url = models.CharField(
        _("picture at Zalo"), max_length=300, blank=True, default=""
    )
    synced_at = models.DateTimeField(_("asked Zalo at"))

    class Meta:
        verbose_name = _("template at Zalo")
        verbose_name_plural = _("templates at Zalo")
        ordering = ["name", "template_id"]

    def __str__(self) -> str:
        return self.name or self.template_id

    @property
    def may_send(self) -> bool:
        return self.state == self.State.ENABLED
