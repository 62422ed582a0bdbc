"""Wallets and earn rules: each rule says itself in one sentence while it is written."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from django import forms
from django.contrib import admin
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.urls import path
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _
from django.views.decorators.http import require_POST
from simple_history.admin import SimpleHistoryAdmin
from unfold.decorators import display

from core.admin_tools import ConsoleAdmin, when
from core.models import Programme
from points.models import EarnRule, Wallet
from points.queries import points_wallet
from points.rules import describe_rule, save_rule, save_wallet

ON_BADGES = {"on": "success", "off": "warning"}


class PlainDecimalField(forms.DecimalField):
    """Writes 10000 for 10000.00: dong have no cents, and nobody types the zeros."""

    def prepare_value(self, value: Any) -> Any:
        if isinstance(value, Decimal):
            return f"{value.normalize():f}"
        return value


@admin.register(Wallet)
class WalletAdmin(SimpleHistoryAdmin, ConsoleAdmin):
    list_display = ("name", "code", "unit_name", "expiry", "state_badge")
    search_fields = ("code", "name")
    fieldsets = (
        (_("What members collect"), {"fields": ("name", "unit_name", "code")}),
        (_("Rules of this wallet"), {"fields": ("expiry_months", "allows_debt")}),
        (None, {"fields": ("is_active",)}),
    )
    empty_title = _("No wallets yet")
    empty_text = _("A wallet is a kind of value that members collect, such as points.")

    @display(description=_("Points expire"))
    def expiry(self, wallet: Wallet) -> str:
        if wallet.expiry_months is None:
            return str(_("never"))
        return str(_("after %(months)s months")) % {"months": wallet.expiry_months}

    @display(description=_("State"), label=ON_BADGES, ordering="is_active")
    def state_badge(self, wallet: Wallet) -> tuple[str, str | Promise]:
        return ("on", _("active")) if wallet.is_active else ("off", _("off"))

    def save_model(
        self, request: HttpRequest, obj: Wallet, form: Any, change: bool
    ) -> None:
        save_wallet(obj)

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


@admin.register(EarnRule)
class EarnRuleAdmin(SimpleHistoryAdmin, ConsoleAdmin):
    list_display = ("name", "sentence", "validity", "num_version", "state_badge")
    list_filter = ("is_active",)
    list_select_related = ("wallet",)
    search_fields = ("code", "name")
    fieldsets = (
        (
            _("How many points"),
            {"fields": (("points", "amount"), "rounding", "minimum_total")},
        ),
        (
            _("When it holds"),
            {
                "fields": ("is_active", "starts_at", "ends_at"),
                "description": _(
                    "A change counts for orders recorded from now on; points already "
                    "given stay as they are."
                ),
            },
        ),
        (_("What it is called"), {"fields": ("name", "code", "wallet")}),
    )
    history_list_display = ("version",)
    change_form_before_template = "admin/points/earnrule/_sentence.html"
    empty_title = _("No earn rules yet")
    empty_text = _("Without a rule no order gives points. Add the first one.")

    class Media:
        js = ("js/admin/earnrule.js",)

    def formfield_for_dbfield(
        self, db_field: Any, request: HttpRequest, **kwargs: Any
    ) -> Any:
        if db_field.name in ("amount", "minimum_total"):
            kwargs["form_class"] = PlainDecimalField
        return super().formfield_for_dbfield(db_field, request, **kwargs)

    def get_changelist_instance(self, request: HttpRequest) -> Any:
        self.programme = Programme.current()
        return super().get_changelist_instance(request)

    def get_changeform_initial_data(self, request: HttpRequest) -> dict[str, Any]:
        initial: dict[str, Any] = super().get_changeform_initial_data(request)
        wallet = points_wallet()
        return {"wallet": wallet.pk if wallet else None, **initial}

    def changeform_view(
        self,
        request: HttpRequest,
        object_id: str | None = None,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> HttpResponse:
        rule = self.get_object(request, object_id) if object_id else EarnRule()
        sentence = describe_rule(rule) if rule else ""
        context = {**(extra_context or {}), "sentence": sentence, "rule": rule}
        return super().changeform_view(request, object_id, form_url, context)

    def save_model(
        self, request: HttpRequest, obj: EarnRule, form: Any, change: bool
    ) -> None:
        save_rule(obj)

    def get_urls(self) -> list[Any]:
        sentence = path(
            "sentence/",
            self.admin_site.admin_view(require_POST(self.sentence_view)),
            name="points_earnrule_sentence",
        )
        return [sentence, *super().get_urls()]

    def sentence_view(self, request: HttpRequest) -> JsonResponse:
        """Say the rule that stands in the form right now."""
        form = self.get_form(request)(request.POST)
        form.is_valid()
        rule = EarnRule(**_valid_fields(form.cleaned_data))
        return JsonResponse({"sentence": describe_rule(rule)})

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        # Movements name the rule that gave them; a rule is switched off instead.
        return False

    @display(description=_("What it gives"))
    def sentence(self, rule: EarnRule) -> str:
        return describe_rule(rule, self.programme)

    @display(description=_("Holds"))
    def validity(self, rule: EarnRule) -> str:
        if not rule.starts_at and not rule.ends_at:
            return str(_("always"))
        return f"{when(rule.starts_at)} → {when(rule.ends_at)}"

    @display(description=_("Version"))
    def num_version(self, rule: EarnRule) -> int:
        return rule.version

    @display(description=_("State"), label=ON_BADGES, ordering="is_active")
    def state_badge(self, rule: EarnRule) -> tuple[str, str | Promise]:
        return ("on", _("active")) if rule.is_active else ("off", _("off"))


def _valid_fields(data: dict[str, Any]) -> dict[str, Any]:
    """Keep what a sentence needs; a field that is wrong for now keeps its default."""
    names = ("points", "amount", "rounding", "minimum_total", "wallet")
    return {name: data[name] for name in names if data.get(name) not in (None, "")}
