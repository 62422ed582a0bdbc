"""Console pages: who serves at which tills, and what was done there."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.contrib.auth.models import User
from django.db.models import Exists, OuterRef, QuerySet
from django.http import HttpRequest
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _
from unfold.contrib.filters.admin import AutocompleteSelectFilter
from unfold.decorators import display

from core.admin_tools import (
    NOTHING,
    BigTableMixin,
    ConsoleAdmin,
    ReadOnlyMixin,
    link,
    money,
    number,
    programme_of,
    when,
)
from core.phones import mask_phone
from members.admin import member_ids_for_search
from till.access import PERMISSION
from till.models import TillAct, TillStaff


@admin.register(TillStaff)
class TillStaffAdmin(ConsoleAdmin):
    list_display = ("person", "full_name", "stores_shown", "phone_shown", "state_badge")
    list_filter = (("stores", AutocompleteSelectFilter),)
    list_select_related = ("user",)
    search_fields = ("user__username", "user__first_name", "user__last_name")
    autocomplete_fields = ("stores",)
    fieldsets = (
        (
            None,
            {
                "fields": ("user", "stores", "own_phone"),
                "description": _(
                    "They sign in at /till/ with their name and password. Give them the "
                    "role for shop staff, too, in their user's page."
                ),
            },
        ),
    )
    empty_title = _("Nobody serves at a till yet")
    empty_text = _("Add a person and their stores; then they can scan vouchers at /till/.")

    def get_queryset(self, request: HttpRequest) -> QuerySet[TillStaff]:
        allowed = User.objects.with_perm(
            PERMISSION, backend="django.contrib.auth.backends.ModelBackend"
        )
        rows = super().get_queryset(request).prefetch_related("stores")
        return rows.annotate(may_use=Exists(allowed.filter(pk=OuterRef("user"))))

    def formfield_for_foreignkey(
        self, db_field: Any, request: HttpRequest, **kwargs: Any
    ) -> Any:
        if db_field.name == "user":
            kwargs["queryset"] = User.objects.filter(is_active=True).order_by("username")
        return super().formfield_for_foreignkey(db_field, request, **kwargs)

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        return ("user",) if obj else ()

    @display(description=_("Person"), ordering="user__username")
    def person(self, staff: TillStaff) -> str:
        return staff.user.get_username()

    @display(description=_("Name"))
    def full_name(self, staff: TillStaff) -> str:
        return staff.user.get_full_name() or NOTHING

    @display(description=_("Serves in"))
    def stores_shown(self, staff: TillStaff) -> str:
        return ", ".join(store.name for store in staff.stores.all())

    @display(description=_("Own phone"))
    def phone_shown(self, staff: TillStaff) -> str:
        return mask_phone(staff.own_phone) if staff.own_phone else NOTHING

    @display(
        description=_("State"),
        label={"on": "success", "off": "danger", "no_role": "warning"},
    )
    def state_badge(self, staff: TillStaff) -> tuple[str, str | Promise]:
        if not staff.user.is_active:
            return "off", _("switched off")
        if not staff.may_use:  # type: ignore[attr-defined]
            return "no_role", _("has not the role")
        return "on", _("can sign in")


@admin.register(TillAct)
class TillActAdmin(ReadOnlyMixin, BigTableMixin, ConsoleAdmin):
    list_display = (
        "happened",
        "kind",
        "who",
        "place",
        "num_total",
        "num_points",
        "by",
        "state_badge",
    )
    list_filter = ("kind", "proof", ("store", AutocompleteSelectFilter))
    list_select_related = ("member", "store", "user")
    search_fields = ("token", "user__username")
    search_help_text = _("Its number, who did it, or a member's phone, code or card")
    ordering = ("-id",)
    fieldsets = (
        (None, {"fields": ("token", "kind", "happened_at", "undone_at")}),
        (_("Who"), {"fields": ("user", "store", "member", "proof")}),
        (
            _("What came of it"),
            {"fields": ("order", "voucher_use", "redemption", "fulfilment")},
        ),
        (
            _("Amounts"),
            {
                "fields": (
                    "total",
                    "discount",
                    "paid_points",
                    "points_value",
                    "to_pay",
                    "earned_points",
                )
            },
        ),
    )
    empty_title = _("Nothing was done at a till yet")
    empty_text = _("Vouchers used, orders added and rewards given at /till/ appear here.")

    def get_queryset(self, request: HttpRequest) -> QuerySet[TillAct]:
        self.programme = programme_of(request)
        return super().get_queryset(request)

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[TillAct], search_term: str
    ) -> tuple[QuerySet[TillAct], bool]:
        term = search_term.strip()
        if not term:
            return queryset, False
        by_number = queryset.filter(token=term)
        by_person = queryset.filter(user__username=term)
        by_member = queryset.filter(member_id__in=member_ids_for_search(term))
        return by_number | by_person | by_member, False

    @display(description=_("When"))
    def happened(self, act: TillAct) -> str:
        return when(act.happened_at)

    @display(description=_("Member"))
    def who(self, act: TillAct) -> str:
        return link(act.member)

    @display(description=_("Store"))
    def place(self, act: TillAct) -> str:
        return act.store.name

    @display(description=_("Money"))
    def num_total(self, act: TillAct) -> str:
        return money(act.to_pay, self.programme.currency) if act.to_pay else NOTHING

    @display(description=_("Points earned"))
    def num_points(self, act: TillAct) -> str:
        return number(act.earned_points) if act.earned_points else NOTHING

    @display(description=_("By"))
    def by(self, act: TillAct) -> str:
        return act.user.get_username()

    @display(description=_("State"), label={"stands": "success", "undone": "warning"})
    def state_badge(self, act: TillAct) -> tuple[str, str | Promise]:
        return ("undone", _("undone")) if act.is_undone else ("stands", _("stands"))
