"""Answers to requests that failed: a page for people, JSON for machines."""

from __future__ import annotations

import sys

from django.db import InterfaceError, OperationalError
from django.http import HttpRequest, HttpResponse, HttpResponseBase, JsonResponse
from django.template import loader
from django.views import defaults

from api.errors import database_busy
from api.problems import CONTENT_TYPE, is_database_away, make_problem

SENTENCES = {
    400: ("bad_request", "The request could not be understood."),
    403: ("forbidden", "You may not do this."),
    404: ("not_found", "There is nothing at this address. See /api/docs/."),
    503: ("database_busy", "Too many ask at this moment. Ask again in a few seconds."),
    500: ("server_error", "Something went wrong on our side. Try again in a minute."),
}


def bad_request(request: HttpRequest, exception: Exception) -> HttpResponseBase:
    return _for_machines(request, 400) or defaults.bad_request(request, exception)


def forbidden(request: HttpRequest, exception: Exception) -> HttpResponseBase:
    return _for_machines(request, 403) or defaults.permission_denied(request, exception)


def not_found(request: HttpRequest, exception: Exception) -> HttpResponseBase:
    return _for_machines(request, 404) or defaults.page_not_found(request, exception)


def server_error(request: HttpRequest) -> HttpResponseBase:
    """Answer a fault of ours; who met a crowd is asked to come again."""
    fault = sys.exc_info()[1]
    if isinstance(fault, OperationalError | InterfaceError) and is_database_away(fault):
        return _too_busy(request)
    return _for_machines(request, 500) or defaults.server_error(request)


def _too_busy(request: HttpRequest) -> HttpResponse:
    response = _for_machines(request, 503)
    if response is None:
        response = HttpResponse(loader.render_to_string("503.html"), status=503)
    response["Retry-After"] = str(database_busy().retry_after)
    return response


def _for_machines(request: HttpRequest, status: int) -> HttpResponse | None:
    if not request.path_info.startswith("/api/"):
        return None
    code, message = SENTENCES[status]
    problem = make_problem(status=status, code=code, detail=message)
    return JsonResponse(problem, status=status, content_type=CONTENT_TYPE)
