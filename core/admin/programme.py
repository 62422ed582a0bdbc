"""The programme's settings and the record of its jobs."""

from __future__ import annotations

from django.contrib import admin
from django.db.models import DecimalField
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _
from unfold.decorators import display
from unfold.widgets import UnfoldAdminColorInputWidget

from core.admin_tools import (
    BigTableMixin,
    ConsoleAdmin,
    ReadOnlyMixin,
    SingletonMixin,
    when,
)
from core.form_fields import AmountField
from core.models import JobRun, Programme

RUN_BADGES = {"running": "info", "done": "success", "failed": "danger"}


@admin.register(Programme)
class ProgrammeAdmin(SingletonMixin, ConsoleAdmin):
    fieldsets = (
        (_("What members see"), {"fields": ("name", "unit_name", "brand_color")}),
        (_("Money and time"), {"fields": ("currency", "time_zone")}),
        (_("Two people for one act"), {"fields": ("gift_approval_above",)}),
        (_("What is kept"), {"fields": ("records_days",)}),
        (_("Help for members"), {"fields": ("support_phone", "terms_url")}),
    )

    def formfield_for_dbfield(self, db_field, request: HttpRequest, **kwargs):  # type: ignore[no-untyped-def]
        if db_field.name == "brand_color":
            kwargs["widget"] = UnfoldAdminColorInputWidget()
        if db_field.name == "terms_url":
            kwargs["assume_scheme"] = "https"
        if isinstance(db_field, DecimalField):
            kwargs["form_class"] = AmountField
        return super().formfield_for_dbfield(db_field, request, **kwargs)


@admin.register(JobRun)
class JobRunAdmin(ReadOnlyMixin, BigTableMixin, ConsoleAdmin):
    list_display = ("job", "period", "state_badge", "started", "finished", "num_attempts")
    list_filter = ("state",)
    search_fields = ("job", "period")
    ordering = ("-id",)
    fieldsets = (
        (None, {"fields": ("job", "period", "state", "attempts")}),
        (_("When"), {"fields": ("started_at", "finished_at", "leased_until")}),
        (_("Result"), {"fields": ("result", "error")}),
    )
    empty_title = _("No job has run yet")
    empty_text = _("Jobs run by the clock; their schedule is under Settings → Schedules.")

    @display(description=_("State"), label=RUN_BADGES, ordering="state")
    def state_badge(self, run: JobRun) -> tuple[str, str]:
        return run.state, run.get_state_display()

    @display(description=_("Started"))
    def started(self, run: JobRun) -> str:
        return when(run.started_at)

    @display(description=_("Finished"))
    def finished(self, run: JobRun) -> str:
        return when(run.finished_at)

    @display(description=_("Attempts"))
    def num_attempts(self, run: JobRun) -> int:
        return run.attempts
