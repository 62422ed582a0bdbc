"""Every refusal of the API in one form: problem details (RFC 9457)."""

import logging
from collections.abc import Iterator, Mapping
from http import HTTPStatus
from itertools import islice
from typing import Any

from django.core.exceptions import (
    BadRequest,
    PermissionDenied,
    RequestDataTooBig,
    SuspiciousOperation,
)
from django.core.signals import got_request_exception
from django.db import InterfaceError, OperationalError
from django.http import Http404, UnreadablePostError
from django.utils.translation import gettext as _
from rest_framework import exceptions
from rest_framework.response import Response
from rest_framework.settings import api_settings

from api.errors import database_busy
from core.errors import DomainError
from core.retry import is_retryable

logger = logging.getLogger(__name__)

CONTENT_TYPE = "application/problem+json"
# A body can be wrong in a thousand places; the first ones are enough to mend it.
MAX_FIELD_ERRORS = 50
# Messages may quote what was sent, and that may be long.
MAX_MESSAGE = 300

LOCK_NOT_AVAILABLE = "55P03"
# Too many connections, no connection, administrator's shutdown, read-only or starting up.
AWAY_CLASSES = ("08", "53", "57", "25006")


def answer_problem(error: Exception, context: Mapping[str, Any]) -> Response:
    """Turn any exception into a problem answer; DRF calls this for every view."""
    problem, headers = describe(error)
    if problem["status"] == HTTPStatus.INTERNAL_SERVER_ERROR:
        logger.exception("The API failed", exc_info=error)
        request = getattr(context.get("request"), "_request", None)
        got_request_exception.send(sender=answer_problem, request=request)
    return Response(
        problem, status=problem["status"], headers=headers, content_type=CONTENT_TYPE
    )


def describe(error: Exception) -> tuple[dict[str, Any], dict[str, str]]:
    """Return the problem document and the headers for an exception."""
    if isinstance(error, exceptions.ValidationError):
        return _invalid_fields(error), {}
    if isinstance(error, OperationalError | InterfaceError) and is_database_away(error):
        logger.warning("The database was busy: %s", error)
        error = database_busy()
    if isinstance(error, DomainError):
        return _refusal(error), _retry_headers(error)
    if isinstance(error, exceptions.APIException):
        return _http_problem(error), _http_headers(error)
    return _other(error), {}


def is_lock_timeout(error: OperationalError) -> bool:
    return getattr(error.__cause__, "sqlstate", None) == LOCK_NOT_AVAILABLE


def is_database_away(error: Exception) -> bool:
    """Tell a database that cannot serve now from a mistake in our own statement."""
    if isinstance(error, OperationalError) and (
        is_retryable(error) or is_lock_timeout(error)
    ):
        return True
    cause = error.__cause__
    # psycopg has no state to tell when the connection itself was lost.
    state = getattr(cause, "sqlstate", "")
    return state is None or str(state).startswith(AWAY_CLASSES)


def make_problem(*, status: int, code: str, detail: str, **more: Any) -> dict[str, Any]:
    """Return a problem document."""
    return {
        "type": f"urn:loyalty:problem:{code}",
        "title": HTTPStatus(status).phrase,
        "status": status,
        "code": code,
        "detail": detail,
        **more,
    }


def _refusal(error: DomainError) -> dict[str, Any]:
    return make_problem(
        status=error.status,
        code=error.code,
        detail=str(error.message),
        extra=error.extra,
    )


def _retry_headers(error: DomainError) -> dict[str, str]:
    return {"Retry-After": str(error.retry_after)} if error.retry_after else {}


def _invalid_fields(error: exceptions.ValidationError) -> dict[str, Any]:
    errors = [
        {"field": field, "message": message[:MAX_MESSAGE]}
        for field, message in islice(_flatten(error.detail), MAX_FIELD_ERRORS)
    ]
    fields = ", ".join(dict.fromkeys(e["field"] for e in errors if e["field"]))
    detail = errors[0]["message"]
    if fields:
        detail = _("Correct these fields: %(fields)s.") % {"fields": fields[:MAX_MESSAGE]}
    return make_problem(status=400, code="invalid_input", detail=detail, errors=errors)


def _flatten(detail: Any, path: str = "") -> Iterator[tuple[str, str]]:
    """Yield (``lines[0].total``, sentence) for every error in DRF's nested form."""
    if isinstance(detail, dict):
        for name, inner in detail.items():
            yield from _flatten(inner, _join(path, name))
        return
    if not isinstance(detail, list):
        yield path, str(detail)
        return
    for i, inner in enumerate(detail):
        # A list of dicts speaks of the items of a list; a list of texts, of one field.
        yield from _flatten(inner, f"{path}[{i}]" if isinstance(inner, dict) else path)


def _join(path: str, name: str | int) -> str:
    if name == api_settings.NON_FIELD_ERRORS_KEY:
        return path
    if isinstance(name, int):
        return f"{path}[{name}]"
    return f"{path}.{name}" if path else name


def _http_problem(error: exceptions.APIException) -> dict[str, Any]:
    return make_problem(
        status=error.status_code, code=_http_code(error), detail=_http_detail(error)
    )


def _http_code(error: exceptions.APIException) -> str:
    codes = error.get_codes()
    return codes if isinstance(codes, str) else str(error.default_code)


def _http_detail(error: exceptions.APIException) -> str:
    if isinstance(error, exceptions.NotAuthenticated):
        return _("Send your till key in the header “Authorization: Api-Key …”.")
    if isinstance(error, exceptions.UnsupportedMediaType):
        return _("Send JSON with the header “Content-Type: application/json”.")
    if isinstance(error, exceptions.MethodNotAllowed):
        return _("This address does not take that method; see the Allow header.")
    return str(error.detail)


def _http_headers(error: exceptions.APIException) -> dict[str, str]:
    headers = {}
    if challenge := getattr(error, "auth_header", None):
        headers["WWW-Authenticate"] = challenge
    if wait := getattr(error, "wait", None):
        headers["Retry-After"] = str(int(wait))
    return headers


def _other(error: Exception) -> dict[str, Any]:
    """Describe what Django itself raises, or a fault of ours."""
    if isinstance(error, Http404):
        return make_problem(
            status=404,
            code="not_found",
            detail=_("Nothing is at this address. Addresses end with a slash."),
        )
    if isinstance(error, PermissionDenied):
        return make_problem(
            status=403, code="permission_denied", detail=_("This is not allowed.")
        )
    if isinstance(error, RequestDataTooBig):
        return make_problem(
            status=413, code="too_large", detail=_("The body is too large.")
        )
    if isinstance(error, BadRequest | SuspiciousOperation | UnreadablePostError):
        return make_problem(
            status=400, code="bad_request", detail=_("The request cannot be read.")
        )
    return make_problem(
        status=500,
        code="server_error",
        detail=_(
            "Something went wrong on our side and nothing was saved. Send the same "
            "request again; if it stays, tell the programme's staff."
        ),
    )
