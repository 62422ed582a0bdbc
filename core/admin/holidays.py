"""Public holidays: the known ones at a press of a button, the rest by hand."""

from __future__ import annotations

from typing import Any

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.urls import path, reverse
from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext
from unfold.decorators import action, display

from core.admin_tools import ConsoleAdmin
from core.clock import local_date
from core.holidays import fill_holidays, public_holidays
from core.models import Holiday


@admin.register(Holiday)
class HolidayAdmin(ConsoleAdmin):
    list_display = ("day_shown", "name")
    search_fields = ("name",)
    date_hierarchy = "day"
    fields = ("day", "name")
    actions_list = ("fill_page",)
    empty_title = _("No public holidays yet")
    empty_text = _("Add Tết and the other public holidays; earn rules can ask for them.")

    def get_urls(self) -> list[Any]:
        fill = path(
            "fill/", self.admin_site.admin_view(self.fill_view), name="core_holiday_fill"
        )
        return [fill, *super().get_urls()]

    @action(
        description=_("Fill in public holidays"),
        icon="event_upcoming",
        permissions=["add"],
        url_path="to-fill",
    )
    def fill_page(self, request: HttpRequest) -> HttpResponse:
        return HttpResponseRedirect(reverse("admin:core_holiday_fill"))

    def fill_view(self, request: HttpRequest) -> HttpResponse:
        """Show the days that are missing this year and the next, then add them."""
        if not self.has_add_permission(request):
            raise PermissionDenied
        back = reverse("admin:core_holiday_changelist")
        year = local_date(timezone.now()).year
        years = (year, year + 1)
        if request.method == "POST":
            added = fill_holidays(years)
            text = ngettext("%(days)s day added.", "%(days)s days added.", added)
            messages.success(request, text % {"days": added})
            return HttpResponseRedirect(back)
        known = set(
            Holiday.objects.filter(day__year__in=years).values_list("day", flat=True)
        )
        missing = [day for day in public_holidays(years) if day.day not in known]
        context = {
            **self.admin_site.each_context(request),
            "title": _("Fill in public holidays"),
            "opts": self.opts,
            "question": _("Add Vietnam's public holidays of %(first)s and %(second)s?")
            % {"first": years[0], "second": years[1]},
            "consequences": [f"{day.day:%d/%m/%Y} · {day.name}" for day in missing]
            or [_("Every public holiday of these years is known already.")],
            "is_blocked": not missing,
            "submit": _("Add these days"),
            "action": request.path,
            "back": back,
        }
        return render(request, "admin/confirm.html", context)

    @display(description=_("Day"), ordering="day")
    def day_shown(self, holiday: Holiday) -> str:
        return f"{holiday.day:%d/%m/%Y}"
