"""The Official Account: is it connected, and how to connect it; the sending policy."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.urls import path, reverse
from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from django.views.decorators.http import require_POST
from unfold.decorators import action, display
from unfold.enums import ActionVariant
from unfold.widgets import UnfoldAdminPasswordWidget, UnfoldAdminTextInputWidget

from core.admin_tools import ConsoleAdmin, SingletonMixin, when
from core.errors import DomainError
from messaging.accounts import connect_official_account
from messaging.models import OfficialAccount, SendingPolicy
from messaging.zalo.client import ZaloClient
from messaging.zalo.tokens import TokenUnavailable, fresh_token

NOT_NOW = _("Zalo could not be reached. Nothing is lost; try again in a minute.")
STATE_BADGES = {"active": "success", "grant_lost": "danger", "stopped": "danger"}


class ConnectForm(forms.Form):
    """A grant of the account's administrator, pasted from Zalo's page for developers."""

    oa_id = forms.CharField(
        label=_("OA id"),
        max_length=30,
        widget=UnfoldAdminTextInputWidget(),
        help_text=_("The number of the Official Account."),
    )
    name = forms.CharField(
        label=_("Name"), max_length=80, widget=UnfoldAdminTextInputWidget(), required=False
    )
    refresh_token = forms.CharField(
        label=_("Refresh token"),
        widget=UnfoldAdminPasswordWidget(),
        help_text=_(
            "From Zalo's API explorer, given by an administrator of the account. It works "
            "once: Zalo replaces it at the first use, and we keep the new one."
        ),
    )


@admin.register(OfficialAccount)
class OfficialAccountAdmin(ConsoleAdmin):
    list_display = ("name", "oa_id", "state_badge", "renewed", "last_error")
    search_fields = ("oa_id", "name")
    readonly_fields = (
        "oa_id",
        "state_shown",
        "renewed",
        "token_until",
        "uid_held_until",
        "phone_held_until",
        "last_error",
        "daily_quota",
        "remaining_quota",
        "quality",
        "synced_at",
    )
    fieldsets = (
        (_("The account"), {"fields": ("name", "oa_id")}),
        (
            _("Connection"),
            {"fields": ("state_shown", "renewed", "token_until", "last_error")},
        ),
        (_("Pauses"), {"fields": ("uid_held_until", "phone_held_until")}),
        (
            _("As Zalo told last"),
            {"fields": (("daily_quota", "remaining_quota"), ("quality", "synced_at"))},
        ),
    )
    actions_list = ("connect",)
    actions_detail = ("reconnect", "test_connection")
    empty_title = _("No Official Account is connected")
    empty_text = _("Without one nothing goes by Zalo. Use “Connect” above.")

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    @display(description=_("State"), label=STATE_BADGES)
    def state_badge(self, account: OfficialAccount) -> tuple[str, str]:
        return account.state, account.get_state_display()

    @display(description=_("State"))
    def state_shown(self, account: OfficialAccount) -> str:
        return account.get_state_display()

    @display(description=_("Permission renewed"))
    def renewed(self, account: OfficialAccount) -> str:
        return when(account.refreshed_at)

    @display(description=_("Works until"))
    def token_until(self, account: OfficialAccount) -> str:
        return when(account.access_token_expires_at)

    # --- connecting -------------------------------------------------------------------

    @action(
        description=_("Connect"),
        icon="link",
        variant=ActionVariant.PRIMARY,
        permissions=["change"],
        url_path="connect-account",
    )
    def connect(self, request: HttpRequest) -> HttpResponse:
        return HttpResponseRedirect(reverse("admin:messaging_officialaccount_connect_form"))

    @action(
        description=_("Connect again"),
        icon="link",
        permissions=["change"],
        url_path="connect-again",
    )
    def reconnect(self, request: HttpRequest, object_id: str) -> HttpResponse:
        address = reverse("admin:messaging_officialaccount_connect_form")
        return HttpResponseRedirect(f"{address}?account={object_id}")

    @action(
        description=_("Test the connection"),
        icon="network_check",
        permissions=["change"],
        url_path="test-connection",
        attrs={"data-post": "yes"},
    )
    def test_connection(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Ask the person first: a test may renew the permission, which writes."""
        account = self.get_object(request, object_id)
        context = {
            **self.admin_site.each_context(request),
            "opts": self.opts,
            "original": account,
            "title": _("Test the connection"),
            "question": _("Ask Zalo now whether “%(name)s” may still send?")
            % {"name": account},
            "consequences": [
                _("Nothing is sent to any member."),
                _("If the permission has run out, it is renewed."),
            ],
            "action": reverse("admin:messaging_officialaccount_test_now", args=[object_id]),
            "submit": _("Test now"),
            "back": reverse("admin:messaging_officialaccount_change", args=[object_id]),
        }
        return render(request, "admin/confirm.html", context)

    def get_urls(self) -> list[Any]:
        wrap = self.admin_site.admin_view
        return [
            path(
                "connect/",
                wrap(self.connect_view),
                name="messaging_officialaccount_connect_form",
            ),
            path(
                "<int:account_id>/test/",
                wrap(require_POST(self.test_view)),
                name="messaging_officialaccount_test_now",
            ),
            *super().get_urls(),
        ]

    def connect_view(self, request: HttpRequest) -> HttpResponse:
        if not self.has_change_permission(request):
            raise PermissionDenied
        known = OfficialAccount.objects.filter(pk=request.GET.get("account") or 0).first()
        initial = {"oa_id": known.oa_id, "name": known.name} if known else {}
        form = ConnectForm(request.POST or None, initial=initial)
        if request.method == "POST" and form.is_valid():
            try:
                account = connect_official_account(**form.cleaned_data, check=True)
            except DomainError as error:
                form.add_error(None, str(error))
            except TokenUnavailable:
                form.add_error(None, NOT_NOW)
            else:
                self.log_change(request, account, "connected")
                messages.success(request, _("Connected. Messages go out from now on."))
                return _to_account(account.pk)
        context = {
            **self.admin_site.each_context(request),
            "opts": self.opts,
            "title": _("Connect the Official Account"),
            "form": form,
        }
        return render(request, "admin/messaging/officialaccount/connect.html", context)

    def test_view(self, request: HttpRequest, account_id: int) -> HttpResponse:
        if not self.has_change_permission(request):
            raise PermissionDenied
        try:
            with ZaloClient() as client:
                fresh_token(client)
        except DomainError as error:
            messages.error(request, str(error))
        except TokenUnavailable:
            messages.error(request, NOT_NOW)
        else:
            at = when(timezone.now())
            messages.success(
                request, _("Zalo answered at %(at)s: all is well.") % {"at": at}
            )
        return _to_account(account_id)


def _to_account(account_id: int) -> HttpResponse:
    return HttpResponseRedirect(
        reverse("admin:messaging_officialaccount_change", args=[account_id])
    )


@admin.register(SendingPolicy)
class SendingPolicyAdmin(SingletonMixin, ConsoleAdmin):
    fieldsets = (
        (
            _("At what hours"),
            {
                "fields": (("marketing_from", "marketing_until"), "no_offers_on_holidays"),
                "description": _(
                    "Offers that are due outside these hours wait for the next morning."
                ),
            },
        ),
        (
            _("How often"),
            {"fields": (("max_marketing_per_day", "max_marketing_per_week"),)},
        ),
        (_("SMS"), {"fields": ("sms_is_unicode",)}),
        (
            _("Test mode"),
            {
                "fields": ("test_mode", "test_addresses"),
                "description": _(
                    "Nothing reaches a customer while it is on; what is refused then is "
                    "not sent later. MESSAGES_TEST_MODE in the environment decides over "
                    "this switch."
                ),
            },
        ),
    )
