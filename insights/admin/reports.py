"""The doors of the reports: who may look, who may take them away."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, HttpResponseBase, HttpResponseRedirect
from django.shortcuts import get_object_or_404, render
from django.urls import path, reverse
from django.utils import timezone
from django.utils.translation import gettext as _

from core.admin_tools import ConsoleAdmin, ReadOnlyMixin
from core.exports import CSV, XLSX, table_response
from insights.admin.period import PeriodForm
from insights.admin.points_page import books_table, points_context
from insights.admin.settlement_page import (
    movements_table,
    settlement_context,
    settlement_table,
)
from points.accounting import report_points
from points.models import DayTotal, Funder
from points.settlement import settle_funders


@admin.register(DayTotal)
class DayTotalAdmin(ReadOnlyMixin, ConsoleAdmin):
    """Both reports of points; the list of totals itself is the report by day."""

    def has_export_permission(self, request: HttpRequest) -> bool:
        return bool(request.user.has_perm("points.export_daytotal"))

    def get_urls(self) -> list[Any]:
        own = (
            ("export/", self.export_view, "points_daytotal_export"),
            ("settlement/", self.settlement_view, "points_settlement"),
            (
                "settlement/export/",
                self.settlement_export_view,
                "points_settlement_export",
            ),
            (
                "settlement/<slug:code>/export/",
                self.movements_export_view,
                "points_settlement_movements",
            ),
        )
        wrap = self.admin_site.admin_view
        urls = [path(route, wrap(view), name=name) for route, view, name in own]
        return [*urls, *super().get_urls()]

    def changelist_view(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """Show the books of a wallet, day by day."""
        self._check(request)
        form = PeriodForm.of(request, with_wallet=True)
        report = None
        if form.is_valid() and form.wallet is not None:
            report = report_points(
                wallet=form.wallet, first=form.first, last=form.last, at=timezone.now()
            )
        context = points_context(form, report)
        return self._page(request, "points", _("Points by day"), context)

    def export_view(self, request: HttpRequest) -> HttpResponseBase:
        """Hand out the books as a file, with every column."""
        self._check(request, export=True)
        form = PeriodForm.of(request, with_wallet=True)
        if not form.is_valid() or form.wallet is None:
            return self._back(request, "points_daytotal_changelist")
        report = report_points(
            wallet=form.wallet, first=form.first, last=form.last, at=timezone.now()
        )
        name = f"points-{form.wallet.code}-{form.first}-{form.last}"
        return table_response(name, *books_table(report), kind=_kind(request))

    def settlement_view(self, request: HttpRequest) -> HttpResponse:
        """Show what other parties pay for."""
        self._check(request)
        form = PeriodForm.of(request)
        lines = []
        if form.is_valid():
            lines = settle_funders(first=form.first, last=form.last)
        context = settlement_context(form, lines)
        return self._page(
            request, "settlement", _("Settlement of funding parties"), context
        )

    def settlement_export_view(self, request: HttpRequest) -> HttpResponseBase:
        self._check(request, export=True)
        form = PeriodForm.of(request)
        if not form.is_valid():
            return self._back(request, "points_settlement")
        lines = settle_funders(first=form.first, last=form.last)
        name = f"settlement-{form.first}-{form.last}"
        return table_response(name, *settlement_table(lines), kind=_kind(request))

    def movements_export_view(self, request: HttpRequest, code: str) -> HttpResponseBase:
        """Hand out every movement that one party pays for; that it was taken is noted."""
        self._check(request, export=True)
        funder = get_object_or_404(Funder, code=code)
        form = PeriodForm.of(request)
        if not form.is_valid():
            return self._back(request, "points_settlement")
        period = f"{form.first} – {form.last}"
        self.log_change(request, funder, f"Exported the settlement of {period}.")
        table = movements_table(funder, form.first, form.last)
        name = f"settlement-{funder.code}-{form.first}-{form.last}"
        return table_response(name, *table, kind=_kind(request))

    def _check(self, request: HttpRequest, *, export: bool = False) -> None:
        allowed = self.has_view_permission(request)
        if not allowed or (export and not self.has_export_permission(request)):
            raise PermissionDenied

    def _back(self, request: HttpRequest, name: str) -> HttpResponse:
        """Show the page of the file instead: it says what is wrong with the period."""
        address = reverse(f"admin:{name}")
        return HttpResponseRedirect(f"{address}?{request.GET.urlencode()}")

    def _page(
        self, request: HttpRequest, template: str, title: str, context: dict[str, Any]
    ) -> HttpResponse:
        frame = {
            **self.admin_site.each_context(request),
            "title": title,
            "may_export": self.has_export_permission(request),
            "media": self.media,
        }
        return render(request, f"admin/insights/{template}.html", {**frame, **context})


def _kind(request: HttpRequest) -> str:
    return XLSX if request.GET.get("format") == XLSX else CSV
