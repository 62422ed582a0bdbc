"""The board of a campaign in the console: the page, and the doors by which it saves."""

from __future__ import annotations

import json
from collections.abc import Collection
from datetime import timedelta
from typing import Any

from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import User
from django.contrib.contenttypes.models import ContentType
from django.core.exceptions import PermissionDenied
from django.db.models import Q
from django.http import Http404, HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import get_object_or_404, render
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _

from campaigns.admin.board_words import choices, words
from campaigns.approving import ask_to_publish, publishing_needs_approval
from campaigns.board import GIVEN_BY_ITSELF, MAX_DEPTH
from campaigns.journey import Journey
from campaigns.models import Campaign, Step
from campaigns.outline import how_it_ends, who_enters
from campaigns.services import (
    StepsRefused,
    board_stamp,
    discard_board,
    edited_version,
    has_draft,
    is_closed,
    publish_board,
    read_board,
    read_kept,
    save_board,
)
from campaigns.standing import standing
from campaigns.steps import KINDS
from campaigns.steps.messages import message_context
from core.admin_tools import number
from core.errors import DomainError
from core.happenings import happening_kinds
from members.admin.conditions import ConditionsWidget
from members.models import Tag
from messaging.admin.phone import Phone, phone_of
from messaging.models import ZALO_CHANNELS, Channel, MessageTemplate
from messaging.texts import names_in, preview_message
from rewards.models import Benefit

MAX_BODY = 500_000
SAVED = "steps"
# Saving goes on all the time while somebody works on a board: one line tells of it.
SAVED_ONCE_IN = timedelta(hours=1)
# What only a step knows and its template may speak of.
OWN_FIELDS = ("offer", "news", "valid_until")


def board_view(model_admin: Any, request: HttpRequest, pk: int) -> HttpResponse:
    """Show the steps of a campaign: the draft where there is one, else those in force.

    With ``in_force`` in the address always those in force, to look at only.
    """
    if not model_admin.has_view_permission(request):
        raise PermissionDenied
    campaign = _campaign(pk)
    is_in_force = "in_force" in request.GET
    version = campaign.version if is_in_force else edited_version(campaign)
    may_change = model_admin.has_change_permission(request) and not is_in_force
    conditions = ConditionsWidget(with_days=True).get_context("conditions", None, {})
    frame = {
        **model_admin.admin_site.each_context(request),
        "opts": model_admin.opts,
        "original": campaign,
        "campaign": campaign,
        "title": _("Steps of “%(name)s”") % {"name": campaign.name},
        "config": _config(campaign, version, may_change=may_change),
        "conditions_config": conditions["config"],
    }
    return render(request, "admin/campaigns/campaign/board.html", frame)


def save_view(model_admin: Any, request: HttpRequest, pk: int) -> JsonResponse:
    """Keep the steps as the draft; answer what is wrong, or how the steps read."""
    campaign = _to_change(model_admin, request, pk)
    try:
        told = _told(request)
        tree: Any = told.get("tree")
        version = save_board(
            campaign=campaign,
            tree=tree,
            kept=_ids(told.get("kept")),
            stamp=str(told.get("stamp")),
        )
    except DomainError as error:
        return _refusal(error)
    _note_saving(model_admin, request, campaign)
    return JsonResponse(_state(campaign, version))


def publish_view(model_admin: Any, request: HttpRequest, pk: int) -> JsonResponse:
    """Put the draft in force for whoever enters from now on."""
    campaign = _to_change(model_admin, request, pk)
    actor = request.user.get_username()
    at, stamp = timezone.now(), str(_told(request).get("stamp"))
    try:
        if stamp == board_stamp(campaign) and publishing_needs_approval(campaign, at=at):
            return _ask_second_person(model_admin, request, campaign)
        version = publish_board(campaign=campaign, at=at, actor=actor, stamp=stamp)
    except DomainError as error:
        return _refusal(error)
    model_admin.log_change(request, campaign, f"steps published: version {version}")
    return JsonResponse(_state(campaign, version))


def _ask_second_person(
    model_admin: Any, request: HttpRequest, campaign: Campaign
) -> JsonResponse:
    """Lay the draft before a second person, and say so where the board tells problems."""
    assert isinstance(request.user, User), "the console lets nobody else in"
    ask_to_publish(campaign=campaign, by=request.user, at=timezone.now())
    model_admin.log_change(request, campaign, "asked a second person")
    told = _("It reaches so many that a second person has to approve it. They were asked.")
    return JsonResponse({"error": told, "problems": []}, status=400)


def discard_view(model_admin: Any, request: HttpRequest, pk: int) -> JsonResponse:
    """Throw the draft away; answer the steps that are in force."""
    campaign = _to_change(model_admin, request, pk)
    try:
        discard_board(campaign=campaign, stamp=str(_told(request).get("stamp")))
    except DomainError as error:
        return _refusal(error)
    model_admin.log_change(request, campaign, "draft of the steps discarded")
    return JsonResponse(_state(campaign, campaign.version))


def phone_view(model_admin: Any, request: HttpRequest, pk: int) -> HttpResponse:
    """Draw the message of a step that may not be saved yet, as a phone shows it."""
    if not model_admin.has_view_permission(request):
        raise PermissionDenied
    template = request.GET.get("template", "")
    days = request.GET.get("valid_days", "")
    if not template.isdecimal():
        raise Http404
    step = Step(
        template=get_object_or_404(MessageTemplate, pk=template),
        offer=request.GET.get("offer", "")[:80],
        news=request.GET.get("news", "")[:200],
        valid_days=min(int(days), 365) if days.isdecimal() and len(days) < 4 else 14,
    )
    context = {"phone": phone_of_step(step)}
    return render(request, "admin/messaging/_phone.html", context)


def phone_of_step(step: Step) -> Phone:
    """Draw a step's message with sample facts and its own offer, be it empty."""
    assert step.template is not None, "a message step has one"
    now = timezone.now()
    own = message_context(step, at=now)
    try:
        preview = preview_message(
            step.template, None, now, context=own, channel=_first_channel(step.template)
        )
    except DomainError as error:
        return Phone(error=str(error))
    return phone_of(preview)


def _first_channel(template: MessageTemplate) -> str:
    """Return the channel whose picture is drawn: Zalo's where it goes by Zalo."""
    zalo = Channel.ZALO_PHONE.value
    if set(ZALO_CHANNELS) & set(template.channels):
        return zalo
    return str(next(iter(template.channels), zalo))


# --- what the page sends ------------------------------------------------------------------


def _campaign(pk: int) -> Campaign:
    return get_object_or_404(Campaign.objects.select_related("goal_benefit"), pk=pk)


def _to_change(model_admin: Any, request: HttpRequest, pk: int) -> Campaign:
    campaign = _campaign(pk)
    if request.method != "POST" or not model_admin.has_change_permission(request, campaign):
        raise PermissionDenied
    return campaign


def _told(request: HttpRequest) -> dict[str, Any]:
    problem = _("The steps did not arrive whole. Open the page again.")
    # No database keeps a letter of the code zero.
    if len(request.body) > MAX_BODY or b"\\u0000" in request.body:
        raise StepsRefused(problem)
    try:
        told = json.loads(request.body, parse_constant=_no_number)
    except (ValueError, RecursionError):
        raise StepsRefused(problem) from None
    if not isinstance(told, dict):
        raise StepsRefused(problem)
    return told


def _no_number(constant: str) -> None:
    raise ValueError(f"{constant} is no number that a database keeps.")


def _ids(value: Any) -> list[int] | None:
    """Read the tags that are kept on; None when the page says nothing of them."""
    if not isinstance(value, list):
        return None
    return [one for one in value if isinstance(one, int) and 0 < one < 2**63]


def _note_saving(model_admin: Any, request: HttpRequest, campaign: Campaign) -> None:
    """Note that this person works on the steps, unless that was noted a while ago."""
    lately = LogEntry.objects.filter(
        content_type=ContentType.objects.get_for_model(Campaign),
        object_id=str(campaign.pk),
        user=request.user.pk,
        action_time__gt=timezone.now() - SAVED_ONCE_IN,
    )
    last = lately.order_by("-pk").first()
    if last is None or last.change_message != SAVED:
        model_admin.log_change(request, campaign, SAVED)


# --- what the page is told ----------------------------------------------------------------


def _refusal(error: DomainError) -> JsonResponse:
    told = {
        "code": error.code,
        "error": str(error.message),
        "problems": error.extra.get("problems", []),
    }
    return JsonResponse(told, status=error.status)


def _state(campaign: Campaign, version: int) -> dict[str, Any]:
    """Return the steps with a sentence for each, and whether they are in force."""
    journey = Journey(campaign, version)
    found = standing(campaign, journey)
    is_draft = version != campaign.version
    return {
        "tree": read_board(campaign, version=version),
        "kept": read_kept(campaign, version=version),
        "sentences": {step.key: KINDS[step.kind].describe(step) for step in journey.steps},
        "version": version,
        "isDraft": is_draft,
        "neverStarted": campaign.state == Campaign.State.DRAFT,
        "stamp": board_stamp(campaign),
        "onTheWay": number(found.on_the_way) if found.on_the_way else "",
        "entered": number(found.entered) if found.entered and not is_draft else "",
        "through": number(found.through) if found.entered and not is_draft else "",
        "standing": {
            key: [
                number(at.here) if at.here else "",
                number(at.passed) if at.passed else "",
            ]
            for key, at in found.steps.items()
            if not is_draft and (at.here or at.passed)
        },
    }


def _config(campaign: Campaign, version: int, *, may_change: bool) -> dict[str, Any]:
    address = "admin:campaigns_campaign_board"
    board = reverse(address, args=[campaign.pk])
    urls = {
        name: reverse(f"{address}_{name}", args=[campaign.pk])
        for name in ("save", "publish", "discard", "phone")
    }
    return {
        "state": _state(campaign, version),
        "hasDraft": has_draft(campaign),
        "mayChange": may_change and not is_closed(campaign),
        "isClosed": is_closed(campaign),
        "maxDepth": MAX_DEPTH,
        "keepsTags": campaign.mode == Campaign.Mode.CONTINUOUS,
        "enters": who_enters(campaign),
        "ends": how_it_ends(campaign),
        "urls": {
            **urls,
            "board": board,
            "inForce": f"{board}?in_force",
            "campaign": reverse("admin:campaigns_campaign_change", args=[campaign.pk]),
        },
        "kinds": [
            {
                "code": kind.code,
                "label": str(kind.label),
                "hint": str(kind.hint),
                "icon": kind.icon,
                # A split's ways are told by its shares.
                "lanes": [
                    [code, str(label)] for code, label in kind.lanes(Step(kind=kind.code))
                ],
            }
            for kind in KINDS.values()
        ],
        "choices": {**choices(), **_targets(Journey(campaign, version).steps)},
        "words": words(),
    }


def _targets(steps: Collection[Step]) -> dict[str, list[Any]]:
    """Return what steps can point at: what is in use, and what stands there already.

    Four queries and the kinds'.
    """
    told = {step.template_id for step in steps}
    templates = (
        MessageTemplate.objects.exclude(purpose=MessageTemplate.Purpose.ONE_TIME_CODE)
        .filter(Q(is_active=True) | Q(pk__in=told))
        .prefetch_related("parameters")
    )
    given = {step.benefit_id for step in steps}
    usable = Q(is_active=True, kind__in=GIVEN_BY_ITSELF)
    benefits = Benefit.objects.filter(usable | Q(pk__in=given))
    return {
        "template": [[one.pk, _named(one), _own_fields(one)] for one in templates],
        "benefit": [[one.pk, _named(one)] for one in benefits],
        "tag": [[one.pk, one.name] for one in Tag.objects.order_by("name")],
        "event": [
            [kind.code, str(kind.label), str(kind.group)]
            for kind in happening_kinds().values()
        ],
    }


def _named(one: MessageTemplate | Benefit) -> str:
    if one.is_active:
        return one.name
    return _("%(name)s (switched off)") % {"name": one.name}


def _own_fields(template: MessageTemplate) -> list[str]:
    """Return which of the things that only a step knows a template speaks of."""
    names = names_in(template)
    return [name for name in OWN_FIELDS if name in names]
