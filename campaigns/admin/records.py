"""What campaigns did: runs and enrolments, to be read."""

from __future__ import annotations

from django.contrib import admin
from django.db.models import Q, QuerySet
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _
from unfold.contrib.filters.admin import AutocompleteSelectFilter
from unfold.decorators import display

from campaigns.admin.views import facts
from campaigns.models import CampaignRun, Enrolment
from campaigns.steps import KINDS
from core.admin_tools import NOTHING, BigTableMixin, ConsoleAdmin, ReadOnlyMixin, link, when
from members.admin import member_ids_for_search

RUN_BADGES = {"running": "info", "done": "success", "failed": "danger"}
ENROLMENT_BADGES = {
    "active": "info",
    "returned": "success",
    "left": "warning",
    "done": "default",
}


@admin.register(CampaignRun)
class CampaignRunAdmin(ReadOnlyMixin, BigTableMixin, ConsoleAdmin):
    list_display = ("started", "campaign", "state_badge", "dry", "by", "result")
    list_filter = ("state", "is_dry", "trigger", ("campaign", AutocompleteSelectFilter))
    list_select_related = ("campaign",)
    ordering = ("-id",)
    readonly_fields = ("result",)
    fieldsets = (
        (None, {"fields": ("campaign", "state", "is_dry", "result", "error")}),
        (
            _("When and by whom"),
            {"fields": ("at", "started_at", "finished_at", "trigger", "actor")},
        ),
    )
    empty_title = _("No campaign has run yet")
    empty_text = _("Start a campaign; the clock runs it, and each run is noted here.")

    def page_title(self, obj: CampaignRun) -> str:
        return f"{obj.campaign} · {when(obj.started_at)}"

    @display(description=_("Started"))
    def started(self, run: CampaignRun) -> str:
        return when(run.started_at)

    @display(description=_("State"), label=RUN_BADGES, ordering="state")
    def state_badge(self, run: CampaignRun) -> tuple[str, str]:
        return run.state, run.get_state_display()

    @display(description=_("Kind"))
    def dry(self, run: CampaignRun) -> str:
        return str(_("dry run") if run.is_dry else _("run"))

    @display(description=_("By"))
    def by(self, run: CampaignRun) -> str:
        return run.actor or run.get_trigger_display()

    @display(description=_("Result"))
    def result(self, run: CampaignRun) -> str:
        return " · ".join(facts(run))


@admin.register(Enrolment)
class EnrolmentAdmin(ReadOnlyMixin, BigTableMixin, ConsoleAdmin):
    list_display = (
        "who",
        "campaign",
        "state_badge",
        "stands_at",
        "entered",
        "closed",
        "order_link",
    )
    list_filter = ("state", "is_holdout", ("campaign", AutocompleteSelectFilter))
    list_select_related = ("member", "campaign", "return_order", "step")
    readonly_fields = ("stands_at",)
    search_fields = ("episode",)
    search_help_text = _("A member's phone, code or name")
    ordering = ("-id",)
    fields = (
        "member",
        "campaign",
        "state",
        "is_holdout",
        "version",
        "stands_at",
        "due_at",
        "episode",
        "entered_at",
        "closed_at",
        "return_order",
    )
    empty_title = _("Nobody is in a campaign yet")
    empty_text = _("Start a campaign and whom it takes in is listed here.")

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Enrolment], search_term: str
    ) -> tuple[QuerySet[Enrolment], bool]:
        if not search_term.strip():
            return queryset, False
        members = member_ids_for_search(search_term)
        return queryset.filter(Q(member_id__in=members)), False

    def page_title(self, obj: Enrolment) -> str:
        return f"{obj.member} · {obj.campaign}"

    @display(description=_("Member"))
    def who(self, enrolment: Enrolment) -> str:
        return str(enrolment.member)

    @display(description=_("State"), label=ENROLMENT_BADGES, ordering="state")
    def state_badge(self, enrolment: Enrolment) -> tuple[str, str]:
        return enrolment.state, enrolment.get_state_display()

    @display(description=_("Stands at"))
    def stands_at(self, enrolment: Enrolment) -> str:
        if enrolment.is_holdout:
            return str(_("left alone, to compare"))
        if enrolment.step is None:
            return NOTHING
        return KINDS[enrolment.step.kind].describe(enrolment.step)

    @display(description=_("Entered"))
    def entered(self, enrolment: Enrolment) -> str:
        return when(enrolment.entered_at)

    @display(description=_("Closed"))
    def closed(self, enrolment: Enrolment) -> str:
        return when(enrolment.closed_at)

    @display(description=_("Came back with"))
    def order_link(self, enrolment: Enrolment) -> str:
        return link(enrolment.return_order)
