"""Webhooks: who is told, whether they listen, how they verify, and trying it."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db.models import Count, OuterRef, QuerySet, Subquery
from django.db.models.functions import Coalesce
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import get_object_or_404, render
from django.urls import path, reverse
from django.utils import timezone
from django.utils.functional import Promise
from django.utils.html import format_html
from django.utils.translation import gettext_lazy as _
from django.views.decorators.http import require_POST
from simple_history.admin import SimpleHistoryAdmin
from unfold.decorators import display

from core.admin_tools import (
    NOTHING,
    ConsoleAdmin,
    link,
    list_address,
    number,
    two_lines,
    when,
)
from core.errors import DomainError
from core.form_fields import ChoicesField
from webhooks.addresses import check_address
from webhooks.admin.kinds import grouped_kinds
from webhooks.models import WebhookDelivery, WebhookEndpoint
from webhooks.services import rotate_secret, save_endpoint, send_test

State = WebhookDelivery.State
SEE_SECRET = "webhooks.see_webhook_secret"
BADGES = {"on": "success", "failing": "warning", "off": "info", "stopped": "danger"}


class WebhookEndpointForm(forms.ModelForm):
    # Why the address may not be used; found before the transaction of the page begins.
    refusal = ""

    kinds = ChoicesField(
        label=_("Tell it when a member…"),
        required=True,
        error_messages={"required": _("Choose at least one thing that it hears.")},
    )

    class Meta:
        model = WebhookEndpoint
        fields = ("name", "address", "kinds", "is_on")

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        if "kinds" in self.fields:
            self.fields["kinds"].choices = grouped_kinds(  # type: ignore[attr-defined]
                chosen=self.instance.kinds
            )

    def clean_address(self) -> str:
        if self.refusal:
            raise forms.ValidationError(self.refusal)
        return str(self.cleaned_data["address"])


@admin.register(WebhookEndpoint)
class WebhookEndpointAdmin(SimpleHistoryAdmin, ConsoleAdmin):
    form = WebhookEndpointForm
    list_display = (
        "what",
        "state_badge",
        "last_success",
        "last_failure",
        "num_waiting",
    )
    search_fields = ("name", "address")
    readonly_fields = ("last_success", "last_failure", "stopped")
    fieldsets = (
        (_("Who is told"), {"fields": ("name", "address", "is_on")}),
        (_("What it hears"), {"fields": ("kinds",)}),
    )
    health = (
        _("How it goes"),
        {"fields": (("last_success", "last_failure"), "stopped")},
    )
    change_form_outer_after_template = "admin/webhooks/webhookendpoint/_aside.html"
    empty_title = _("Nobody is told yet")
    empty_text = _(
        "A webhook tells your CRM, web shop or ERP within seconds what happens to members: "
        "purchases, joining, tiers, activities. Add the first with its https address."
    )

    def get_queryset(self, request: HttpRequest) -> QuerySet[WebhookEndpoint]:
        waiting = (
            WebhookDelivery.objects.filter(
                endpoint=OuterRef("pk"), state__in=(State.PENDING, State.SENDING)
            )
            .order_by()
            .values("endpoint")
            .annotate(number=Count("pk"))
            .values("number")
        )
        rows = super().get_queryset(request)
        return rows.annotate(waiting=Coalesce(Subquery(waiting), 0))

    def get_fieldsets(self, request: HttpRequest, obj: Any = None) -> Any:
        return (*self.fieldsets, self.health) if obj else self.fieldsets

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        # While it is on, sales write for it; its log tells what was sent to whom.
        is_used = obj is not None and (obj.is_on or obj.deliveries.exists())
        return super().has_delete_permission(request, obj) and not is_used

    # --- the list -----------------------------------------------------------------------

    @display(description=_("Webhook"), ordering="name")
    def what(self, endpoint: WebhookEndpoint) -> str:
        return two_lines(endpoint.name, endpoint.address)

    @display(description=_("State"), label=BADGES)
    def state_badge(self, endpoint: WebhookEndpoint) -> tuple[str, str | Promise]:
        if endpoint.stopped_because:
            return "stopped", _("switched off by itself")
        if not endpoint.is_on:
            return "off", _("switched off")
        if endpoint.failing_since:
            return "failing", _("not accepted at present")
        return "on", _("in use")

    @display(description=_("Last success"), ordering="last_success_at")
    def last_success(self, endpoint: WebhookEndpoint) -> str:
        return when(endpoint.last_success_at)

    @display(description=_("Last failure"), ordering="last_failure_at")
    def last_failure(self, endpoint: WebhookEndpoint) -> str:
        return when(endpoint.last_failure_at)

    @display(description=_("Waiting"))
    def num_waiting(self, endpoint: Any) -> str:
        return number(endpoint.waiting)

    @display(description=_("Switched off by itself"))
    def stopped(self, endpoint: WebhookEndpoint) -> str:
        if not endpoint.stopped_because:
            return NOTHING
        return two_lines(endpoint.get_stopped_because_display(), when(endpoint.stopped_at))

    # --- the form -----------------------------------------------------------------------

    def changeform_view(
        self,
        request: HttpRequest,
        object_id: str | None = None,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> HttpResponse:
        # Finding a server can take seconds; no transaction may be open meanwhile.
        may_save = self.has_add_permission(request) or self.has_change_permission(request)
        refusal = _refusal(request) if may_save else ""
        request.webhook_refusal = refusal  # type: ignore[attr-defined]
        context = dict(extra_context or {})
        if object_id and object_id.isdecimal():
            context |= self._aside(request, int(object_id))
        return super().changeform_view(request, object_id, form_url, context)

    def get_form(
        self, request: HttpRequest, obj: Any = None, change: bool = False, **kwargs: Any
    ) -> Any:
        form = super().get_form(request, obj, change, **kwargs)
        form.refusal = getattr(request, "webhook_refusal", "")
        return form

    def save_model(
        self, request: HttpRequest, obj: WebhookEndpoint, form: Any, change: bool
    ) -> None:
        save_endpoint(obj, at=timezone.now())

    def response_add(
        self, request: HttpRequest, obj: Any, post_url_continue: str | None = None
    ) -> HttpResponse:
        text = _("“%(name)s” is saved. Hand its secret to the receiver and send a test.")
        messages.success(request, text % {"name": obj.name})
        return _to(obj)

    def _aside(self, request: HttpRequest, endpoint_id: int) -> dict[str, Any]:
        endpoint = WebhookEndpoint.objects.filter(pk=endpoint_id).first()
        if endpoint is None or not self.has_view_permission(request, endpoint):
            return {}
        now = timezone.now()
        sees_secret = request.user.has_perm(SEE_SECRET)
        active = endpoint.secrets_at(now)
        return {
            "webhook": endpoint,
            "webhook_log": list_address(WebhookDelivery, endpoint__id__exact=endpoint_id),
            "webhook_secret": active[0] if sees_secret else "",
            "webhook_old_until": (
                when(endpoint.previous_secret_until) if len(active) > 1 else ""
            ),
            "may_rotate": sees_secret and self.has_change_permission(request, endpoint),
            "may_test": self.has_change_permission(request, endpoint),
        }

    # --- trying and rotating --------------------------------------------------------------

    def get_urls(self) -> list[Any]:
        wrap = self.admin_site.admin_view
        return [
            path(
                "<int:endpoint_id>/test/",
                wrap(require_POST(self.test_view)),
                name="webhooks_webhookendpoint_test",
            ),
            path(
                "<int:endpoint_id>/new-secret/",
                wrap(self.rotate_view),
                name="webhooks_webhookendpoint_rotate",
            ),
            *super().get_urls(),
        ]

    def test_view(self, request: HttpRequest, endpoint_id: int) -> HttpResponse:
        endpoint = get_object_or_404(WebhookEndpoint, pk=endpoint_id)
        if not self.has_change_permission(request, endpoint):
            raise PermissionDenied
        sent = send_test(endpoint, at=timezone.now())
        told = messages.success if sent.state == State.DELIVERED else messages.error
        log = link(sent, str(_("See what was sent and answered")))
        told(request, format_html("{} {}", _outcome(sent), log))
        return _to(endpoint)

    def rotate_view(self, request: HttpRequest, endpoint_id: int) -> HttpResponse:
        endpoint = get_object_or_404(WebhookEndpoint, pk=endpoint_id)
        may_rotate = request.user.has_perm(SEE_SECRET)
        if not (may_rotate and self.has_change_permission(request, endpoint)):
            raise PermissionDenied
        if request.method == "POST":
            rotate_secret(endpoint, at=timezone.now())
            self.log_change(request, endpoint, "New signing secret.")
            text = _("Requests carry both signatures until tomorrow at this time.")
            messages.success(request, text)
            return _to(endpoint)
        context = {
            **self.admin_site.each_context(request),
            "opts": self.opts,
            "original": endpoint,
            "title": _("New secret"),
            "question": _("Make a new secret for “%(name)s”?") % {"name": endpoint.name},
            "consequences": [
                _("For 24 hours every request is signed with the old and the new secret."),
                _("Then the old one stops: hand the new one to the receiver before."),
                _("An even older secret stops at once."),
            ],
            "submit": _("Make a new secret"),
            "back": _address(endpoint),
            "media": self.media,
        }
        return render(request, "admin/confirm.html", context)


def _refusal(request: HttpRequest) -> str:
    address = request.POST.get("address", "").strip()
    if request.method != "POST" or not address:
        return ""
    try:
        check_address(address)
    except DomainError as error:
        return str(error.message)
    return ""


def _outcome(sent: WebhookDelivery) -> str:
    if sent.state == State.DELIVERED:
        return _("The test was accepted with status %(status)s.") % {
            "status": sent.last_status
        }
    problem = sent.get_last_problem_display()
    if sent.last_status is None:
        return _("The test was not delivered: %(problem)s") % {"problem": problem}
    return _("The test came back with status %(status)s: %(problem)s") % {
        "status": sent.last_status,
        "problem": problem,
    }


def _address(endpoint: WebhookEndpoint) -> str:
    return reverse("admin:webhooks_webhookendpoint_change", args=[endpoint.pk])


def _to(endpoint: WebhookEndpoint) -> HttpResponse:
    return HttpResponseRedirect(_address(endpoint))
