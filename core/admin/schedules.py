"""When jobs run: the schedules of the clock, without the library's inner models."""

from __future__ import annotations

import json
from typing import Any

from celery import current_app
from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext_lazy
from django_celery_beat.admin import PeriodicTaskAdmin, PeriodicTaskForm, TaskSelectWidget
from django_celery_beat.models import (
    ClockedSchedule,
    CrontabSchedule,
    IntervalSchedule,
    PeriodicTask,
    PeriodicTasks,
    SolarSchedule,
)
from kombu.exceptions import OperationalError
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

    def page_title(self, obj: PeriodicTask) -> str:
        return str(obj.name)

    @admin.action(description=_("Run now"))
    def run_tasks(self, request: HttpRequest, queryset: QuerySet[PeriodicTask]) -> None:
        """Ask a worker now. Without the entry's name it is no repeat of the last slot."""
        try:
            for entry in queryset:
                current_app.send_task(
                    entry.task,
                    args=json.loads(entry.args or "[]"),
                    kwargs=json.loads(entry.kwargs or "{}"),
                    queue=entry.queue,
                )
        except OperationalError:
            text = _("The message broker does not answer. Nothing was started; try again.")
            self.message_user(request, text, messages.ERROR)
            return
        self.message_user(request, _("Started. The list of runs shows what came of it."))

    @display(description=_("When"))
    def times(self, task: PeriodicTask) -> str:
        return describe_times(task)

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


PERIODS = {
    IntervalSchedule.DAYS: ngettext_lazy("every day", "every %(count)s days", "count"),
    IntervalSchedule.HOURS: ngettext_lazy("every hour", "every %(count)s hours", "count"),
    IntervalSchedule.MINUTES: ngettext_lazy(
        "every minute", "every %(count)s minutes", "count"
    ),
    IntervalSchedule.SECONDS: ngettext_lazy(
        "every second", "every %(count)s seconds", "count"
    ),
}


def describe_times(task: PeriodicTask) -> str:
    """Say when a job runs; a crontab that is not simple is shown as it is written."""
    if task.interval and task.interval.period in PERIODS:
        return str(PERIODS[task.interval.period] % {"count": task.interval.every})
    if task.crontab is None:
        return str(task.scheduler)
    times = task.crontab
    days = (times.day_of_month, times.month_of_year, times.day_of_week)
    if days != ("*", "*", "*"):
        return f"{times.minute} {times.hour} {' '.join(days)}"
    if times.minute.isdigit() and times.hour.isdigit():
        at = f"{int(times.hour):02}:{int(times.minute):02}"
        return str(_("every day at %(at)s")) % {"at": at}
    if times.hour == "*" and times.minute.startswith("*/"):
        every = int(times.minute[2:])
        return str(PERIODS[IntervalSchedule.MINUTES] % {"count": every})
    if times.hour == "*" and times.minute.isdigit():
        return str(_("every hour, at minute %(minute)s")) % {"minute": times.minute}
    return f"{times.minute} {times.hour} * * *"


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
