"""When jobs run: the schedules of the clock, without the library's inner models."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.http import HttpRequest, HttpResponse
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _
from django_celery_beat.admin import PeriodicTaskAdmin, PeriodicTaskForm, TaskSelectWidget
from django_celery_beat.models import (
    ClockedSchedule,
    CrontabSchedule,
    IntervalSchedule,
    PeriodicTask,
    PeriodicTasks,
    SolarSchedule,
)
from unfold.decorators import display
from unfold.widgets import UnfoldAdminSelectWidget, UnfoldAdminTextInputWidget

from core.admin_tools import ConsoleAdmin, when

for model in (
    ClockedSchedule,
    CrontabSchedule,
    IntervalSchedule,
    PeriodicTask,
    PeriodicTasks,
    SolarSchedule,
):
    if admin.site.is_registered(model):
        admin.site.unregister(model)


class ScheduledTaskSelect(UnfoldAdminSelectWidget, TaskSelectWidget):
    """The library's list of known tasks, dressed like every other field."""


class ScheduleForm(PeriodicTaskForm):
    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if "regtask" in self.fields:
            self.fields["regtask"].widget = ScheduledTaskSelect()
            self.fields["regtask"].label = _("Job")
        if "task" in self.fields:
            self.fields["task"].widget = UnfoldAdminTextInputWidget()
            self.fields["task"].label = _("Job, if it is not in the list")


@admin.register(PeriodicTask)
class ScheduleAdmin(PeriodicTaskAdmin, ConsoleAdmin):
    form = ScheduleForm
    date_hierarchy = None
    list_display = ("name", "times", "state_badge", "last_run", "num_runs")
    list_filter = ("enabled",)
    search_fields = ("name", "task")
    actions = ("enable_tasks", "disable_tasks", "run_tasks")
    fieldsets = (
        (None, {"fields": ("name", "description", "enabled")}),
        (
            _("When"),
            {
                "fields": ("crontab", "interval", "last_run_at"),
                "description": _(
                    "Choose one: certain times of the day (crontab) or every so often "
                    "(interval)."
                ),
            },
        ),
        (
            _("What runs"),
            {"fields": ("regtask", "task", "args", "kwargs"), "classes": ("collapse",)},
        ),
    )
    readonly_fields = ("last_run_at",)

    def changeform_view(
        self,
        request: HttpRequest,
        object_id: str | None = None,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> HttpResponse:
        # The library's own method reads every crontab for an inline script; its next
        # base does the rest.
        return super(PeriodicTaskAdmin, self).changeform_view(
            request, object_id, form_url, extra_context
        )

    change_form_template = None

    @display(description=_("When"))
    def times(self, task: PeriodicTask) -> str:
        return str(task.crontab.human_readable if task.crontab else task.scheduler)

    @display(
        description=_("State"),
        label={"on": "success", "off": "warning"},
        ordering="enabled",
    )
    def state_badge(self, task: PeriodicTask) -> tuple[str, str | Promise]:
        return ("on", _("on")) if task.enabled else ("off", _("off"))

    @display(description=_("Last run"), ordering="last_run_at")
    def last_run(self, task: PeriodicTask) -> str:
        return when(task.last_run_at)

    @display(description=_("Runs"), ordering="total_run_count")
    def num_runs(self, task: PeriodicTask) -> int:
        return int(task.total_run_count)


class HiddenInMenu:
    """Reached from a schedule's form, never listed by itself."""

    def get_model_perms(self, request: HttpRequest) -> dict[str, bool]:
        return {}


@admin.register(CrontabSchedule)
class CrontabAdmin(HiddenInMenu, ConsoleAdmin):
    list_display = ("human_readable", "timezone")
    fields = ("minute", "hour", "day_of_month", "month_of_year", "day_of_week", "timezone")
    search_fields = ("minute", "hour")


@admin.register(IntervalSchedule)
class IntervalAdmin(HiddenInMenu, ConsoleAdmin):
    list_display = ("__str__",)
    fields = ("every", "period")
    search_fields = ("every", "period")
