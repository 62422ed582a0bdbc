"""The way in: a phone, then its code, then a question about news; and the way out."""

from __future__ import annotations

import secrets
from datetime import datetime
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_http_methods, require_POST

from core.addresses import client_address
from core.errors import DomainError
from core.phones import display_phone, mask_phone, normalise_phone
from members.models import Member
from portal.access import (
    MemberRequest,
    member_required,
    safe_next,
    session_member,
    sign_in,
    sign_out,
)
from portal.consent import answer_welcome, has_answered
from portal.language import carry_language
from portal.link import linked_member_phone
from portal.rendering import render_page, render_refusal
from portal.sign_in import RESEND_AFTER, check_code, request_code

# What the browser is in the middle of: phone, how it is shown, where to go, when sent.
STEP = "sign_in"
BROWSER = "sign_in_browser"


@require_http_methods(["GET", "HEAD", "POST"])
def phone(request: HttpRequest) -> HttpResponse:
    """Ask for the phone; send a code to it."""
    if session_member(request) is not None:
        return redirect(safe_next(request))
    token = request.POST.get("link") or request.GET.get("link") or ""
    linked = linked_member_phone(token) if token else ""
    page = {
        "next": safe_next(request),
        "link": token if linked else "",
        "hint": mask_phone(linked) if linked else "",
    }
    if request.method != "POST":
        return render_page(request, "portal/sign_in.html", page)
    typed = request.POST.get("phone", "")
    try:
        number = linked if linked and not typed else normalise_phone(typed)
        _send(request, number, shown=page["hint"] if not typed else "")
    except DomainError as refusal:
        page["phone"] = typed[:30]
        return render_refusal(request, "portal/sign_in.html", refusal, page)
    return redirect("portal:sign-in-code")


@require_http_methods(["GET", "HEAD", "POST"])
def code(request: HttpRequest) -> HttpResponse:
    """Ask for the code; sign in with it."""
    step = request.session.get(STEP)
    if step is None:
        return redirect("portal:sign-in")
    if request.method != "POST":
        return render_page(request, "portal/sign_in_code.html", _code_page(step))
    remember = bool(request.POST.get("remember"))
    try:
        member = check_code(
            phone=step["phone"],
            browser=request.session.get(BROWSER, ""),
            code=request.POST.get("code", "")[:20],
            at=timezone.now(),
        )
    except DomainError as refusal:
        page = {**_code_page(step), "remember": remember, "was_refused": True}
        return render_refusal(request, "portal/sign_in_code.html", refusal, page)
    sign_in(request, member, remember=remember)
    request.session.pop(STEP, None)
    request.session.pop(BROWSER, None)
    return _welcome_or_next(request, member, step["next"])


@require_POST
def resend(request: HttpRequest) -> HttpResponse:
    """Send another code to the same phone; the one before no longer counts."""
    step = request.session.get(STEP)
    if step is None:
        return redirect("portal:sign-in")
    try:
        _send(request, step["phone"], shown=step["shown"], next_path=step["next"])
    except DomainError as refusal:
        page = _code_page(step)
        return render_refusal(request, "portal/sign_in_code.html", refusal, page)
    return redirect("portal:sign-in-code")


@require_http_methods(["GET", "HEAD", "POST"])
@member_required
def welcome(request: MemberRequest) -> HttpResponse:
    """Ask who never said so whether news may be sent (nothing is ticked), and the name."""
    if has_answered(request.member):
        return redirect(safe_next(request))
    if request.method != "POST":
        return render_page(request, "portal/welcome.html", {"next": safe_next(request)})
    try:
        answer_welcome(
            member=request.member,
            name=request.POST.get("name", ""),
            is_given=request.POST.get("marketing") == "on",
            at=timezone.now(),
        )
    except DomainError as refusal:
        page = {"next": safe_next(request), "name": request.POST.get("name", "")}
        return render_refusal(request, "portal/welcome.html", refusal, page)
    return redirect(safe_next(request))


@require_POST
def leave(request: HttpRequest) -> HttpResponse:
    """Sign out, and let the browser forget what it kept for us."""
    sign_out(request)
    response = redirect("portal:home")
    response["Clear-Site-Data"] = '"storage"'
    return response


def _send(request: HttpRequest, number: str, *, shown: str, next_path: str = "") -> None:
    at = timezone.now()
    browser = request.session.get(BROWSER) or secrets.token_urlsafe(32)
    request_code(phone=number, browser=browser, ip=client_address(request), at=at)
    request.session[BROWSER] = browser
    request.session[STEP] = {
        "phone": number,
        "shown": shown or display_phone(number),
        "next": next_path or safe_next(request),
        "sent_at": at.isoformat(),
    }


def _code_page(step: dict[str, str]) -> dict[str, Any]:
    since = timezone.now() - datetime.fromisoformat(step["sent_at"])
    wait = RESEND_AFTER.total_seconds() - since.total_seconds()
    return {
        "shown": step["shown"],
        "wait": max(0, round(wait)),
        "remember": True,
    }


def _welcome_or_next(request: HttpRequest, member: Member, next_path: str) -> HttpResponse:
    response = redirect(next_path)
    if not has_answered(member):
        response = redirect(reverse("portal:welcome", query={"next": next_path}))
    carry_language(request, response, member)
    return response
