"""Who stands where, and what happened: lists that only show."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _
from unfold.decorators import display

from core.admin_tools import (
    NOTHING,
    BigTableMixin,
    ConsoleAdmin,
    ReadOnlyMixin,
    link,
    money,
    programme_of,
    two_lines,
    when,
)
from members.admin.search import member_ids_for_search
from tiers.models import MemberTier, TierChange

KIND_BADGES = {
    "entered": "info",
    "up": "success",
    "down": "danger",
    "kept": "success",
    "manual": "warning",
}


class MemberSearchMixin:
    """A list that is searched by who the member is."""

    def get_search_results(
        self, request: HttpRequest, queryset: Any, search_term: str
    ) -> tuple[Any, bool]:
        if not search_term.strip():
            return queryset, False
        return queryset.filter(member__in=member_ids_for_search(search_term)), False

    def get_changelist_instance(self, request: HttpRequest) -> Any:
        self.currency = str(programme_of(request).currency)
        return super().get_changelist_instance(request)  # type: ignore[misc]


@admin.register(MemberTier)
class MemberTierAdmin(MemberSearchMixin, ReadOnlyMixin, BigTableMixin, ConsoleAdmin):
    list_display = ("who", "tier", "since_day", "kept_through", "num_spend", "by_hand")
    list_filter = ("tier", "ladder")
    list_select_related = ("member", "tier", "manual_tier")
    search_fields = ("member__code",)
    search_help_text = _("Phone, card number, member code or name")
    ordering = ("-id",)
    empty_title = _("Nobody is in a tier yet")
    empty_text = _("Publish a ladder; members are placed on it at once.")

    @display(description=_("Member"))
    def who(self, row: MemberTier) -> str:
        return two_lines(link(row.member), row.member.code)

    @display(description=_("Since"), ordering="since")
    def since_day(self, row: MemberTier) -> str:
        return when(row.since)

    @display(description=_("Kept through"), ordering="holds_until")
    def kept_through(self, row: MemberTier) -> str:
        given = row.manual_tier_id == row.tier_id != row.earned_tier_id
        until = row.manual_until if given else row.holds_until
        return when(until) if until else str(_("for good"))

    @display(description=_("Spend that counts"))
    def num_spend(self, row: MemberTier) -> str:
        return money(row.spend, self.currency)

    @display(description=_("Given by staff"))
    def by_hand(self, row: MemberTier) -> str:
        if row.manual_tier is None:
            return NOTHING
        return two_lines(row.manual_tier, row.manual_note)


@admin.register(TierChange)
class TierChangeAdmin(MemberSearchMixin, ReadOnlyMixin, BigTableMixin, ConsoleAdmin):
    list_display = ("happened", "who", "kind_badge", "tiers", "why", "num_spend")
    list_filter = ("kind", "cause", "ladder")
    list_select_related = ("member", "from_tier", "to_tier")
    search_fields = ("member__code",)
    search_help_text = _("Phone, card number, member code or name")
    ordering = ("-id",)
    empty_title = _("Nothing has happened yet")
    empty_text = _("Every rise and fall of every member shows up here.")

    @display(description=_("When"), ordering="happened_at")
    def happened(self, row: TierChange) -> str:
        return when(row.happened_at)

    @display(description=_("Member"))
    def who(self, row: TierChange) -> str:
        return two_lines(link(row.member), row.member.code)

    @display(description=_("What happened"), label=KIND_BADGES)
    def kind_badge(self, row: TierChange) -> tuple[str, str]:
        return row.kind, row.get_kind_display()

    @display(description=_("Tier"))
    def tiers(self, row: TierChange) -> str:
        if row.from_tier is None or row.from_tier_id == row.to_tier_id:
            return str(row.to_tier)
        return f"{row.from_tier} → {row.to_tier}"

    @display(description=_("Cause"))
    def why(self, row: TierChange) -> str:
        cause = str(row.get_cause_display())
        said = " · ".join(part for part in (row.actor, row.note) if part)
        return two_lines(cause, said) if said else cause

    @display(description=_("Spend that counted"))
    def num_spend(self, row: TierChange) -> str:
        return money(row.spend, self.currency)
