"""Where pictures are served from: small files that never change, the same for everyone."""

from __future__ import annotations

from django.http import Http404, HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.utils.cache import get_conditional_response, patch_cache_control
from django.views.decorators.http import require_safe

from core.models import Picture

A_YEAR = 365 * 24 * 60 * 60
# If a browser could ever be talked into showing one as a page, nothing in it would run.
POLICY = "default-src 'none'; sandbox"


@require_safe
def show(request: HttpRequest, digest: str, size: str) -> HttpResponseBase:
    """Serve a picture; its address is made of its bytes, so a copy is good for ever."""
    etag = f'"{digest[:16]}-{size}"'
    # Who names the tag has the bytes, and no row needs to be read to know that.
    response = get_conditional_response(request, etag=etag) or _stored(digest, size)
    response["ETag"] = etag
    response["Content-Security-Policy"] = POLICY
    patch_cache_control(response, public=True, max_age=A_YEAR, immutable=True)
    return response


def _stored(digest: str, size: str) -> HttpResponse:
    content = Picture.objects.filter(pk=digest).values_list(size, flat=True).first()
    if content is None:
        raise Http404
    return HttpResponse(bytes(content), content_type="image/webp")
