"""The frame that a phone may keep: never anything personal."""

from __future__ import annotations

import hashlib

from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import render
from django.templatetags.static import static
from django.urls import reverse
from django.utils.cache import patch_cache_control
from django.views.decorators.http import require_safe

from core.models import Programme
from core.theme import theme_variables

STATIC_FILES = (
    "css/portal.css",
    "img/portal-icons.svg",
    "js/portal/shell.js",
    "js/portal/offline.js",
)


@require_safe
def offline(request: HttpRequest) -> HttpResponse:
    """Show the page for times without a network; a script puts the card on it."""
    programme = Programme.current()
    page = {
        "programme": programme,
        "theme": theme_variables(programme.brand_color),
        # A notice is for the page that the member looks at, not for the one that is kept.
        "messages": [],
    }
    return render(request, "portal/offline.html", page)


@require_safe
def service_worker(request: HttpRequest) -> HttpResponse:
    """Serve the worker that keeps the frame; its name changes with what it keeps."""
    kept = [static(name) for name in STATIC_FILES]
    programme = Programme.current()
    seed = "|".join([*kept, programme.brand_color, programme.name])
    version = hashlib.sha256(seed.encode()).hexdigest()[:12]
    context = {"version": version, "kept": [*kept, reverse("portal:offline")]}
    response = render(
        request, "portal/service-worker.js", context, content_type="text/javascript"
    )
    patch_cache_control(response, no_cache=True)
    return response


@require_safe
def manifest(request: HttpRequest) -> JsonResponse:
    """Describe the site to a phone that wants it on its home screen."""
    programme = Programme.current()
    return JsonResponse(
        {
            "name": programme.name,
            "short_name": programme.name[:12],
            "start_url": reverse("portal:home"),
            "scope": "/",
            "display": "standalone",
            "background_color": programme.brand_color,
            "theme_color": programme.brand_color,
            "icons": [
                {
                    "src": reverse("portal:icon"),
                    "sizes": "any",
                    "type": "image/svg+xml",
                    "purpose": "any maskable",
                }
            ],
        },
        content_type="application/manifest+json",
    )


@require_safe
def icon(request: HttpRequest) -> HttpResponse:
    """Draw the programme's initial on its colour."""
    programme = Programme.current()
    page = {
        "initial": programme.name[:1].upper(),
        "programme": programme,
        "theme": theme_variables(programme.brand_color),
    }
    response = render(request, "portal/icon.svg", page, content_type="image/svg+xml")
    patch_cache_control(response, public=True, max_age=3600)
    return response
