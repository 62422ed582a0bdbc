"""Refunds: what came back, which sales it is held against, and what it did to points."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from django.contrib import admin
from django.db.models import Q, QuerySet
from django.http import HttpRequest
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _
from unfold.admin import TabularInline
from unfold.decorators import display

from activities.models import Refund, RefundAllocation, RefundLine
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
from members.admin import member_ids_for_search

MATCH_BADGES = {"whole": "success", "part": "warning", "none": "danger"}


class MatchFilter(admin.SimpleListFilter):
    title = _("held against a sale")
    parameter_name = "matched"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:
        return [("yes", _("known sale")), ("no", _("no known sale"))]

    def queryset(
        self, request: HttpRequest, queryset: QuerySet[Refund]
    ) -> QuerySet[Refund]:
        if self.value() == "yes":
            return queryset.filter(unmatched=0)
        if self.value() == "no":
            return queryset.filter(unmatched__gt=0)
        return queryset


class RefundLineInline(ReadOnlyMixin, TabularInline):
    model = RefundLine
    fields = ("product", "sku", "num_quantity", "num_total")
    readonly_fields = fields
    extra = 0
    hide_title = True

    def get_queryset(self, request: HttpRequest) -> QuerySet[RefundLine]:
        self.programme = programme_of(request)
        return super().get_queryset(request)

    @display(description=_("Quantity"))
    def num_quantity(self, line: RefundLine) -> str:
        return _pieces(line.quantity)

    @display(description=_("Total"))
    def num_total(self, line: RefundLine) -> str:
        return money(line.total, str(self.programme.currency))


class AllocationInline(ReadOnlyMixin, TabularInline):
    """The sales that a refund gives back."""

    model = RefundAllocation
    verbose_name_plural = _("held against these sales")
    fields = ("sale", "order_line", "num_quantity", "num_total")
    readonly_fields = fields
    extra = 0
    hide_title = True

    def get_queryset(self, request: HttpRequest) -> QuerySet[RefundAllocation]:
        return super().get_queryset(request).select_related("order", "order_line")

    @display(description=_("Order"))
    def sale(self, allocation: RefundAllocation) -> str:
        return link(allocation.order)

    @display(description=_("Quantity"))
    def num_quantity(self, allocation: RefundAllocation) -> str:
        return _pieces(allocation.quantity) if allocation.quantity else NOTHING

    @display(description=_("Total"))
    def num_total(self, allocation: RefundAllocation) -> str:
        return money(allocation.amount, allocation.order.currency)


def _pieces(quantity: Decimal) -> str:
    return f"{quantity.normalize():f}".replace(".", ",")


@admin.register(Refund)
class RefundAdmin(ReadOnlyMixin, BigTableMixin, ConsoleAdmin):
    list_display = ("external_id", "who", "num_total", "match_badge", "num_points", "at")
    list_filter = (MatchFilter,)
    list_select_related = ("member",)
    search_fields = ("external_id",)
    search_help_text = _("Refund or order number, or a member's phone, code or card")
    ordering = ("-id",)
    inlines = (RefundLineInline, AllocationInline)
    fieldsets = (
        (
            _("What came back"),
            {"fields": ("external_id", "who", "num_total", "reason", "refunded_at")},
        ),
        (
            _("What it did to points"),
            {"fields": ("points_taken", "points_short", "points_returned")},
        ),
        (
            _("Where it came from"),
            {"fields": ("source", "order_number", "unmatched_shown", "created_at")},
        ),
    )
    empty_title = _("No refunds yet")
    empty_text = _("They arrive from the tills through the API, or from a file of orders.")

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Refund], search_term: str
    ) -> tuple[QuerySet[Refund], bool]:
        term = search_term.strip()
        if not term:
            return queryset, False
        members = member_ids_for_search(term)
        found = Q(external_id=term) | Q(order_number=term) | Q(member_id__in=members)
        return queryset.filter(found), False

    def get_queryset(self, request: HttpRequest) -> QuerySet[Refund]:
        self.programme = programme_of(request)
        return super().get_queryset(request)

    @display(description=_("Member"))
    def who(self, refund: Refund) -> str:
        return link(refund.member)

    @display(description=_("Total"))
    def num_total(self, refund: Refund) -> str:
        return money(refund.total, str(self.programme.currency))

    @display(description=_("Without a known sale"))
    def unmatched_shown(self, refund: Refund) -> str:
        if not refund.unmatched:
            return NOTHING
        return money(refund.unmatched, str(self.programme.currency))

    @display(description=_("Sale"), label=MATCH_BADGES)
    def match_badge(self, refund: Refund) -> tuple[str, str | Promise]:
        if not refund.unmatched:
            return "whole", _("known")
        if refund.unmatched < refund.total:
            return "part", _("known in part")
        return "none", _("not known")

    @display(description=_("Points taken back"))
    def num_points(self, refund: Refund) -> str:
        return number(refund.points_taken)

    @display(description=_("When"))
    def at(self, refund: Refund) -> str:
        return when(refund.refunded_at)
