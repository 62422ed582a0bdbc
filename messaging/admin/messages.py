"""The outbox: every message, what became of it, and why."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.db.models import Q, QuerySet
from django.http import HttpRequest
from django.template.loader import render_to_string
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _
from unfold.decorators import display

from campaigns.models import Campaign
from core.admin_tools import (
    NOTHING,
    BigTableMixin,
    ConsoleAdmin,
    ReadOnlyMixin,
    link,
    two_lines,
    when,
)
from core.phones import mask_phone
from members.admin import member_ids_for_search
from messaging.admin.channel_names import CHANNEL_NAMES, dong
from messaging.admin.phone import phone_of_message
from messaging.models import Message, WebhookEvent
from messaging.reasons import reason_label

STATE_BADGES = {
    "pending": "info",
    "sending": "info",
    "sent": "primary",
    "delivered": "success",
    "seen": "success",
    "failed": "danger",
    "unknown": "warning",
    "refused": "warning",
    "expired": "warning",
    "cancelled": "warning",
}


def masked(address: str) -> str:
    """Show only the ends of an address: enough to recognise, too little to copy."""
    if not address:
        return NOTHING
    if address.startswith("+"):
        return mask_phone(address)
    if "@" in address:
        name, _at, host = address.partition("@")
        return f"{name[:2]}…@{host}"
    return f"{address[:3]}…{address[-3:]}" if len(address) > 8 else "•••"


@admin.register(Message)
class MessageAdmin(ReadOnlyMixin, BigTableMixin, ConsoleAdmin):
    list_display = ("whom_and_what", "channel_badge", "state_badge", "why", "moment")
    list_filter = ("state", "channel", "template")
    list_select_related = ("member", "template")
    search_fields = ("key",)
    search_help_text = _("A member's phone, code or name")
    ordering = ("-id",)
    readonly_fields = ("who", "picture", "why", "cause", "masked_address", "price")
    fieldsets = (
        (_("What became of it"), {"fields": ("state", "why", "picture")}),
        (
            _("To whom, and how"),
            {"fields": ("who", "channel", "masked_address", "template", "cause", "price")},
        ),
        (
            _("When"),
            {
                "fields": (
                    ("planned_at", "due_at"),
                    ("sent_at", "delivered_at"),
                    ("seen_at", "clicked_at"),
                    "expires_at",
                )
            },
        ),
        (
            _("For support"),
            {
                "fields": ("key", "provider_id", "error_code", "attempts", "fallback_of"),
                "classes": ("collapse",),
            },
        ),
    )
    empty_title = _("No messages yet")
    empty_text = _("Campaigns put them here; start one to see the first.")

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Message], search_term: str
    ) -> tuple[QuerySet[Message], bool]:
        term = search_term.strip()
        if not term:
            return queryset, False
        found = Q(member_id__in=member_ids_for_search(term)) | Q(key=term)
        return queryset.filter(found), False

    def lookup_allowed(self, lookup: str, value: Any, request: Any = None) -> bool:
        # The result numbers of a campaign lead to its messages.
        return lookup in ("source_type", "source_id") or super().lookup_allowed(
            lookup, value, request
        )

    def page_title(self, obj: Message) -> str:
        return f"{obj.template} · {obj.member or masked(obj.address)}"

    @display(description=_("Member"))
    def who(self, message: Message) -> str:
        return link(message.member)

    @display(description=_("Message"))
    def whom_and_what(self, message: Message) -> str:
        whom = message.member or masked(message.address)
        return two_lines(whom, message.template)

    @display(description=_("Channel"), label=True)
    def channel_badge(self, message: Message) -> str:
        return str(CHANNEL_NAMES.get(message.channel, message.channel))

    @display(description=_("State"), label=STATE_BADGES, ordering="state")
    def state_badge(self, message: Message) -> tuple[str, str]:
        return message.state, message.get_state_display()

    @display(description=_("Why"))
    def why(self, message: Message) -> str:
        return reason_label(message.reason) if message.reason else NOTHING

    @display(description=_("When"))
    def moment(self, message: Message) -> str:
        return when(message.sent_at or message.due_at)

    @display(description=_("Sent to"))
    def masked_address(self, message: Message) -> str:
        return masked(message.address)

    @display(description=_("Cost"))
    def price(self, message: Message) -> str:
        return dong(message.cost) if message.cost else NOTHING

    @display(description=_("As it was sent"))
    def picture(self, message: Message) -> str:
        phone = phone_of_message(message)
        if phone is None:
            return NOTHING
        return render_to_string("admin/messaging/_phone.html", {"phone": phone})

    @display(description=_("Cause"))
    def cause(self, message: Message) -> str:
        if message.source_type != "campaign":
            return message.source_type or NOTHING
        return link(Campaign.objects.filter(pk=message.source_id or 0).first())


@admin.register(WebhookEvent)
class WebhookEventAdmin(ReadOnlyMixin, BigTableMixin, ConsoleAdmin):
    list_display = ("event_name", "received", "state_badge", "num_attempts", "error")
    list_filter = ("event_name",)
    search_fields = ("event_key",)
    ordering = ("-id",)
    fields = (
        "event_name",
        "received_at",
        "processed_at",
        "attempts",
        "error",
        "payload",
        "event_key",
    )
    empty_title = _("No provider has told us anything yet")
    empty_text = _("Deliveries, follows and unfollows arrive here by webhook.")

    @display(description=_("Received"))
    def received(self, event: WebhookEvent) -> str:
        return when(event.received_at)

    @display(
        description=_("State"),
        label={"done": "success", "open": "info", "failed": "danger"},
    )
    def state_badge(self, event: WebhookEvent) -> tuple[str, str | Promise]:
        if event.error:
            return "failed", _("failed")
        return ("done", _("worked off")) if event.processed_at else ("open", _("waiting"))

    @display(description=_("Attempts"))
    def num_attempts(self, event: WebhookEvent) -> int:
        return event.attempts
