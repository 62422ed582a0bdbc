"""Answers to requests that failed: a page for people, JSON for machines."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse, HttpResponseBase, JsonResponse
from django.views import defaults

from api.problems import CONTENT_TYPE, make_problem

SENTENCES = {
    400: ("bad_request", "The request could not be understood."),
    403: ("forbidden", "You may not do this."),
    404: ("not_found", "There is nothing at this address. See /api/docs/."),
    500: ("server_error", "Something went wrong on our side. Try again in a minute."),
}


def bad_request(request: HttpRequest, exception: Exception) -> HttpResponseBase:
    return _for_machines(request, 400) or defaults.bad_request(request, exception)


def forbidden(request: HttpRequest, exception: Exception) -> HttpResponseBase:
    return _for_machines(request, 403) or defaults.permission_denied(request, exception)


def not_found(request: HttpRequest, exception: Exception) -> HttpResponseBase:
    return _for_machines(request, 404) or defaults.page_not_found(request, exception)


def server_error(request: HttpRequest) -> HttpResponseBase:
    return _for_machines(request, 500) or defaults.server_error(request)


def _for_machines(request: HttpRequest, status: int) -> HttpResponse | None:
    if not request.path_info.startswith("/api/"):
        return None
    code, message = SENTENCES[status]
    problem = make_problem(status=status, code=code, detail=message)
    return JsonResponse(problem, status=status, content_type=CONTENT_TYPE)
