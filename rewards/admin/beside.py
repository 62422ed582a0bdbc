"""Forms with something beside them: a sentence, a preview, what can be done with it."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect

from core.errors import DomainError


class BesideFormMixin:
    """Adds what ``beside`` returns to a form, and says what a verb refuses on saving."""

    model: Any
    get_object: Any
    has_view_permission: Any

    # Each form's own: takes the request and the object, saved or not; returns a context.
    beside: Any

    def changeform_view(
        self,
        request: HttpRequest,
        object_id: str | None = None,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> HttpResponse:
        found = self.get_object(request, object_id) if object_id else self.model()
        context = dict(extra_context or {})
        if found is not None and self.has_view_permission(request):
            context |= self.beside(request, found)
        try:
            answer: HttpResponse = super().changeform_view(  # type: ignore[misc]
                request, object_id, form_url, context
            )
        except DomainError as error:
            # Somebody was faster while the form was open; nothing was saved.
            messages.error(request, str(error.message))
            return HttpResponseRedirect(request.get_full_path())
        return answer
