"""The page of campaigns to begin with."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.urls import reverse
from django.utils.translation import gettext as _

from campaigns.errors import CampaignNotFound
from campaigns.gallery import GALLERY, GalleryCampaign, create_from_gallery
from campaigns.models import Campaign
from core.errors import DomainError
from core.happenings import happening_kinds
from members.segments import describe_conditions


def gallery_view(model_admin: Any, request: HttpRequest) -> HttpResponse:
    """Show what there is to begin with; a chosen one becomes a draft."""
    if not model_admin.has_add_permission(request):
        raise PermissionDenied
    if request.method == "POST":
        return _create(model_admin, request, request.POST.get("template", ""))
    frame = {
        **model_admin.admin_site.each_context(request),
        "opts": model_admin.opts,
        "title": _("Campaigns to begin with"),
        "cards": [{"one": one, "who": _who(one), "event": _event(one)} for one in GALLERY],
        "back": reverse("admin:campaigns_campaign_changelist"),
        "blank": f"{reverse('admin:campaigns_campaign_add')}?blank=1",
    }
    return render(request, "admin/campaigns/campaign/gallery.html", frame)


def _who(one: GalleryCampaign) -> str:
    """Say whom it finds; one whose question cannot be asked here yet says so."""
    try:
        return describe_conditions(dict(one.conditions), {"days": 45})
    except DomainError as error:
        return str(error)


def _event(one: GalleryCampaign) -> str:
    """Say what has to happen for it to begin."""
    kind = happening_kinds().get(str(one.settings.get("event", "")))
    return _("Each time a member %(event)s.") % {"event": kind.label} if kind else ""


def _create(model_admin: Any, request: HttpRequest, code: str) -> HttpResponse:
    try:
        campaign: Campaign = create_from_gallery(code)
    except CampaignNotFound as error:
        raise Http404(str(error)) from error
    except DomainError as error:
        messages.error(request, str(error))
        return HttpResponseRedirect(reverse("admin:campaigns_campaign_gallery"))
    model_admin.log_addition(request, campaign, f"From the template {code}.")
    messages.success(
        request, _("A draft was made. Read it, change what you like, then start it.")
    )
    address = reverse("admin:campaigns_campaign_change", args=[campaign.pk])
    return HttpResponseRedirect(address)
