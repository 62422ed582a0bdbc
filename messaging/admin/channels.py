"""The brand's channels: their turn, their price, and whether they may send."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib import admin
from django.http import HttpRequest, HttpResponse
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _
from unfold.decorators import display
from unfold.widgets import UnfoldBooleanWidget

from core.admin_tools import NOTHING, ConsoleAdmin, number, when
from messaging.admin.channel_names import dong
from messaging.cascade import current_ways, is_configured
from messaging.models import ZALO_CHANNELS, Channel, OfficialAccount, SendingChannel

HINTS = {
    Channel.SMS.value: _("Set SMS_API_KEY and SMS_BRANDNAME in the environment first."),
    Channel.EMAIL.value: _("Set EMAIL_URL in the environment first."),
}


class ChannelForm(forms.ModelForm):
    starts_again = forms.BooleanField(
        label=_("The cause is put right: send again"),
        required=False,
        widget=UnfoldBooleanWidget,
    )

    class Meta:
        model = SendingChannel
        fields = ("position", "is_on", "price", "per_minute")

    def save(self, commit: bool = True) -> Any:
        if self.cleaned_data.get("starts_again"):
            self.instance.stopped_because = ""
            self.instance.held_until = None
        return super().save(commit)


@admin.register(SendingChannel)
class SendingChannelAdmin(ConsoleAdmin):
    form = ChannelForm
    list_display = ("turn", "name", "state_badge", "price_shown", "speed", "why")
    list_display_links = ("name",)
    readonly_fields = ("channel", "why", "pause")
    fieldsets = (
        (None, {"fields": ("channel", ("is_on", "position"))}),
        (_("What it costs, and how fast"), {"fields": (("price", "per_minute"),)}),
        (_("State"), {"fields": ("why", "pause", "starts_again")}),
    )

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def changelist_view(
        self, request: HttpRequest, extra_context: Any = None
    ) -> HttpResponse:
        current_ways()  # makes the rows at the first visit
        return super().changelist_view(request, extra_context)

    @display(description=_("Turn"), ordering="position")
    def turn(self, row: SendingChannel) -> str:
        return number(row.position)

    @display(description=_("Channel"))
    def name(self, row: SendingChannel) -> str:
        return str(row)

    @display(
        description=_("State"),
        label={"on": "success", "off": "info", "stopped": "danger", "unset": "warning"},
    )
    def state_badge(self, row: SendingChannel) -> tuple[str, str | Promise]:
        if row.stopped_because:
            return "stopped", _("stopped")
        if not row.is_on:
            return "off", _("not in use")
        if _hint(row):
            return "unset", _("not set up")
        return "on", _("in use")

    @display(description=_("Price"))
    def price_shown(self, row: SendingChannel) -> str:
        return dong(row.price)

    @display(description=_("A minute"))
    def speed(self, row: SendingChannel) -> str:
        return number(row.per_minute) if row.per_minute else str(_("no limit"))

    @display(description=_("Note"))
    def why(self, row: SendingChannel) -> str:
        return row.stopped_because or str(_hint(row) or NOTHING)

    @display(description=_("Waits until"))
    def pause(self, row: SendingChannel) -> str:
        return when(row.held_until)


def _hint(row: SendingChannel) -> str | Promise:
    """Say what is missing before a channel can send."""
    if row.channel in ZALO_CHANNELS:
        has_account = OfficialAccount.objects.exists()
        return "" if has_account else _("No Official Account is connected.")
    return "" if is_configured(row.channel) else HINTS.get(row.channel, "")
