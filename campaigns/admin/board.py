"""The board of a campaign in the console: the page, and the doors by which it saves."""

from __future__ import annotations

import json
from typing import Any

from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import get_object_or_404, render
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _

from campaigns.board import GIVEN_BY_ITSELF
from campaigns.journey import Journey
from campaigns.models import Campaign
from campaigns.services import (
    StepsRefused,
    discard_board,
    edited_version,
    has_draft,
    publish_board,
    read_board,
    save_board,
)
from campaigns.steps import KINDS
from core.errors import DomainError
from core.happenings import happening_kinds
from members.models import Tag
from messaging.models import MessageTemplate
from rewards.models import Benefit

MAX_BODY = 500_000


def board_view(model_admin: Any, request: HttpRequest, pk: int) -> HttpResponse:
    """Show the steps of a campaign: the draft where there is one, else those in force."""
    if not model_admin.has_view_permission(request):
        raise PermissionDenied
    campaign = get_object_or_404(Campaign, pk=pk)
    frame = {
        **model_admin.admin_site.each_context(request),
        "opts": model_admin.opts,
        "original": campaign,
        "campaign": campaign,
        "title": _("Steps of “%(name)s”") % {"name": campaign.name},
        "back": reverse("admin:campaigns_campaign_change", args=[campaign.pk]),
        "config": _config(campaign, may_change=model_admin.has_change_permission(request)),
    }
    return render(request, "admin/campaigns/campaign/board.html", frame)


def save_view(model_admin: Any, request: HttpRequest, pk: int) -> JsonResponse:
    """Keep the steps as the draft; answer what is wrong, or how the steps read."""
    campaign = _to_change(model_admin, request, pk)
    try:
        version = save_board(campaign=campaign, tree=_tree(request))
    except DomainError as error:
        return _refusal(error)
    model_admin.log_change(request, campaign, "steps")
    return JsonResponse(_state(campaign, version))


def publish_view(model_admin: Any, request: HttpRequest, pk: int) -> JsonResponse:
    """Put the draft in force for whoever enters from now on."""
    campaign = _to_change(model_admin, request, pk)
    actor = request.user.get_username()
    try:
        version = publish_board(campaign=campaign, at=timezone.now(), actor=actor)
    except DomainError as error:
        return _refusal(error)
    model_admin.log_change(request, campaign, f"steps published: version {version}")
    return JsonResponse(_state(campaign, version))


def discard_view(model_admin: Any, request: HttpRequest, pk: int) -> JsonResponse:
    """Throw the draft away; answer the steps that are in force."""
    campaign = _to_change(model_admin, request, pk)
    discard_board(campaign=campaign)
    model_admin.log_change(request, campaign, "draft of the steps discarded")
    return JsonResponse(_state(campaign, campaign.version))


def _to_change(model_admin: Any, request: HttpRequest, pk: int) -> Campaign:
    campaign = get_object_or_404(Campaign, pk=pk)
    if request.method != "POST" or not model_admin.has_change_permission(request, campaign):
        raise PermissionDenied
    return campaign


def _tree(request: HttpRequest) -> Any:
    problem = _("The steps did not arrive whole. Open the page again.")
    if len(request.body) > MAX_BODY:
        raise StepsRefused(problem)
    try:
        return json.loads(request.body)
    except ValueError:
        raise StepsRefused(problem) from None


def _refusal(error: DomainError) -> JsonResponse:
    told = {"error": str(error.message), "problems": error.extra.get("problems", [])}
    return JsonResponse(told, status=400)


def _state(campaign: Campaign, version: int) -> dict[str, Any]:
    """Return the steps with a sentence for each, and whether they are in force."""
    steps = Journey(campaign, version).steps
    return {
        "tree": read_board(campaign, version=version),
        "sentences": {step.key: KINDS[step.kind].describe(step) for step in steps},
        "version": version,
        "isDraft": version != campaign.version,
        "neverStarted": campaign.state == Campaign.State.DRAFT,
    }


def _config(campaign: Campaign, *, may_change: bool) -> dict[str, Any]:
    version = edited_version(campaign)
    address = "admin:campaigns_campaign_board"
    return {
        **_state(campaign, version),
        "hasDraft": has_draft(campaign),
        "mayChange": may_change,
        "urls": {
            name: reverse(f"{address}_{name}", args=[campaign.pk])
            for name in ("save", "publish", "discard")
        },
        "kinds": [
            {
                "code": kind.code,
                "label": str(kind.label),
                "hint": str(kind.hint),
                "icon": kind.icon,
            }
            for kind in KINDS.values()
        ],
        "choices": _choices(),
    }


def _choices() -> dict[str, list[Any]]:
    """Return what steps can point at, active ones only. Three queries and the kinds'."""
    templates = MessageTemplate.objects.filter(is_active=True).exclude(
        purpose=MessageTemplate.Purpose.ONE_TIME_CODE
    )
    benefits = Benefit.objects.filter(is_active=True, kind__in=GIVEN_BY_ITSELF)
    return {
        "template": [[one.pk, one.name] for one in templates],
        "benefit": [[one.pk, one.name] for one in benefits],
        "tag": [[one.pk, one.name] for one in Tag.objects.order_by("name")],
        "event": [
            [kind.code, str(kind.label), str(kind.group)]
            for kind in happening_kinds().values()
        ],
    }
