"""Every member page is rendered here: brand, place in the bar, and never kept by caches."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.cache import add_never_cache_headers, patch_cache_control

from core.models import Programme
from portal.theme import theme_variables


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


def forbid_storing(response: HttpResponse) -> None:
    """Keep a personal page out of every cache, also the browser's own."""
    add_never_cache_headers(response)
    patch_cache_control(response, no_store=True)
