"""Who is looking: the member of the session, and the pages that need one."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any, cast
from urllib.parse import urlencode

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.utils.functional import SimpleLazyObject
from django.utils.http import url_has_allowed_host_and_scheme

from members.models import Member

SESSION_KEY = "member_id"
REMEMBER_SECONDS = 90 * 24 * 3600
View = Callable[..., HttpResponse]


class MemberRequest(HttpRequest):
    """A request behind ``member_required``: the member is there."""

    member: Member


def session_member(request: HttpRequest) -> Member | None:
    """Return the active member who is signed in. One query, and only when asked for."""
    member_id = request.session.get(SESSION_KEY)
    if member_id is None:
        return None
    return Member.objects.filter(pk=member_id, state=Member.State.ACTIVE).first()


def lazy_member(request: HttpRequest) -> Any:
    """Return a stand-in that reads the member when it is first looked at."""
    return SimpleLazyObject(lambda: session_member(request))


def member_required(view: View) -> View:
    """Send visitors who are not signed in to the sign-in page, and back here afterwards."""

    @wraps(view)
    def wrapper(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        member = session_member(request)
        if member is None:
            return redirect_to_sign_in(
                request.get_full_path() if request.method in ("GET", "HEAD") else "/"
            )
        cast(MemberRequest, request).member = member
        return view(request, *args, **kwargs)

    return wrapper


def redirect_to_sign_in(next_path: str, **extra: str) -> HttpResponse:
    query = urlencode({"next": next_path, **extra})
    return redirect(f"{reverse('portal:sign-in')}?{query}")


def sign_in(request: HttpRequest, member: Member, *, remember: bool) -> None:
    """Let the session be this member's, under a new session key."""
    request.session.cycle_key()
    request.session[SESSION_KEY] = member.pk
    # A colleague of the brand who tries the pages keeps the short session of the console.
    if not request.user.is_authenticated:
        request.session.set_expiry(REMEMBER_SECONDS if remember else 0)


def sign_out(request: HttpRequest) -> None:
    """Forget the member; a colleague signed in to the console stays so."""
    if request.user.is_authenticated:
        request.session.pop(SESSION_KEY, None)
        request.session.cycle_key()
    else:
        request.session.flush()


def safe_next(request: HttpRequest) -> str:
    """Return where to go afterwards: a page of this site, or home."""
    target = request.POST.get("next") or request.GET.get("next") or ""
    is_ours = target.startswith("/") and url_has_allowed_host_and_scheme(
        target, allowed_hosts=None, require_https=request.is_secure()
    )
    return target if is_ours else reverse("portal:home")
