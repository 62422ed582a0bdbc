"""The page that sends some members through a journey in simulated time."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import get_object_or_404, render
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _

from campaigns.admin.acts import available_acts
from campaigns.admin.phrases import count_phrases
from campaigns.models import Campaign
from campaigns.services import edited_version
from campaigns.simulating import SimulatedMoment, Simulation, simulate
from core.admin_tools import number, when
from core.errors import DomainError
from messaging.admin.phone import phone_of
from messaging.models import Channel


def simulation_view(model_admin: Any, request: HttpRequest, pk: int) -> HttpResponse:
    """Show what would happen when; of the draft of the steps where there is one."""
    if not model_admin.has_view_permission(request):
        raise PermissionDenied
    campaign = get_object_or_404(Campaign, pk=pk)
    back = reverse("admin:campaigns_campaign_change", args=[campaign.pk])
    try:
        told = simulate(campaign, version=edited_version(campaign), at=timezone.now())
    except DomainError as error:
        messages.error(request, str(error))
        return HttpResponseRedirect(back)
    frame = {
        **model_admin.admin_site.each_context(request),
        "opts": model_admin.opts,
        "original": campaign,
        "title": _("The way of “%(name)s” in simulated time") % {"name": campaign.name},
        "total": number(told.total),
        "sample": number(told.sample),
        "moments": [_moment(told, one) for one in told.moments],
        "readers": _messages(told),
        "acts": [
            act
            for act in available_acts(campaign, request.user)
            if act.code in ("start", "send", "resume")
        ],
        "back": back,
    }
    return render(request, "admin/campaigns/campaign/simulation.html", frame)


def _moment(told: Simulation, one: SimulatedMoment) -> dict[str, Any]:
    counts = {
        name: told.scaled(value) if isinstance(value, int) else told.scaled_parts(value)
        for name, value in one.counts.items()
    }
    days = (one.at - told.moments[0].at).days
    return {"at": when(one.at), "days": days, "facts": count_phrases(counts)}


def _messages(told: Simulation) -> dict[str, list[dict[str, Any]]]:
    labels = dict(Channel.choices)
    return {
        member: [
            {
                "at": when(one.at),
                "channel": labels.get(one.channel, one.channel),
                "phone": phone_of(one.text),
            }
            for one in read
        ]
        for member, read in told.messages.items()
    }
