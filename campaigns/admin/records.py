"""What campaigns did: runs and enrolments, to be read."""

from __future__ import annotations

from typing import Any

from django.contrib import admin, messages
from django.db.models import Q, QuerySet
from django.http import HttpRequest
from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext
from unfold.contrib.filters.admin import AutocompleteSelectFilter
from unfold.decorators import display

from campaigns.admin.views import facts
from campaigns.happenings import MAX_ATTEMPTS, try_again
from campaigns.models import CampaignRun, Enrolment, Happening
from campaigns.steps import KINDS
from campaigns.steps.waiting import happening_label
from core.admin_tools import (
    NOTHING,
    BigTableMixin,
    ConsoleAdmin,
    ReadOnlyMixin,
    link,
    number,
    when,
)
from core.happenings import happening_kinds
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


@admin.register(Happening)
class HappeningAdmin(ReadOnlyMixin, BigTableMixin, ConsoleAdmin):
    """What happened and no campaign could take in; what is waiting is gone in seconds."""

    list_display = ("what", "who", "happened", "why", "num_attempts")
    list_filter = ("kind", "error")
    list_select_related = ("member",)
    ordering = ("-id",)
    fields = ("what_it_was", "member", "reference", "happened_at", "attempts", "error")
    readonly_fields = ("what_it_was",)
    actions = ("try_again",)
    empty_title = _("Campaigns have taken everything in")
    empty_text = _(
        "What happens to members and failed five times would be listed here, to be tried "
        "again."
    )

    def get_queryset(self, request: HttpRequest) -> QuerySet[Happening]:
        return super().get_queryset(request).filter(attempts__gte=MAX_ATTEMPTS)

    def page_title(self, obj: Happening) -> str:
        return f"{happening_label(obj.kind)} · {when(obj.happened_at)}"

    def get_changelist_instance(self, request: HttpRequest) -> Any:
        """Read the names of what can happen once for the page."""
        self.labels = {code: kind.label for code, kind in happening_kinds().items()}
        return super().get_changelist_instance(request)

    @display(description=_("What happened"), ordering="kind")
    def what(self, happening: Happening) -> str:
        return str(self.labels.get(happening.kind, happening.kind))

    @display(description=_("What happened"))
    def what_it_was(self, happening: Happening) -> str:
        return happening_label(happening.kind)

    @display(description=_("Member"))
    def who(self, happening: Happening) -> str:
        return str(happening.member)

    @display(description=_("When"))
    def happened(self, happening: Happening) -> str:
        return when(happening.happened_at)

    @display(description=_("Error"), ordering="error")
    def why(self, happening: Happening) -> str:
        return happening.error or NOTHING

    @display(description=_("Attempts"))
    def num_attempts(self, happening: Happening) -> int:
        return happening.attempts

    def has_run_permission(self, request: HttpRequest) -> bool:
        return bool(request.user.has_perm("campaigns.run_campaign"))

    @admin.action(description=_("Try again"), permissions=["run"])
    def try_again(self, request: HttpRequest, chosen: QuerySet[Happening]) -> None:
        num_chosen, at = chosen.count(), timezone.now()
        num_tried = try_again(chosen, at=at)
        if num_tried:
            text = ngettext(
                "%(count)s event is tried again within seconds.",
                "%(count)s events are tried again within seconds.",
                num_tried,
            )
            messages.success(request, text % {"count": number(num_tried)})
        if num_late := num_chosen - num_tried:
            text = ngettext(
                "%(count)s event lies more than three days back and would move nobody.",
                "%(count)s events lie more than three days back and would move nobody.",
                num_late,
            )
            messages.warning(request, text % {"count": number(num_late)})


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
