"""What every operation of the API has in common."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from django.http import Http404, HttpRequest, HttpResponse
from django.utils import timezone
from drf_spectacular.utils import extend_schema
from rest_framework.negotiation import BaseContentNegotiation
from rest_framework.parsers import BaseParser
from rest_framework.renderers import BaseRenderer
from rest_framework.request import Request
from rest_framework.serializers import Serializer
from rest_framework.views import APIView

from api.authentication import HasTillKey, TillKeyAuthentication
from api.idempotency import Answer, Attempt, answer_once, hash_content, read_key
from api.models import TillKey
from api.parsers import NEVER_IN_TEXT, StrictJSONParser, check_length
from api.problems import CONTENT_TYPE

JSON = "application/json"
# Longer than any code or order number that we store.
MAX_PATH_VALUE = 100


class AlwaysJson(BaseContentNegotiation):
    """Answer JSON whatever the Accept header says: there is nothing else."""

    def select_parser(
        self, request: Request, parsers: Iterable[BaseParser]
    ) -> BaseParser | None:
        named = request.content_type.partition(";")[0].strip().lower()
        return next(iter(parsers)) if named == JSON else None

    def select_renderer(
        self,
        request: Request,
        renderers: Iterable[BaseRenderer],
        format_suffix: str | None = None,
    ) -> tuple[BaseRenderer, str]:
        renderer = next(iter(renderers))
        return renderer, renderer.media_type


class ApiView(APIView):
    """One operation, for callers with a till key."""

    authentication_classes = [TillKeyAuthentication]
    permission_classes = [HasTillKey]
    parser_classes = [StrictJSONParser]
    content_negotiation_class = AlwaysJson
    metadata_class = None
    http_method_names = ["get", "head", "post"]

    def initialize_request(
        self, request: HttpRequest, *args: Any, **kwargs: Any
    ) -> Request:
        # A charset in the Content-Type must not decide how we read addresses.
        request.encoding = "utf-8"
        return super().initialize_request(request, *args, **kwargs)

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        super().initial(request, *args, **kwargs)
        check_length(request.META)
        for value in kwargs.values():
            if len(value) > MAX_PATH_VALUE or NEVER_IN_TEXT.search(value):
                raise Http404


def till_key_of(request: Request) -> TillKey:
    till_key = request.auth
    assert isinstance(till_key, TillKey)  # HasTillKey let this request in
    return till_key


def checked(serializer: Serializer[Any]) -> dict[str, Any]:
    """Return what was sent once it is valid; raise with every field's fault otherwise."""
    serializer.is_valid(raise_exception=True)
    return dict(serializer.validated_data)


def answer_write(
    request: Request, act: Callable[[], Answer], *, needs_key: bool
) -> HttpResponse:
    """Do a write once for its Idempotency-Key and answer it."""
    key = read_key(request.headers.get("Idempotency-Key"), is_required=needs_key)
    if key is None:
        return _response(act())
    content_hash = hash_content(str(request.method), request.path, request.data)
    attempt = Attempt(till_key_of(request), key, content_hash)
    return _response(answer_once(attempt=attempt, act=act, at=timezone.now()))


def _response(answer: Answer) -> HttpResponse:
    """Send the answer's own text, the same to the first caller and to every repeat."""
    content_type = JSON if answer.status < 400 else CONTENT_TYPE
    response = HttpResponse(answer.body, content_type, answer.status)
    if answer.is_replay:
        response["Idempotency-Replayed"] = "true"
    return response


@extend_schema(exclude=True)
class NoSuchAddress(ApiView):
    """Whatever is asked for at an address that does not exist."""

    authentication_classes = []
    permission_classes = []

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        raise Http404
