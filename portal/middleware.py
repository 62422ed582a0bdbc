"""Who is looking, for every request; read from the database only when a page asks."""

from collections.abc import Callable

from django.http import HttpRequest, HttpResponse

from portal.access import lazy_member


class MemberMiddleware:
    """Set ``request.member``: the active member signed in, or something false."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        request.member = lazy_member(request)  # type: ignore[attr-defined]
        return self.get_response(request)
