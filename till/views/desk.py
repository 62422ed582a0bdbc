"""The till itself: one field, one camera, and the day so far."""

from __future__ import annotations

from typing import Any

from django.http import HttpResponse
from django.shortcuts import redirect
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST, require_safe

from core.errors import DomainError, NotFound
from core.models import Programme
from till.access import TillRequest, till_required
from till.day import day_of, totals_of
from till.recognising import Recognised, recognise
from till.rendering import render_page, render_refusal
from till.serving import facts_of
from till.shown import show, shown

PAGE = "till/home.html"


@require_safe
@till_required
def home(request: TillRequest) -> HttpResponse:
    """Show the field, the camera's button and what today came to."""
    return render_page(request, PAGE, _page(request))


@require_POST
@till_required
def look_up(request: TillRequest) -> HttpResponse:
    """Find out what was scanned or typed, and go to its page."""
    typed = request.POST.get("q", "")
    at = timezone.now()
    try:
        found = recognise(request.desk, typed, at=at)
        if found.is_nothing:
            raise NotFound(
                _("This is no voucher, card or phone number that is known here.")
            )
    except DomainError as refusal:
        page = _page(request)
        page |= {"typed": typed.strip()[:60], "is_unknown": refusal.status == 404}
        return render_refusal(request, PAGE, refusal, page)
    return _open(request, found)


@require_safe
@till_required
def day(request: TillRequest) -> HttpResponse:
    """Show what this person did here today."""
    programme = Programme.current()
    page = {"day": day_of(request.desk, programme=programme, at=timezone.now())}
    return render_page(request, "till/day.html", page, programme=programme)


def _open(request: TillRequest, found: Recognised) -> HttpResponse:
    """Give what was found an address of its own, and go there."""
    if found.code:
        served = _served(request)
        return redirect("till:voucher", show(request, "voucher", code=found.code, **served))
    if found.redemption is not None:
        token = show(request, "redemption", redemption=found.redemption.pk)
        return redirect("till:redemption", token)
    if found.member is not None:
        facts = facts_of(found.member, found.proof, at=timezone.now())
        return redirect("till:member", show(request, "member", **facts))
    return redirect("till:join", show(request, "join", phone=found.phone))


def _served(request: TillRequest) -> dict[str, Any]:
    """Return who is being served, where a voucher is scanned on their page."""
    token = request.POST.get("served", "")
    if not token:
        return {}
    facts = shown(request, token, "member")
    return {"served": {name: facts[name] for name in ("member", "proof", "since")}}


def _page(request: TillRequest) -> dict[str, Any]:
    return {"place": "home", "totals": totals_of(request.desk, at=timezone.now())}
