"""The RFM grid: how many members, and what they spent, in each of its squares."""

from __future__ import annotations

import json
from collections import defaultdict
from decimal import Decimal
from typing import Any
from urllib.parse import urlencode

from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils.translation import gettext as _

from activities.models import RfmCount, RfmRun, RfmSettings
from activities.models.rfm import HIGHEST
from activities.rfm import rfm_days
from activities.rfm_cells import CELLS, SCALE, Cell, cell_at, value_score
from core.admin_tools import (
    NOTHING,
    ConsoleAdmin,
    ReadOnlyMixin,
    SingletonMixin,
    money,
    number,
    percent,
    programme_of,
    when,
)

TONES = {
    "champions": "good",
    "loyal": "good",
    "potential": "fair",
    "new": "fair",
    "attention": "warn",
    "drowsy": "warn",
    "at_risk": "bad",
    "must_keep": "bad",
    "sleeping": "warn",
    "lost": "bad",
}
Totals = dict[tuple[int, int], tuple[int, Decimal]]


@admin.register(RfmRun)
class RfmAdmin(ReadOnlyMixin, ConsoleAdmin):
    """The nights of comparison; their list is the grid of the last one."""

    def changelist_view(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        if not self.has_view_permission(request):
            raise PermissionDenied
        runs = RfmRun.objects.filter(finished_at__isnull=False)
        run = runs.order_by("-day").first()
        context = {
            **self.admin_site.each_context(request),
            "title": _("RFM groups"),
            "opts": self.opts,
            "media": self.media,
            "run": run,
            "days": run.days if run else rfm_days(),
            "may_change": request.user.has_perm("activities.change_rfmsettings"),
            "settings": reverse("admin:activities_rfmsettings_changelist"),
            "may_ask": request.user.has_perm("members.add_segment"),
            **(_grid(run, request) if run and run.num_members else {}),
        }
        return render(request, "admin/activities/rfmrun/grid.html", context)


@admin.register(RfmSettings)
class RfmSettingsAdmin(SingletonMixin, ConsoleAdmin):
    fields = ("days",)

    def page_title(self, obj: Any) -> str:
        return _("RFM period")


def _grid(run: RfmRun, request: HttpRequest) -> dict[str, Any]:
    """Return the squares and the named groups of a night. One query."""
    totals = _totals(run)
    currency = programme_of(request).currency
    spend = sum((one[1] for one in totals.values()), Decimal(0))
    squares = [
        {"recency": r, "squares": [_square(r, v, totals, run, currency) for v in SCALE]}
        for r in reversed(SCALE)
    ]
    groups = [_group(cell, totals, run, spend, currency) for cell in CELLS]
    groups.sort(key=lambda group: -group["spend_value"])
    return {
        "rows": squares,
        "groups": groups,
        "finding": _finding(groups),
        "day": when(run.day),
        "members": number(run.num_members),
        "spend": money(spend, currency),
        "scale": _scale(run, currency),
        "columns": list(SCALE),
    }


def _totals(run: RfmRun) -> Totals:
    totals: Totals = defaultdict(lambda: (0, Decimal(0)))
    for row in RfmCount.objects.filter(run=run):
        key = row.recency, value_score(row.frequency, row.monetary)
        members, spend = totals[key]
        totals[key] = members + row.members, spend + row.spend
    return totals


def _square(
    recency: int, value: int, totals: Totals, run: RfmRun, currency: str
) -> dict[str, Any]:
    cell = cell_at(recency, value)
    members, spend = totals[recency, value]
    return {
        "name": cell.name,
        "tone": TONES[cell.code],
        "members": number(members),
        "share": percent(members, run.num_members),
        "spend": money(spend, currency),
        "address": _asking(cell),
    }


def _group(
    cell: Cell, totals: Totals, run: RfmRun, all_spend: Decimal, currency: str
) -> dict[str, Any]:
    mine = [totals[r, v] for r in cell.recency for v in cell.value]
    members, spend = sum(one[0] for one in mine), sum((one[1] for one in mine), Decimal(0))
    return {
        "name": cell.name,
        "advice": cell.advice,
        "tone": TONES[cell.code],
        "members": number(members),
        "share": percent(members, run.num_members),
        "spend": money(spend, currency),
        "spend_value": spend,
        "spend_share": percent(int(spend), int(all_spend)),
        "address": _asking(cell),
    }


def _asking(cell: Cell) -> str:
    """Return the address at which a group is a new segment, filled in."""
    node = {"field": "rfm_cell", "is": "is", "value": cell.code}
    wanted = {
        "name": str(cell.name),
        "code": f"rfm-{cell.code}".replace("_", "-"),
        "conditions": json.dumps({"all": [node]}),
    }
    return f"{reverse('admin:members_segment_add')}?{urlencode(wanted)}"


def _finding(groups: list[dict[str, Any]]) -> str:
    best = groups[0]
    return _("%(group)s: %(share)s of the members, %(spend)s of the spend") % {
        "group": best["name"],
        "share": best["share"],
        "spend": best["spend_share"],
    }


def _scale(run: RfmRun, currency: str) -> list[dict[str, Any]]:
    """Say from which value each score begins; the highest first."""

    def begins(measure: str, score: int) -> str:
        cut = run.cuts.get(measure, {}).get(str(score))
        if cut is None:
            return NOTHING
        if measure == "monetary":
            return money(Decimal(cut), currency)
        if measure == "frequency":
            return number(int(Decimal(cut)))
        year, month, day = cut.split("-")
        return f"{day}/{month}/{year}"

    return [
        {
            "score": score,
            "recency": begins("recency", score),
            "frequency": begins("frequency", score),
            "monetary": begins("monetary", score),
        }
        for score in range(HIGHEST, 0, -1)
    ]
