"""Types of voucher in the console: what they take off, said and worked out before use."""

from __future__ import annotations

import json
from typing import Any

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import get_object_or_404, render
from django.urls import path, reverse
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _
from django.views.decorators.http import require_POST
from simple_history.admin import SimpleHistoryAdmin
from unfold.admin import TabularInline
from unfold.decorators import display

from core.admin_tools import ConsoleAdmin, programme_of, two_lines
from core.errors import DomainError
from rewards.admin.beside import BesideFormMixin
from rewards.admin.example_page import example_view
from rewards.admin.terms_form import SHOWN, StandingForm, TermsForm
from rewards.admin.uses import uses_of
from rewards.discounts.faults import faults
from rewards.discounts.terms import Kind, Terms
from rewards.models import VoucherLimit, VoucherType
from rewards.naming import describe_named
from rewards.sentence import describe_validity
from rewards.voucher_types import (
    PROMISED,
    copy_voucher_type,
    save_voucher_type,
    terms_stand,
)

ON_BADGES = {"on": "success", "off": "warning"}
# Codes, not uses: they have lists of their own.
RECORDS = frozenset({"rewards.Voucher", "rewards.VoucherBatch"})
# Fields of the type that mean something only for some kinds of codes.
SHOWN_CODES = {
    # A pool can be filled with codes that are made here, too.
    "prefix": {"codes": ["generated", "pool"]},
    "length": {"codes": ["generated", "pool"]},
    "low_codes": {"codes": ["pool"]},
    "approval_above": {"codes": ["generated", "pool"]},
}

ABOUT = (
    _("What it is"),
    {"fields": (("name", "code"), "is_active")},
)
TAKES_OFF = (
    (
        _("What it takes off"),
        {
            "fields": (
                "kind",
                "scope",
                "percent",
                "amount",
                "bands_by",
                "bands",
                ("buy", "get"),
                "every",
                "given_percent",
                "times",
                "at_most",
            )
        },
    ),
    (
        _("On which products"),
        {
            "fields": (
                ("products_skus", "products_categories"),
                ("products_brands", "products_labels"),
                ("given_products_skus", "given_products_categories"),
                ("given_products_brands", "given_products_labels"),
            ),
            "description": _("One word to a line, or with commas. None: any product."),
        },
    ),
    (
        _("Never on these products"),
        {
            "fields": (
                ("excluded_skus", "excluded_categories"),
                ("excluded_brands", "excluded_labels"),
            ),
            "classes": ("collapse",),
        },
    ),
    (
        _("For which baskets"),
        {
            "fields": (
                ("minimum_value", "maximum_value"),
                "minimum_quantity",
                ("counted", "counted_price"),
                "without_tax",
            )
        },
    ),
    (
        _("When, where, for whom"),
        {
            "fields": (
                "weekdays",
                ("from_time", "until_time"),
                "stores",
                "channels",
                "payment_methods",
                "segments",
                "first_order_only",
            ),
            "classes": ("collapse",),
        },
    ),
    (
        _("Beside other vouchers"),
        {"fields": ("exclusive", ("group", "priority")), "classes": ("collapse",)},
    ),
    (
        _("Fine points"),
        {"fields": ("price", "rounding"), "classes": ("collapse",)},
    ),
)
HANDED_OUT = (
    (
        _("How long it can be used"),
        {"fields": ("valid_days", "valid_from", "valid_until")},
    ),
    (
        _("The codes"),
        {
            "fields": (
                ("codes", "uses_per_code"),
                ("prefix", "length"),
                "owner_only",
                "returns_on_refund",
                ("hold_minutes", "low_codes"),
                "approval_above",
            )
        },
    ),
    (_("Fine print, and who pays"), {"fields": ("fine_print", "funder")}),
)


class LimitInline(TabularInline):
    model = VoucherLimit
    fields = ("times", "period", "per")
    verbose_name_plural = _("how often it can be used")
    extra = 0
    hide_title = True

    # What members were promised stands.

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return bool(super().has_add_permission(request, obj)) and not _stands(obj)

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return bool(super().has_change_permission(request, obj)) and not _stands(obj)

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return bool(super().has_delete_permission(request, obj)) and not _stands(obj)


def _stands(obj: VoucherType | None) -> bool:
    return obj is not None and obj.pk is not None and terms_stand(obj)


@admin.register(VoucherType)
class VoucherTypeAdmin(BesideFormMixin, SimpleHistoryAdmin, ConsoleAdmin):
    form = TermsForm
    list_display = ("title", "validity", "codes_shown", "state_badge")
    list_filter = ("is_active", "codes", "funder")
    search_fields = ("code", "name")
    prepopulated_fields = {"code": ("name",)}
    compressed_fields = False
    autocomplete_fields = ("funder",)
    inlines = (LimitInline,)
    change_form_outer_before_template = "admin/rewards/vouchertype/_summary.html"
    change_form_outer_after_template = "admin/rewards/vouchertype/_aside.html"
    empty_title = _("No types of voucher yet")
    empty_text = _(
        "A type says what a voucher takes off and on which terms. Its codes are vouchers."
    )

    class Media:
        js = ("js/admin/follow.js",)

    # --- the form ---------------------------------------------------------------------

    def get_fieldsets(self, request: HttpRequest, obj: Any = None) -> Any:
        # What was promised stands: it is said above the form, and no longer asked.
        if _stands(obj):
            return (ABOUT, *HANDED_OUT)
        return (ABOUT, *TAKES_OFF, *HANDED_OUT)

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        return tuple(name for name in PROMISED if name != "terms") if _stands(obj) else ()

    def get_form(
        self, request: HttpRequest, obj: Any = None, change: bool = False, **kwargs: Any
    ) -> Any:
        if _stands(obj):
            kwargs["form"] = StandingForm
        return super().get_form(request, obj, change, **kwargs)

    def beside(self, request: HttpRequest, found: VoucherType) -> dict[str, Any]:
        beside: dict[str, Any] = {
            "sentences": sentences(found, str(programme_of(request).currency)),
            "advice": advice(found),
            "follow_id": found.pk or 0,
            "shown": json.dumps({**SHOWN, **SHOWN_CODES}),
        }
        if found.pk:
            beside |= {
                "voucher_type": found,
                "stands": _stands(found),
                "uses": uses_of(found, request.user, without=RECORDS),
                "may_copy": self.has_add_permission(request),
            }
        return beside

    def save_model(
        self, request: HttpRequest, obj: VoucherType, form: Any, change: bool
    ) -> None:
        save_voucher_type(obj, changed=form.changed_fields)

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        # Codes name their type; it is switched off instead.
        allowed = bool(super().has_delete_permission(request, obj))
        return allowed and obj is not None and not obj.vouchers.exists()

    # --- pages beside the form --------------------------------------------------------

    def get_urls(self) -> list[Any]:
        own = [
            path(
                f"<int:type_id>/{name}/",
                self.admin_site.admin_view(view),
                name=f"rewards_vouchertype_{name}",
            )
            for name, view in (
                ("sentence", require_POST(self.sentence_view)),
                ("copy", require_POST(self.copy_view)),
                ("example", example_view),
            )
        ]
        return [*own, *super().get_urls()]

    def sentence_view(self, request: HttpRequest, type_id: int) -> HttpResponse:
        """Say the voucher that stands in the form right now."""
        if not self.has_view_permission(request):
            raise PermissionDenied
        found = VoucherType.objects.filter(pk=type_id).first() or VoucherType()
        obj = found if found.pk else None
        form = self.get_form(request, obj)(request.POST, instance=found)
        form.is_valid()
        context = {
            "sentences": sentences(found, str(programme_of(request).currency)),
            "advice": advice(found),
        }
        return render(request, "admin/rewards/vouchertype/_sentence.html", context)

    def copy_view(self, request: HttpRequest, type_id: int) -> HttpResponse:
        """Make a type like this one, switched off, and open it."""
        if not self.has_add_permission(request):
            raise PermissionDenied
        copy = copy_voucher_type(get_object_or_404(VoucherType, pk=type_id))
        self.log_addition(request, copy, "Copied.")
        messages.success(
            request, _("This is the copy. It has no codes yet, so all of it can change.")
        )
        return HttpResponseRedirect(
            reverse("admin:rewards_vouchertype_change", args=[copy.pk])
        )

    # --- the list ---------------------------------------------------------------------

    def get_changelist_instance(self, request: HttpRequest) -> Any:
        changelist = super().get_changelist_instance(request)
        currency = str(programme_of(request).currency)
        rows = list(changelist.result_list)
        for row in rows:
            row.sentence = sentences(row, currency)[0]
        changelist.result_list = rows
        return changelist

    @display(description=_("Type of voucher"), ordering="name")
    def title(self, row: Any) -> str:
        return two_lines(row.name, row.sentence)

    @display(description=_("Usable"))
    def validity(self, row: VoucherType) -> str:
        return describe_validity(row)

    @display(description=_("Codes"), ordering="codes")
    def codes_shown(self, row: VoucherType) -> str:
        return str(row.get_codes_display())

    @display(description=_("State"), label=ON_BADGES, ordering="is_active")
    def state_badge(self, row: VoucherType) -> tuple[str, str | Promise]:
        return ("on", _("in use")) if row.is_active else ("off", _("off"))


def advice(voucher_type: VoucherType) -> list[str]:
    """Say what is still missing or wrong in the terms."""
    try:
        return list(faults(Terms.from_json(voucher_type.terms or {})).values())
    except DomainError:
        # The sentence says it.
        return []


def sentences(voucher_type: VoucherType, currency: str) -> list[str]:
    """Say what a type takes off and how long its vouchers are usable."""
    try:
        terms = Terms.from_json(voucher_type.terms or {})
    except DomainError as error:
        return [str(error.message)]
    validity = describe_validity(voucher_type)
    said = [describe_named(terms, currency=currency)]
    if terms.kind != Kind.PARTNER or voucher_type.valid_days or voucher_type.valid_until:
        said.append(f"{validity[:1].upper()}{validity[1:]}.")
    return said
