"""Console pages for stores and orders."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.db.models import Q, QuerySet
from django.http import HttpRequest
from django.urls import reverse
from django.utils.functional import Promise
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _
from unfold.admin import TabularInline
from unfold.contrib.filters.admin import AutocompleteSelectFilter
from unfold.decorators import display

from activities.models import Order, OrderLine, Store
from core.admin_tools import (
    NOTHING,
    BigTableMixin,
    ConsoleAdmin,
    ReadOnlyMixin,
    link,
    money,
    programme_of,
    signed,
    when,
)
from core.models import Programme
from members.admin import member_ids_for_search
from points.amounts import Unit
from points.models import Transfer


@admin.register(Store)
class StoreAdmin(ConsoleAdmin):
    list_display = ("name", "code", "province", "address", "state_badge")
    list_filter = ("is_active", "province")
    search_fields = ("code", "name", "address")
    fields = ("code", "name", "address", "province", "is_active")
    empty_title = _("No stores yet")
    empty_text = _("Orders name the store where they were placed. Add the first one.")

    @display(description=_("State"), label={"open": "success", "closed": "warning"})
    def state_badge(self, store: Store) -> tuple[str, str | Promise]:
        return ("open", _("open")) if store.is_active else ("closed", _("closed"))


class OrderLineInline(ReadOnlyMixin, TabularInline):
    model = OrderLine
    fields = ("product", "sku", "category", "num_quantity", "num_discount", "num_total")
    readonly_fields = fields
    extra = 0
    hide_title = True

    @display(description=_("Quantity"))
    def num_quantity(self, line: OrderLine) -> str:
        return f"{line.quantity.normalize():f}".replace(".", ",")

    @display(description=_("Discount"))
    def num_discount(self, line: OrderLine) -> str:
        return money(line.discount, line.order.currency)

    @display(description=_("Total"))
    def num_total(self, line: OrderLine) -> str:
        return money(line.total, line.order.currency)


@admin.register(Order)
class OrderAdmin(ReadOnlyMixin, BigTableMixin, ConsoleAdmin):
    list_display = (
        "external_id",
        "member_link",
        "num_total",
        "state_badge",
        "place",
        "placed",
    )
    list_filter = ("status", "channel", ("store", AutocompleteSelectFilter))
    list_select_related = ("member", "store")
    search_fields = ("external_id",)
    search_help_text = _("Order number, or a member's phone, code or card")
    ordering = ("-id",)
    inlines = (OrderLineInline,)
    fieldsets = (
        (
            _("Purchase"),
            {
                "fields": (
                    "external_id",
                    "member_link",
                    "total_shown",
                    "status",
                    "placed_at",
                )
            },
        ),
        (
            _("How the total came about"),
            {"fields": ("parts", "refunded_shown", "delivered_at")},
        ),
        (_("Points it gave"), {"fields": ("points_given",)}),
        (
            _("Where it came from"),
            {"fields": ("source", "channel", "store", "created_at")},
        ),
    )
    empty_title = _("No orders yet")
    empty_text = _("They arrive from the tills through the API, or from a file.")

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Order], search_term: str
    ) -> tuple[QuerySet[Order], bool]:
        if not search_term:
            return queryset, False
        members = member_ids_for_search(search_term)
        found = Q(external_id=search_term.strip()) | Q(member_id__in=members)
        return queryset.filter(found), False

    def get_queryset(self, request: HttpRequest) -> QuerySet[Order]:
        self.programme = programme_of(request)
        return super().get_queryset(request)

    @display(description=_("Member"))
    def member_link(self, order: Order) -> str:
        return link(order.member)

    @display(description=_("Total"))
    def num_total(self, order: Order) -> str:
        return money(order.total, order.currency)

    total_shown = num_total

    @display(description=_("Parts"))
    def parts(self, order: Order) -> str:
        told = (
            (_("discount"), order.discount),
            (_("taken off by vouchers"), order.voucher_discount),
            (_("tax in the total"), order.tax),
            (_("delivery in the total"), order.delivery_fee),
            (_("paid with points"), order.points_amount),
        )
        rows = [(label, money(value, order.currency)) for label, value in told if value]
        lines: SafeString = format_html_join("", "<div>{}: {}</div>", rows)
        return lines or NOTHING

    @display(description=_("Given back"))
    def refunded_shown(self, order: Order) -> str:
        return money(order.refunded, order.currency) if order.refunded else NOTHING

    @display(
        description=_("State"),
        label={"completed": "success", "cancelled": "danger"},
        ordering="status",
    )
    def state_badge(self, order: Order) -> tuple[str, str]:
        return order.status, order.get_status_display()

    @display(description=_("Where"))
    def place(self, order: Order) -> str:
        return str(order.store or order.get_channel_display())

    @display(description=_("Placed"))
    def placed(self, order: Order) -> str:
        return when(order.placed_at)

    @display(description=_("Points"))
    def points_given(self, order: Order) -> Any:
        """List the movements of points that this order caused, with their rule."""
        transfers = Transfer.objects.filter(source_type="order", source_id=order.pk)
        rows = [
            (
                link(transfer, transfer.get_kind_display()),
                _change(transfer, self.programme),
                _rule_text(transfer),
            )
            for transfer in transfers.select_related(
                "rule", "to_account", "from_account__wallet"
            ).order_by("id")
        ]
        lines: SafeString = format_html_join("", "<div>{} {} · {}</div>", rows)
        why = format_html(
            '<div><a class="console-link" href="{}">{}</a></div>',
            reverse("admin:points_explain", args=[order.pk]),
            _("Which rules gave these points, and which did not"),
        )
        return (lines or NOTHING) + why


def _effect(transfer: Transfer) -> int:
    """Return what a movement did to the member's balance."""
    gained = transfer.to_account.kind == transfer.to_account.Kind.MEMBER
    return transfer.amount if gained else -transfer.amount


def _change(transfer: Transfer, programme: Programme) -> SafeString:
    unit, amount = Unit.of(transfer.from_account.wallet, programme), _effect(transfer)
    return signed(amount, unit.change(amount))


def _rule_text(transfer: Transfer) -> str:
    if transfer.rule is None:
        return transfer.note or NOTHING
    return f"{transfer.rule.name} v{transfer.rule_version}"
