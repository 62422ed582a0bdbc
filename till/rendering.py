"""Every page of the till is rendered here: the brand's colours, the camera, no caches."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.cache import add_never_cache_headers

from core.errors import DomainError
from core.models import Programme
from core.theme import theme_variables

# The camera is for reading codes, on these pages only; nothing else is asked for.
PERMISSIONS_POLICY = "camera=(self), microphone=(), geolocation=()"


def render_page(
    request: HttpRequest,
    template: str,
    context: dict[str, Any] | None = None,
    *,
    programme: Programme | None = None,
    status: int = 200,
) -> HttpResponse:
    """Render a page that no cache keeps."""
    programme = programme or Programme.current()
    page = {
        "programme": programme,
        "theme": theme_variables(programme.brand_color),
        "desk": getattr(request, "desk", None),
    }
    response = render(request, template, {**page, **(context or {})}, status=status)
    add_never_cache_headers(response)
    response["Permissions-Policy"] = PERMISSIONS_POLICY
    return response


def render_refusal(
    request: HttpRequest, template: str, refusal: DomainError, page: dict[str, Any]
) -> HttpResponse:
    """Show a page again with what was wrong and what to do."""
    page = {**page, "refusal": refusal.message}
    response = render_page(request, template, page, status=refusal.status)
    if refusal.retry_after:
        response["Retry-After"] = str(refusal.retry_after)
    return response
