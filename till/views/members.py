"""A member at the counter: their page, the code that proves them, and new ones."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from core.addresses import client_address
from core.clock import local_date
from core.errors import DomainError
from core.models import Programme
from core.phones import display_phone
from till.access import TillRequest, till_required
from till.forms import clean
from till.joining import join
from till.models import TillAct
from till.rendering import render_page, render_refusal
from till.serving import (
    Serving,
    check_code,
    check_may_serve,
    facts_of,
    send_code,
    serving_of,
)
from till.serving_page import serving_page
from till.shown import keep, show, shown

PAGE = "till/member.html"
PROVE_PAGE = "till/prove.html"
JOIN_PAGE = "till/join.html"


@require_safe
@till_required
def member(request: TillRequest, token: str) -> HttpResponse:
    """Show who it is, what they have, and what can be done for them."""
    serving = serving_of(token, shown(request, token, "member"))
    programme, at = Programme.current(), timezone.now()
    page: dict[str, Any] = {
        "token": token,
        "member": serving.member,
        "is_proved": serving.is_proved(at=at),
        "today": local_date(at),
    }
    try:
        check_may_serve(request.desk, serving.member)
    except DomainError as refusal:
        return render_refusal(request, "till/not_served.html", refusal, page)
    page["page"] = serving_page(request.desk, serving.member, programme=programme, at=at)
    return render_page(request, PAGE, page, programme=programme)


@require_POST
@till_required
def send(request: TillRequest, token: str) -> HttpResponse:
    """Send a code to the member's phone."""
    facts = shown(request, token, "member")
    serving, at = serving_of(token, facts), timezone.now()
    try:
        phone = send_code(request.desk, serving, ip=client_address(request), at=at)
    except DomainError as refusal:
        return _prove_page(request, serving, facts, refusal)
    keep(request, token, {**facts, "sent_to": phone})
    return redirect("till:prove", token)


@require_http_methods(["GET", "HEAD", "POST"])
@till_required
def prove(request: TillRequest, token: str) -> HttpResponse:
    """Take the code that the member tells; from then on they have shown who they are."""
    facts = shown(request, token, "member")
    serving, at = serving_of(token, facts), timezone.now()
    if request.method != "POST":
        return _prove_page(request, serving, facts)
    try:
        code = request.POST.get("code", "")[:20]
        check_code(request.desk, serving, code=code, at=at)
    except DomainError as refusal:
        return _prove_page(request, serving, facts, refusal)
    proof = TillAct.Proof.CODE.value
    keep(request, token, {"kind": "member", **facts_of(serving.member, proof, at=at)})
    messages.success(request, _("The code is right. It counts for 15 minutes."))
    return redirect("till:member", token)


@require_http_methods(["GET", "HEAD", "POST"])
@till_required
def new(request: TillRequest, token: str) -> HttpResponse:
    """Register a new member; whose number is known already is opened instead."""
    facts, at = shown(request, token, "join"), timezone.now()
    page = {"token": token, "phone": display_phone(facts["phone"]), "name": ""}
    if request.method != "POST":
        return render_page(request, JOIN_PAGE, page)
    page["name"] = clean(request.POST.get("name", ""))[:120]
    try:
        act = join(
            desk=request.desk,
            token=token,
            phone=facts["phone"],
            name=str(page["name"]),
            consent=request.POST.get("consent") == "on",
            at=at,
        )
    except DomainError as refusal:
        return render_refusal(request, JOIN_PAGE, refusal, page)
    assert act.member is not None, "a registration names its member"
    messages.success(request, _("Registered. They can earn from this purchase on."))
    opened = show(request, "member", **facts_of(act.member, "", at=at))
    return redirect("till:member", opened)


def _prove_page(
    request: TillRequest,
    serving: Serving,
    facts: dict[str, Any],
    refusal: DomainError | None = None,
) -> HttpResponse:
    page = {
        "token": serving.token,
        "member": serving.member,
        "sent_to": facts.get("sent_to", ""),
    }
    if refusal is not None:
        return render_refusal(request, PROVE_PAGE, refusal, page)
    return render_page(request, PROVE_PAGE, page)
