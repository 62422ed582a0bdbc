"""Health pages: /healthz for whoever raises the alarm, /readyz for the load balancer."""

from __future__ import annotations

from collections.abc import Mapping

from django.http import HttpRequest, JsonResponse
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from core import health
from core.health import Finding


@never_cache
@require_safe
def healthz(request: HttpRequest) -> JsonResponse:
    """Is the site alive: this process, its database, and the worker behind it."""
    return _answer(
        {
            "database": health.check_database(),
            "worker": health.check_worker(at=timezone.now()),
        }
    )


@never_cache
@require_safe
def readyz(request: HttpRequest) -> JsonResponse:
    """May this process be given requests: everything that it needs answers."""
    return _answer(
        {
            "database": health.check_database(),
            "migrations": health.check_migrations(),
            "broker": health.check_broker(),
            "cache": health.check_cache(),
        }
    )


def _answer(findings: Mapping[str, Finding]) -> JsonResponse:
    ok = all(finding.ok for finding in findings.values())
    body = {name: finding.says for name, finding in findings.items()}
    response = JsonResponse(
        {"status": "ok" if ok else "failing", **body}, status=200 if ok else 503
    )
    # The answer is the news; a line in the log for every question would drown the rest.
    response._has_been_logged = True  # type: ignore[attr-defined]
    return response
