"""The log: everything that was told to whom, what they answered, and sending again."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import get_object_or_404
from django.urls import path, reverse
from django.utils import timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext
from django.views.decorators.http import require_POST
from unfold.decorators import action, display

from core.admin_tools import (
    NOTHING,
    BigTableMixin,
    ConsoleAdmin,
    ReadOnlyMixin,
    link,
    two_lines,
    when,
)
from core.errors import DomainError
from webhooks.admin.kinds import kind_names
from webhooks.models import WebhookDelivery
from webhooks.services import send_again

BADGES = {
    "pending": "info",
    "sending": "info",
    "delivered": "success",
    "given_up": "danger",
    "cancelled": "warning",
}


class KindFilter(admin.SimpleListFilter):
    title = _("Event")
    parameter_name = "kind"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [(code, str(name)) for code, name in kind_names().items()]

    def queryset(
        self, request: HttpRequest, queryset: QuerySet[WebhookDelivery]
    ) -> QuerySet[WebhookDelivery]:
        return queryset.filter(kind=self.value()) if self.value() else queryset


@admin.register(WebhookDelivery)
class WebhookDeliveryAdmin(ReadOnlyMixin, BigTableMixin, ConsoleAdmin):
    list_display = ("what", "state_badge", "num_attempts", "last_answer", "moment")
    list_filter = ("state", "endpoint", KindFilter)
    list_select_related = ("endpoint",)
    search_fields = ("message_id",)
    search_help_text = _("The webhook-id")
    ordering = ("-id",)
    actions = ("send_selected_again",)
    readonly_fields = ("whom", "kind_shown", "content", "why", "answered", "next_try")
    fieldsets = (
        (_("What became of it"), {"fields": (("state", "attempts"), "why", "next_try")}),
        (_("What was told to whom"), {"fields": ("whom", "kind_shown", "content")}),
        (_("The last answer"), {"fields": ("last_status", "answered")}),
        (
            _("For support"),
            {"fields": ("message_id", ("created_at", "ended_at"))},
        ),
    )
    change_form_outer_before_template = "admin/webhooks/webhookdelivery/_again.html"
    empty_title = _("Nothing was told yet")
    empty_text = _(
        "What happens to members and some webhook wants to hear shows up here, with the "
        "receiver's answer."
    )

    def get_queryset(self, request: HttpRequest) -> QuerySet[WebhookDelivery]:
        # Read once for the whole list: some come from tables that staff fill.
        self._names = kind_names()
        return super().get_queryset(request)

    def page_title(self, obj: WebhookDelivery) -> str:
        return f"{self._name(obj)} · {obj.endpoint}"

    def _name(self, delivery: WebhookDelivery) -> str:
        return str(self._names.get(delivery.kind, delivery.kind))

    # --- the list -----------------------------------------------------------------------

    @display(description=_("Event"))
    def what(self, delivery: WebhookDelivery) -> SafeString:
        return two_lines(self._name(delivery), delivery.endpoint)

    @display(description=_("State"), label=BADGES, ordering="state")
    def state_badge(self, delivery: WebhookDelivery) -> tuple[str, str]:
        return delivery.state, delivery.get_state_display()

    @display(description=_("Attempts"))
    def num_attempts(self, delivery: WebhookDelivery) -> int:
        return delivery.attempts

    @display(description=_("Last answer"))
    def last_answer(self, delivery: WebhookDelivery) -> str:
        if delivery.last_status is not None:
            return str(delivery.last_status)
        return self.why(delivery)

    @display(description=_("When"))
    def moment(self, delivery: WebhookDelivery) -> str:
        return when(delivery.ended_at or delivery.created_at)

    # --- the page -----------------------------------------------------------------------

    @display(description=_("Webhook"))
    def whom(self, delivery: WebhookDelivery) -> str:
        return link(delivery.endpoint)

    @display(description=_("Event"))
    def kind_shown(self, delivery: WebhookDelivery) -> SafeString:
        return format_html("{} <code>{}</code>", self._name(delivery), delivery.kind)

    @display(description=_("Content"))
    def content(self, delivery: WebhookDelivery) -> SafeString:
        text = json.dumps(json.loads(delivery.payload), ensure_ascii=False, indent=2)
        return format_html('<pre class="console-code">{}</pre>', text)

    @display(description=_("Answer"))
    def answered(self, delivery: WebhookDelivery) -> SafeString | str:
        if not delivery.answer:
            return NOTHING
        return format_html('<pre class="console-code">{}</pre>', delivery.answer)

    @display(description=_("Why"))
    def why(self, delivery: WebhookDelivery) -> str:
        return delivery.get_last_problem_display() or NOTHING

    @display(description=_("Next attempt"))
    def next_try(self, delivery: WebhookDelivery) -> str:
        is_waiting = delivery.state == WebhookDelivery.State.PENDING
        return when(delivery.due_at) if is_waiting else NOTHING

    def changeform_view(
        self,
        request: HttpRequest,
        object_id: str | None = None,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> HttpResponse:
        context = dict(extra_context or {})
        if object_id and object_id.isdecimal() and self.has_send_permission(request):
            rows = WebhookDelivery.objects.filter(pk=object_id)
            context["may_send_again"] = rows.filter(state__in=WebhookDelivery.ENDED).first()
        return super().changeform_view(request, object_id, form_url, context)

    # --- sending again ------------------------------------------------------------------

    def has_send_permission(self, request: HttpRequest) -> bool:
        return bool(request.user.has_perm("webhooks.change_webhookendpoint"))

    @action(description=_("Send again"), permissions=["send"])
    def send_selected_again(
        self, request: HttpRequest, queryset: QuerySet[WebhookDelivery]
    ) -> None:
        sent = 0
        for error in _send_each(queryset):
            if error is None:
                sent += 1
            else:
                messages.error(request, str(error.message))
        text = ngettext(
            "%(count)s delivery is sent again.",
            "%(count)s deliveries are sent again.",
            sent,
        )
        if sent:
            messages.success(request, text % {"count": sent})

    def get_urls(self) -> list[Any]:
        again = path(
            "<int:delivery_id>/again/",
            self.admin_site.admin_view(require_POST(self.again_view)),
            name="webhooks_webhookdelivery_again",
        )
        return [again, *super().get_urls()]

    def again_view(self, request: HttpRequest, delivery_id: int) -> HttpResponse:
        if not self.has_send_permission(request):
            raise PermissionDenied
        rows = WebhookDelivery.objects.select_related("endpoint")
        delivery = get_object_or_404(rows, pk=delivery_id)
        try:
            send_again(delivery, at=timezone.now())
        except DomainError as error:
            messages.error(request, str(error.message))
        else:
            messages.success(request, _("It is sent again within seconds."))
        address = reverse("admin:webhooks_webhookdelivery_change", args=[delivery.pk])
        return HttpResponseRedirect(address)


def _send_each(queryset: QuerySet[WebhookDelivery]) -> Iterator[DomainError | None]:
    for delivery in queryset.select_related("endpoint"):
        try:
            send_again(delivery, at=timezone.now())
        except DomainError as error:
            yield error
        else:
            yield None
