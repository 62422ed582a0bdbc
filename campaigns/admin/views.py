"""The pages behind a campaign's buttons: preview, confirm, do, run log, export."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import datetime
from typing import Any

from django.contrib import messages
from django.contrib.auth.models import User
from django.core.exceptions import PermissionDenied
from django.http import (
    Http404,
    HttpRequest,
    HttpResponse,
    HttpResponseBase,
    HttpResponseRedirect,
)
from django.shortcuts import get_object_or_404, render
from django.urls import path, reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from kombu.exceptions import OperationalError

from campaigns.admin import acts, board
from campaigns.admin.acts import (
    ACTS,
    Act,
    ask,
    available_acts,
    channel_sentence,
    holdout_lines,
    people,
)
from campaigns.admin.gallery import gallery_view
from campaigns.admin.phrases import count_phrases
from campaigns.admin.progress import run_progress
from campaigns.admin.simulation import simulation_view
from campaigns.approving import start_or_ask
from campaigns.models import Campaign, CampaignRun
from campaigns.services import (
    check_ready,
    drain_campaign,
    end_campaign,
    export_audience,
    log_export,
    pause_campaign,
    preview_campaign,
    resume_campaign,
)
from campaigns.tasks import hand_over
from core.admin_tools import link
from core.errors import DomainError
from core.exports import table_response
from members.segments import describe_conditions
from messaging.models import Channel

LOG_LENGTH = 50
SHORT_NAMES = {Channel.ZALO_UID.value: "OA", Channel.ZALO_PHONE.value: "ZNS"}
VERBS: dict[str, Callable[..., Campaign]] = {
    acts.RESUME.code: resume_campaign,
    acts.PAUSE.code: pause_campaign,
    acts.DRAIN.code: drain_campaign,
    acts.END.code: end_campaign,
}


def campaign_urls(model_admin: Any) -> list[Any]:
    """Return the addresses of these pages for the campaign's admin."""

    def wrap(view: Callable[..., HttpResponseBase]) -> Any:
        def page(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
            return view(model_admin, request, *args, **kwargs)

        return model_admin.admin_site.admin_view(page)

    return [
        path("templates/", wrap(gallery_view), name="campaigns_campaign_gallery"),
        path("<int:pk>/preview/", wrap(preview_view), name="campaigns_campaign_preview"),
        path("<int:pk>/board/", wrap(board.board_view), name="campaigns_campaign_board"),
        path(
            "<int:pk>/board/save/",
            wrap(board.save_view),
            name="campaigns_campaign_board_save",
        ),
        path(
            "<int:pk>/board/publish/",
            wrap(board.publish_view),
            name="campaigns_campaign_board_publish",
        ),
        path(
            "<int:pk>/board/discard/",
            wrap(board.discard_view),
            name="campaigns_campaign_board_discard",
        ),
        path(
            "<int:pk>/board/phone/",
            wrap(board.phone_view),
            name="campaigns_campaign_board_phone",
        ),
        path(
            "<int:pk>/simulation/",
            wrap(simulation_view),
            name="campaigns_campaign_simulation",
        ),
        path("<int:pk>/progress/", wrap(progress_view), name="campaigns_campaign_progress"),
        path("<int:pk>/runs/", wrap(runs_view), name="campaigns_campaign_runs"),
        path("<int:pk>/do/<slug:code>/", wrap(act_view), name="campaigns_campaign_act"),
    ]


def preview_view(model_admin: Any, request: HttpRequest, pk: int) -> HttpResponse:
    """Show how many, by which channel, and twenty of them with the reason for each."""
    campaign = _campaign(model_admin, request, pk)
    try:
        preview = preview_campaign(campaign=campaign, at=timezone.now())
        sentence = describe_conditions(campaign.conditions, campaign.parameters)
    except DomainError as error:
        messages.error(request, str(error))
        return _to_campaign(campaign)
    context = {
        "preview": preview,
        "count": people(preview.count),
        "sentence": sentence,
        "channels": channel_sentence(preview),
        "holdout": holdout_lines(campaign, preview),
        "sample": [
            {
                "member": link(one.member),
                "why": one.why,
                "channel": SHORT_NAMES.get(one.channel or "", ""),
            }
            for one in preview.members
        ],
        "acts": [
            act
            for act in available_acts(campaign, request.user)
            if act.code in ("start", "send", "resume", "run", "export")
        ],
    }
    return _page(model_admin, request, campaign, "preview.html", _("Preview"), context)


def act_view(
    model_admin: Any, request: HttpRequest, pk: int, code: str
) -> HttpResponseBase:
    """Ask before an act, and do it when the person has said yes."""
    campaign = _campaign(model_admin, request, pk)
    act = ACTS.get(code)
    if act is None or act in (acts.PREVIEW, acts.SIMULATION):
        raise Http404
    if not request.user.has_perm(act.permission):
        raise PermissionDenied
    if act not in acts.open_acts(campaign):
        messages.warning(request, _("That is no longer possible: look at its state."))
        return _to_campaign(campaign)
    try:
        if request.method == "POST":
            return _do(model_admin, request, campaign, act)
        question = ask(campaign, act, at=timezone.now())
    except DomainError as error:
        messages.error(request, str(error))
        return _to_campaign(campaign)
    context = {
        "question": question.question,
        "figure": question.figure,
        "consequences": question.consequences,
        "is_dangerous": act.is_dangerous,
        "submit": act.label,
        "action": request.path,
        "back": _address(campaign),
    }
    return _page(model_admin, request, campaign, "confirm.html", str(act.label), context)


def _do(
    model_admin: Any, request: HttpRequest, campaign: Campaign, act: Act
) -> HttpResponseBase:
    if act is acts.EXPORT_LIST:
        return _export(model_admin, request, campaign)
    if act in (acts.RUN_NOW, acts.DRY_RUN, acts.SEND):
        return _run_in_background(model_admin, request, campaign, act)
    actor, at = request.user.get_username(), timezone.now()
    if act is acts.START:
        if _waits(request, campaign):
            return _asked(model_admin, request, campaign)
    else:
        VERBS[act.code](campaign=campaign, at=at, actor=actor)
    model_admin.log_change(request, campaign, act.code)
    told = {"name": campaign.name, "state": campaign.get_state_display()}
    messages.success(request, _("Done: “%(name)s” is now %(state)s.") % told)
    if act is acts.START and campaign.begins_at_once:
        return _begin(request, campaign, actor=actor, at=at)
    return _to_campaign(campaign)


def _begin(
    request: HttpRequest, campaign: Campaign, *, actor: str, at: datetime
) -> HttpResponse:
    """Hand the first run to the worker; without a broker the clock does it later."""
    last = _last_run(campaign)
    try:
        hand_over(campaign, actor=actor, at=at)
    except OperationalError:
        messages.warning(
            request,
            _(
                "The background worker cannot be reached: members are taken in with the "
                "next run by the clock."
            ),
        )
        return _to_campaign(campaign)
    return _to_run(campaign, last)


def _waits(request: HttpRequest, campaign: Campaign) -> bool:
    """Start a campaign; tells whether a second person was asked instead."""
    assert isinstance(request.user, User), "the console lets nobody else in"
    asked = start_or_ask(campaign=campaign, by=request.user, at=timezone.now())
    return asked is not None


def _asked(model_admin: Any, request: HttpRequest, campaign: Campaign) -> HttpResponse:
    model_admin.log_change(request, campaign, "asked a second person")
    messages.warning(
        request,
        _("It reaches so many that a second person has to approve it. They were asked."),
    )
    return _to_campaign(campaign)


def _run_in_background(
    model_admin: Any, request: HttpRequest, campaign: Campaign, act: Act
) -> HttpResponse:
    """Hand a run to the worker and show how it goes; nothing long happens in a request."""
    check_ready(campaign)
    at, actor = timezone.now(), request.user.get_username()
    if act is acts.SEND and _waits(request, campaign):
        return _asked(model_admin, request, campaign)
    last = _last_run(campaign)
    try:
        hand_over(campaign, actor=actor, at=at, dry_run=act is acts.DRY_RUN)
    except OperationalError:
        messages.error(
            request,
            _("The background worker cannot be reached, so nothing was done. Try later."),
        )
        return _to_campaign(campaign)
    model_admin.log_change(request, campaign, act.code)
    return _to_run(campaign, last)


def _last_run(campaign: Campaign) -> int:
    """Return the number of a campaign's last run so far, 0 where there is none."""
    runs = CampaignRun.objects.filter(campaign=campaign).order_by("-pk")
    return runs.values_list("pk", flat=True).first() or 0


def _to_run(campaign: Campaign, last: int) -> HttpResponse:
    """Go to the campaign's page, which shows how the run goes that comes after another."""
    return HttpResponseRedirect(f"{_address(campaign)}?after={last}")


def progress_view(model_admin: Any, request: HttpRequest, pk: int) -> HttpResponse:
    """Show how the run goes, for the part of the page that asks again and again."""
    campaign = _campaign(model_admin, request, pk)
    progress = run_progress(campaign, request)
    # What else stands on the page is older than this answer.
    context = {"campaign": campaign, "progress": progress, "is_asked_again": True}
    return render(request, "admin/campaigns/campaign/_progress.html", context)


def runs_view(model_admin: Any, request: HttpRequest, pk: int) -> HttpResponse:
    """Show the run log; it refreshes itself while a run is under way."""
    campaign = _campaign(model_admin, request, pk)
    runs = list(campaign.runs.order_by("-pk")[:LOG_LENGTH])
    context = {
        "runs": [run_row(run) for run in runs],
        "is_live": any(run.state == CampaignRun.State.RUNNING for run in runs[:3]),
    }
    return _page(model_admin, request, campaign, "runs.html", _("Run log"), context)


def run_row(run: CampaignRun) -> dict[str, Any]:
    """Return a run as a line of the log: when, by whom, what came of it."""
    return {"run": run, "who": run.actor or run.get_trigger_display(), "facts": facts(run)}


def facts(run: CampaignRun) -> list[str]:
    """Write the counts of a run as short phrases."""
    found = count_phrases(run.counts)
    if run.state == CampaignRun.State.RUNNING:
        return found or [_("under way…")]
    return found or [_("nothing to do")]


# --- the list as a file -------------------------------------------------------------------


def _export(model_admin: Any, request: HttpRequest, campaign: Campaign) -> HttpResponseBase:
    """Stream the list; that it was taken is noted before the first line leaves."""
    model_admin.log_change(request, campaign, "export of the list")
    rows = export_audience(campaign=campaign, at=timezone.now())
    titles = next(rows)
    name = f"{campaign.code}-{timezone.localdate():%Y-%m-%d}"
    actor = request.user.get_username()
    return table_response(name, titles, _counted(campaign, rows, actor))


def _counted(
    campaign: Campaign, rows: Iterator[list[str]], actor: str
) -> Iterator[list[str]]:
    """Hand the rows on; the last one writes the line in the run log."""
    num_rows = 0
    for row in rows:
        num_rows += 1
        yield row
    log_export(
        campaign=campaign,
        at=timezone.now(),
        trigger=CampaignRun.Trigger.STAFF,
        actor=actor,
        num_rows=num_rows,
    )


# --- small things ---------------------------------------------------------------------


def _campaign(model_admin: Any, request: HttpRequest, pk: int) -> Campaign:
    """Return the campaign if this person may see it."""
    if not model_admin.has_view_permission(request):
        raise PermissionDenied
    return get_object_or_404(Campaign, pk=pk)


def _address(campaign: Campaign) -> str:
    return reverse("admin:campaigns_campaign_change", args=[campaign.pk])


def _to_campaign(campaign: Campaign) -> HttpResponse:
    return HttpResponseRedirect(_address(campaign))


def _page(
    model_admin: Any,
    request: HttpRequest,
    campaign: Campaign,
    template: str,
    title: str,
    context: dict[str, Any],
) -> HttpResponse:
    folder = "admin" if template == "confirm.html" else "admin/campaigns/campaign"
    frame = {
        **model_admin.admin_site.each_context(request),
        "opts": model_admin.opts,
        "original": campaign,
        "campaign": campaign,
        "title": title,
        "back": _address(campaign),
    }
    return render(request, f"{folder}/{template}", {**frame, **context})
