"""The site with one address more: a view that does nothing, in the same stack."""

from typing import Any

from django.urls import path
from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from loyalty_site.wsgi import application

__all__ = ["application"]


def _add_bare_view() -> None:
    from api.views.base import ApiView
    from loyalty_site import urls

    class Bare(ApiView):
        @extend_schema(exclude=True)
        def post(self, request: Request, **_path: Any) -> Response:
            return Response({"codes": request.data["codes"]})

    urls.urlpatterns.insert(0, path("bare/", Bare.as_view()))


_add_bare_view()
