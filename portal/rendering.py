"""Every member page is rendered here: brand, place in the bar, and never kept by caches."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.cache import add_never_cache_headers, patch_cache_control

from core.errors import DomainError
from core.models import Programme
from core.theme import theme_variables


def render_page(
    request: HttpRequest,
    template: str,
    context: dict[str, Any] | None = None,
    *,
    programme: Programme | None = None,
    status: int = 200,
) -> HttpResponse:
    """Render a page in the brand's colours that no cache keeps."""
    programme = programme or Programme.current()
    page = {"programme": programme, "theme": theme_variables(programme.brand_color)}
    response = render(request, template, {**page, **(context or {})}, status=status)
    forbid_storing(response)
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


def forbid_storing(response: HttpResponse) -> None:
    """Keep a personal page out of every cache, also the browser's own."""
    add_never_cache_headers(response)
    patch_cache_control(response, no_store=True)
