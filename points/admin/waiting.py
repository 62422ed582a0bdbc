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
    number,
    when,
)
from members.admin import member_ids_for_search
from members.services import kept_member, merged_ids
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
    list_select_related = ("account__member", "transfer")
    search_fields = ("transfer__key",)
    search_help_text = _("A member's phone, code or card")
    ordering = ("-transfer_id",)
    fields = ("who", "amount", "remaining", "usable", "expires_on", "earned_by")
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

    @display(description=_("Member"))
    def who(self, hold: Hold) -> str:
        assert hold.account.member is not None, "points are held for members"
        return link(kept_member(hold.account.member))

    @display(description=_("Still held"))
    def num_remaining(self, hold: Hold) -> str:
        return number(hold.remaining)

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
    list_select_related = ("transfer__from_account__member",)
    search_fields = ("reference",)
    ordering = ("-transfer_id",)
    fields = ("reference", "source", "who", "amount", "captured", "value", "until")
    empty_title = _("No reservations")
    empty_text = _("Tills reserve points while a customer pays with them.")

    def get_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        return (*self.fields, "state", "settled_at")

    @display(description=_("Member"))
    def who(self, reservation: Reservation) -> str:
        return link(reservation.transfer.from_account.member)

    @display(description=_("Reserved"))
    def num_amount(self, reservation: Reservation) -> str:
        return number(reservation.amount)

    @display(description=_("Spent"))
    def num_spent(self, reservation: Reservation) -> str:
        return number(reservation.captured)

    @display(description=_("State"), label=STATE_BADGES, ordering="state")
    def state_badge(self, reservation: Reservation) -> tuple[str, str]:
        return reservation.state, reservation.get_state_display()

    @display(description=_("Held until"))
    def until(self, reservation: Reservation) -> str:
        return when(reservation.expires_at)
