"""The way in with the console's names and passwords; the store; the way out."""

from __future__ import annotations

from django.contrib.auth import logout
from django.contrib.auth.forms import AuthenticationForm
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_http_methods, require_POST

from core.errors import DomainError, InvalidInput
from till.access import (
    choose_store,
    is_on_shift,
    safe_next,
    sign_in,
    stores_of,
    to_sign_in,
)
from till.errors import NoTill
from till.rendering import render_page, render_refusal

PAGE = "till/sign_in.html"


@sensitive_post_parameters("password")
@require_http_methods(["GET", "HEAD", "POST"])
def enter(request: HttpRequest) -> HttpResponse:
    """Ask for name and password; wrong ones are counted as in the console."""
    page = {"next": safe_next(request), "username": ""}
    if request.method != "POST":
        if is_on_shift(request, at=timezone.now()):
            return redirect(page["next"])
        return render_page(request, PAGE, page)
    page["username"] = request.POST.get("username", "")[:150]
    form = AuthenticationForm(request, data=request.POST)
    if not form.is_valid():
        refusal: DomainError = InvalidInput(_("The name or the password is wrong."))
        return render_refusal(request, PAGE, refusal, page)
    try:
        sign_in(request, form.get_user(), at=timezone.now())
    except NoTill as refusal:
        return render_refusal(request, PAGE, refusal, page)
    return redirect(page["next"])


@require_http_methods(["GET", "HEAD", "POST"])
def store(request: HttpRequest) -> HttpResponse:
    """Ask in which of their stores a person serves."""
    if not is_on_shift(request, at=timezone.now()):
        return to_sign_in(request)
    try:
        _staff, stores = stores_of(request.user)
    except NoTill as refusal:
        page = {"sentence": refusal.message}
        return render_page(request, "till/no_till.html", page, status=refusal.status)
    if request.method == "POST":
        code = request.POST.get("store", "")
        if chosen := next((one for one in stores if one.code == code), None):
            choose_store(request, chosen)
            return redirect("till:home")
    return render_page(request, "till/store.html", {"stores": stores})


@require_POST
def leave(request: HttpRequest) -> HttpResponse:
    """End the shift in this browser."""
    logout(request)
    return redirect("till:sign-in")
