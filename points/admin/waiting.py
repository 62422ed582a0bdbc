"""Points on their way: held for later, or reserved by a till."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _
from unfold.decorators import display

from core.admin_tools import (
    BigTableMixin,
    ConsoleAdmin,
    ReadOnlyMixin,
    link,
    money,
    programme_of,
    when,
)
from members.admin import member_ids_for_search
from members.services import kept_member, merged_ids
from points.amounts import Unit
from points.models import Hold, Reservation

STATE_BADGES = {
    "open": "info",
    "captured": "success",
    "released": "primary",
    "expired": "warning",
}


@admin.register(Hold)
class HoldAdmin(ReadOnlyMixin, BigTableMixin, ConsoleAdmin):
    list_display = ("who", "num_remaining", "state_badge", "usable", "earned_by")
    list_select_related = ("account__member", "account__wallet", "transfer")
    search_fields = ("transfer__key",)
    search_help_text = _("A member's phone, code or card")
    ordering = ("-transfer_id",)
    fields = ("who", "num_amount", "num_remaining", "usable", "expires_on", "earned_by")
    empty_title = _("No held points")
    empty_text = _("A rule can give points that become usable later, or after delivery.")

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Hold], search_term: str
    ) -> tuple[QuerySet[Hold], bool]:
        if not search_term.strip():
            return queryset, False
        members = member_ids_for_search(search_term)
        others = merged_ids(members).values()
        members = [*members, *(pk for some in others for pk in some)]
        return queryset.filter(account__member__in=members), False

    def get_queryset(self, request: HttpRequest) -> QuerySet[Hold]:
        self.programme = programme_of(request)
        return super().get_queryset(request)

    @display(description=_("Member"))
    def who(self, hold: Hold) -> str:
        assert hold.account.member is not None, "points are held for members"
        return link(kept_member(hold.account.member))

    @display(description=_("Held at first"))
    def num_amount(self, hold: Hold) -> str:
        return Unit.of(hold.account.wallet, self.programme).amount(hold.amount)

    @display(description=_("Still held"))
    def num_remaining(self, hold: Hold) -> str:
        return Unit.of(hold.account.wallet, self.programme).amount(hold.remaining)

    @display(description=_("State"), label={"held": "info", "done": "success"})
    def state_badge(self, hold: Hold) -> tuple[str, str | Promise]:
        return ("held", _("held")) if hold.remaining else ("done", _("settled"))

    @display(description=_("Usable from"))
    def usable(self, hold: Hold) -> str:
        return when(hold.matures_on) if hold.matures_on else str(_("after delivery"))

    @display(description=_("Earned by"))
    def earned_by(self, hold: Hold) -> str:
        return link(hold.transfer, when(hold.transfer.happened_at))


@admin.register(Reservation)
class ReservationAdmin(ReadOnlyMixin, BigTableMixin, ConsoleAdmin):
    list_display = ("reference", "who", "num_amount", "num_spent", "state_badge", "until")
    list_filter = ("state",)
    list_select_related = (
        "transfer__from_account__member",
        "transfer__from_account__wallet",
    )
    search_fields = ("reference",)
    ordering = ("-transfer_id",)
    fields = ("reference", "source", "who", "num_amount", "num_spent", "worth", "until")
    empty_title = _("No reservations")
    empty_text = _("Tills reserve points while a customer pays with them.")

    def get_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        return (*self.fields, "state", "settled_at")

    def get_queryset(self, request: HttpRequest) -> QuerySet[Reservation]:
        self.programme = programme_of(request)
        return super().get_queryset(request)

    def _amount(self, reservation: Reservation, amount: int) -> str:
        wallet = reservation.transfer.from_account.wallet
        return Unit.of(wallet, self.programme).amount(amount)

    @display(description=_("Worth"))
    def worth(self, reservation: Reservation) -> str:
        return money(reservation.value, self.programme.currency)

    @display(description=_("Member"))
    def who(self, reservation: Reservation) -> str:
        return link(reservation.transfer.from_account.member)

    @display(description=_("Reserved"))
    def num_amount(self, reservation: Reservation) -> str:
        return self._amount(reservation, reservation.amount)

    @display(description=_("Spent"))
    def num_spent(self, reservation: Reservation) -> str:
        return self._amount(reservation, reservation.captured)

    @display(description=_("State"), label=STATE_BADGES, ordering="state")
    def state_badge(self, reservation: Reservation) -> tuple[str, str]:
        return reservation.state, reservation.get_state_display()

    @display(description=_("Held until"))
    def until(self, reservation: Reservation) -> str:
        return when(reservation.expires_at)
