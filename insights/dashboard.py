"""The console's first page: few numbers, the period before each, a way to each list."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from django.contrib import admin
from django.http import HttpRequest
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _

from campaigns.models import Campaign
from core.admin_tools import list_address, number, percent, when
from insights.figures import Figures, Pair, Week, current_figures
from insights.todo import todo_for
from rewards.alarms import Low, running_low

GRAY = "#808896"  # readable on the light ground and on the dark one
CHART_OPTIONS = {
    "animation": False,
    "responsive": True,
    "maintainAspectRatio": False,
    "datasets": {"bar": {"borderRadius": 3, "maxBarThickness": 40}},
    "plugins": {
        "legend": {
            "align": "start",
            "position": "bottom",
            "labels": {"color": GRAY, "boxWidth": 12, "boxHeight": 12},
        }
    },
    "scales": {
        "x": {"stacked": True, "grid": {"display": False}, "ticks": {"color": GRAY}},
        "y": {
            "stacked": True,
            "beginAtZero": True,
            "ticks": {"color": GRAY, "precision": 0},
        },
    },
}


@dataclass(frozen=True, slots=True)
class Tile:
    """One number: its name, its value, what it is compared with, where it leads."""

    title: str
    value: str
    detail: str
    trend: str
    address: str
    change: int = 0


def fill_index(request: HttpRequest, context: dict[str, Any]) -> dict[str, Any]:
    """Add the overview to the console's first page."""
    figures = current_figures(at=timezone.now())
    context.update(
        title=_("Overview"),
        tiles=_tiles(figures),
        finding=_finding(figures.weeks),
        chart=_chart(figures.weeks),
        chart_options=json.dumps(CHART_OPTIONS),
        weeks=figures.weeks,
        has_weeks=any(week.orders for week in figures.weeks),
        counted_at=when(figures.counted_at),
        campaigns=Campaign.objects.filter(state=Campaign.State.RUNNING),
        is_empty=not figures.members,
        low=_low(request),
        todo=todo_for(request.user, at=timezone.now()),
    )
    return context


def _low(request: HttpRequest) -> list[dict[str, str]]:
    """Return what runs low, of what this person may see, with the way to its page."""
    may = request.user.has_perm
    sees_pools, sees_stock = may("rewards.view_voucherbatch"), may("rewards.view_reward")
    if not sees_pools and not sees_stock:
        return []
    return [
        {"sentence": low.sentence, "address": _page_of(low)}
        for low in running_low(at=timezone.now())
        if (sees_pools if low.is_pool else sees_stock)
    ]


def _page_of(low: Low) -> str:
    if low.is_pool:
        filters = {"voucher_type__id__exact": low.subject.pk}
        return list_address("rewards.voucherbatch", **filters)
    if not admin.site.is_registered(type(low.subject)):
        return ""
    return reverse("admin:rewards_reward_change", args=[low.subject.pk])


def _tiles(figures: Figures) -> list[Tile]:
    return [
        _tile(
            _("Members"),
            figures.new_members,
            _("%(count)s new in 30 days") % {"count": number(figures.new_members.now)},
            _("new in the 30 days before"),
            list_address("members.member"),
            value=figures.members,
        ),
        _tile(
            _("Bought in the last 45 days"),
            figures.buyers,
            _("%(share)s of all members")
            % {"share": percent(figures.buyers.now, figures.members)},
            _("in the 45 days before"),
            list_address("members.member", recency="45"),
        ),
        _tile(
            _("Points given this month"),
            figures.issued,
            _("%(count)s redeemed") % {"count": number(figures.redeemed.now)},
            _("on the same days last month"),
            list_address("points.transfer", kind__exact="earn"),
        ),
        _tile(
            _("Messages in 30 days"),
            figures.sent,
            _("%(count)s delivered (%(share)s)")
            % {
                "count": number(figures.delivered.now),
                "share": percent(figures.delivered.now, figures.sent.now),
            },
            _("in the 30 days before"),
            list_address("messaging.message"),
        ),
        _tile(
            _("Came back in 30 days"),
            figures.returned,
            _("with an order after a come-back message"),
            _("in the 30 days before"),
            list_address(
                "campaigns.enrolment", state__exact="returned", is_holdout__exact=0
            ),
        ),
    ]


def _tile(
    title: str,
    pair: Pair,
    detail: str,
    period: str,
    address: str,
    value: int | None = None,
) -> Tile:
    shown = pair.now if value is None else value
    trend = _("%(count)s %(period)s") % {"count": number(pair.before), "period": period}
    change = (pair.now > pair.before) - (pair.now < pair.before)
    return Tile(title, number(shown), detail, trend, address, change)


def _finding(weeks: list[Week]) -> str:
    """Say what the chart shows: the last whole week against the weeks before it."""
    if not any(week.buyers for week in weeks):
        return _("Nobody has bought in the last 12 weeks")
    last = weeks[-1].buyers
    usual = sum(week.buyers for week in weeks[:-1]) / max(len(weeks) - 1, 1)
    facts = {"buyers": number(last), "usual": number(round(usual))}
    if last > usual * 1.05:
        return _("%(buyers)s members bought last week, more than usual (%(usual)s)") % facts
    if last < usual * 0.95:
        return (
            _("%(buyers)s members bought last week, fewer than usual (%(usual)s)") % facts
        )
    return _("%(buyers)s members bought last week, as many as usual (%(usual)s)") % facts


def _chart(weeks: list[Week]) -> str:
    """Return the data of the chart as the console's chart component reads it."""
    others = [week.buyers - week.returned for week in weeks]
    return json.dumps(
        {
            "labels": [f"{week.monday:%d/%m}" for week in weeks],
            "datasets": [
                {
                    "label": _("Came back after a message"),
                    "data": [week.returned for week in weeks],
                    "backgroundColor": "var(--color-primary-600)",
                    "stack": "buyers",
                },
                {
                    "label": _("Other members who bought"),
                    "data": others,
                    "backgroundColor": "var(--color-primary-300)",
                    "stack": "buyers",
                },
            ],
        }
    )
