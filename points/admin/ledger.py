"""The ledger in the console: to be read and understood, never to be changed."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.db.models import Q, QuerySet
from django.http import HttpRequest
from django.utils.html import format_html_join
from django.utils.translation import gettext_lazy as _
from unfold.admin import TabularInline
from unfold.decorators import display

from activities.models import Order
from core.admin_tools import (
    NOTHING,
    BigTableMixin,
    ConsoleAdmin,
    ReadOnlyMixin,
    link,
    programme_of,
    signed,
    when,
)
from members.admin import member_ids_for_search
from points.amounts import Unit
from points.models import Account, Lot, LotDraw, Transfer, Wallet

KIND_BADGES = {
    "earn": "success",
    "opening": "info",
    "spend": "primary",
    "expire": "warning",
    "adjust": "info",
    "reverse": "danger",
    "mature": "success",
    "reserve": "primary",
    "capture": "primary",
    "gift": "info",
    "fee": "warning",
    "merge": "info",
}


def member_account(transfer: Transfer) -> Account | None:
    """Return the side of a movement that belongs to a member."""
    for account in (transfer.to_account, transfer.from_account):
        if account.kind == Account.Kind.MEMBER:
            return account
    return None


def effect(transfer: Transfer) -> int:
    """Return what a movement did to its member's balance."""
    gained = transfer.to_account.kind == Account.Kind.MEMBER
    return transfer.amount if gained else -transfer.amount


class DrawInline(ReadOnlyMixin, TabularInline):
    """Which points a movement used up: first those that expire first."""

    model = LotDraw
    verbose_name_plural = _("taken out of these points")
    hide_title = True
    fields = ("lot_link", "expires", "num_amount")
    readonly_fields = fields
    extra = 0

    def get_queryset(self, request: HttpRequest) -> QuerySet[LotDraw]:
        self.programme = programme_of(request)
        related = ("lot__transfer", "lot__account__wallet")
        return super().get_queryset(request).select_related(*related)

    @display(description=_("Earned by"))
    def lot_link(self, draw: LotDraw) -> str:
        return link(draw.lot.transfer, when(draw.lot.transfer.happened_at))

    @display(description=_("Usable through"))
    def expires(self, draw: LotDraw) -> str:
        return when(draw.lot.expires_on)

    @display(description=_("Points"))
    def num_amount(self, draw: LotDraw) -> str:
        unit = Unit.of(draw.lot.account.wallet, self.programme)
        return signed(-draw.amount, unit.signed(-draw.amount))


class LotInline(ReadOnlyMixin, TabularInline):
    """The points that a movement brought, and what is left of them."""

    model = Lot
    verbose_name_plural = _("what is left of these points")
    hide_title = True
    fields = ("num_amount", "num_remaining", "expires")
    readonly_fields = fields
    extra = 0

    def get_queryset(self, request: HttpRequest) -> QuerySet[Lot]:
        self.programme = programme_of(request)
        return super().get_queryset(request).select_related("account__wallet")

    @display(description=_("Given"))
    def num_amount(self, lot: Lot) -> str:
        return Unit.of(lot.account.wallet, self.programme).number(lot.amount)

    @display(description=_("Left"))
    def num_remaining(self, lot: Lot) -> str:
        return Unit.of(lot.account.wallet, self.programme).number(lot.remaining)

    @display(description=_("Usable through"))
    def expires(self, lot: Lot) -> str:
        return when(lot.expires_on)


@admin.register(Transfer)
class TransferAdmin(ReadOnlyMixin, BigTableMixin, ConsoleAdmin):
    list_display = ("happened", "who", "kind_badge", "num_points", "cause", "rule_shown")
    list_filter = ("kind",)
    list_select_related = (
        "from_account__member",
        "from_account__wallet",
        "to_account__member",
        "rule",
    )
    search_fields = ("key",)
    search_help_text = _("A member's phone, code or card, or an order number")
    ordering = ("-id",)
    inlines = (DrawInline, LotInline)
    readonly_fields = ("who", "points_shown", "cause", "rule_shown", "undone_by")
    fieldsets = (
        (
            _("What happened"),
            {"fields": ("kind", "who", "points_shown", "happened_at")},
        ),
        (
            _("Why"),
            {"fields": ("cause", "rule_shown", "reason", "note", "actor", "funder")},
        ),
        (
            _("For the books"),
            {
                "fields": (
                    "from_account",
                    "to_account",
                    "key",
                    "created_at",
                    "reverses",
                    "undone_by",
                ),
                "classes": ("collapse",),
            },
        ),
    )
    empty_title = _("No points have moved yet")
    empty_text = _("Each order that earns points writes a line here; none is ever changed.")

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Transfer], search_term: str
    ) -> tuple[QuerySet[Transfer], bool]:
        term = search_term.strip()
        if not term:
            return queryset, False
        members = member_ids_for_search(term)
        accounts = Account.objects.filter(member__in=members).values_list("pk", flat=True)
        ids = list(accounts)
        orders = Order.objects.filter(external_id=term).values_list("pk", flat=True)
        found = Q(from_account__in=ids) | Q(to_account__in=ids) | Q(key=term)
        found |= Q(source_type="order", source_id__in=list(orders))
        return queryset.filter(found), False

    def get_queryset(self, request: HttpRequest) -> QuerySet[Transfer]:
        self.programme = programme_of(request)
        return super().get_queryset(request)

    def get_changelist_instance(self, request: HttpRequest) -> Any:
        """Read the orders behind the rows of this page at once."""
        changelist = super().get_changelist_instance(request)
        rows = list(changelist.result_list)
        changelist.result_list = rows
        self.orders = _orders_of(rows)
        return changelist

    def page_title(self, obj: Transfer) -> str:
        account = member_account(obj)
        who = str(account.member) if account else obj.get_kind_display()
        return f"{who} · {self._unit(obj).change(effect(obj))}"

    def _unit(self, transfer: Transfer) -> Unit:
        return Unit.of(transfer.from_account.wallet, self.programme)

    @display(description=_("When"))
    def happened(self, transfer: Transfer) -> str:
        return when(transfer.happened_at)

    @display(description=_("Member"))
    def who(self, transfer: Transfer) -> str:
        account = member_account(transfer)
        return link(account.member) if account else NOTHING

    @display(description=_("What"), label=KIND_BADGES, ordering="kind")
    def kind_badge(self, transfer: Transfer) -> tuple[str, str]:
        return transfer.kind, transfer.get_kind_display()

    @display(description=_("Points"))
    def num_points(self, transfer: Transfer) -> str:
        """Write points as a number, all else with what it is."""
        unit, amount = self._unit(transfer), effect(transfer)
        if member_account(transfer) is None:
            # Between two accounts of the programme: no member has more or less.
            return unit.amount(transfer.amount)
        is_points = transfer.from_account.wallet.kind == Wallet.Kind.POINTS
        return signed(amount, unit.signed(amount) if is_points else unit.change(amount))

    points_shown = num_points

    @display(description=_("Because of"))
    def cause(self, transfer: Transfer) -> str:
        if transfer.source_type != "order" or transfer.source_id is None:
            return transfer.note or NOTHING
        orders = getattr(self, "orders", {})
        order = orders.get(transfer.source_id)
        if order is None:
            order = Order.objects.filter(pk=transfer.source_id).first()
        return link(order, str(_("order %(number)s")) % {"number": order})

    @display(description=_("Rule"))
    def rule_shown(self, transfer: Transfer) -> str:
        if transfer.rule is None:
            return NOTHING
        text = str(_("%(rule)s, version %(version)s"))
        return link(
            transfer.rule,
            text % {"rule": transfer.rule.name, "version": transfer.rule_version},
        )

    @display(description=_("Taken back by"))
    def undone_by(self, transfer: Transfer) -> str:
        rows = [(link(reversal),) for reversal in transfer.reversals.all()]
        return format_html_join("", "{}", rows) or NOTHING


def _orders_of(transfers: list[Transfer]) -> dict[int, Order]:
    ids = [t.source_id for t in transfers if t.source_type == "order" and t.source_id]
    return Order.objects.in_bulk(ids)


class HiddenInMenu:
    """Reached from a movement's page, never listed by itself."""

    def get_model_perms(self, request: HttpRequest) -> dict[str, bool]:
        return {}


@admin.register(Account)
class AccountAdmin(HiddenInMenu, ReadOnlyMixin, BigTableMixin, ConsoleAdmin):
    list_display = ("owner", "wallet", "kind", "num_balance")
    list_filter = ("kind", "wallet")
    list_select_related = ("member", "wallet")
    ordering = ("-id",)
    fields = ("wallet", "kind", "member", "balance", "may_go_negative")

    def get_queryset(self, request: HttpRequest) -> QuerySet[Account]:
        self.programme = programme_of(request)
        return super().get_queryset(request)

    @display(description=_("Whose"))
    def owner(self, account: Account) -> str:
        return str(account.member or account.get_kind_display())

    @display(description=_("Balance"))
    def num_balance(self, account: Account) -> str:
        return Unit.of(account.wallet, self.programme).amount(account.balance)


@admin.register(Lot)
class LotAdmin(HiddenInMenu, ReadOnlyMixin, BigTableMixin, ConsoleAdmin):
    list_display = ("owner", "num_amount", "num_remaining", "expires")
    list_select_related = ("account__member", "account__wallet")
    ordering = ("-id",)
    fields = ("account", "transfer", "amount", "remaining", "expires_on")

    def get_queryset(self, request: HttpRequest) -> QuerySet[Lot]:
        self.programme = programme_of(request)
        return super().get_queryset(request)

    @display(description=_("Whose"))
    def owner(self, lot: Lot) -> str:
        return str(lot.account.member)

    @display(description=_("Given"))
    def num_amount(self, lot: Lot) -> str:
        return Unit.of(lot.account.wallet, self.programme).amount(lot.amount)

    @display(description=_("Left"))
    def num_remaining(self, lot: Lot) -> str:
        return Unit.of(lot.account.wallet, self.programme).amount(lot.remaining)

    @display(description=_("Usable through"))
    def expires(self, lot: Lot) -> str:
        return when(lot.expires_on)
