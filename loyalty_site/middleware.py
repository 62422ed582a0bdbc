"""What the site's own requests need."""

from collections.abc import Callable

from django.http import HttpRequest, HttpResponse


class ConsoleScriptsMiddleware:
    """Let the console's menus work: their library evaluates its attributes as scripts.

    Only under /admin/; every other page keeps the strict policy. It must stand below
    CSPMiddleware in the list: what it sets is read when that one writes the header.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        response = self.get_response(request)
        if request.path_info.startswith("/admin/"):
            update = dict(getattr(response, "_csp_update", None) or {})
            sources = update.get("script-src", [])
            update["script-src"] = [*sources, "'unsafe-eval'"]
            response._csp_update = update  # type: ignore[attr-defined]
        return response
