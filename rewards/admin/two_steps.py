"""Acts that are carried out only after staff have read what they do."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from datetime import datetime
from typing import Any

from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _

from core.errors import DomainError
from rewards.admin.batch_forms import TwoStepForm
from rewards.admin.batch_page import Consequences


class TwoStepMixin:
    """A form, what it means, and the button that does just that."""

    admin_site: Any
    opts: Any
    media: Any

    def check_may_ask(self, request: HttpRequest) -> None:
        right = f"{self.opts.app_label}.add_{self.opts.model_name}"
        if not request.user.has_perm(right):
            raise PermissionDenied

    def _form(
        self, request: HttpRequest, kind: type[TwoStepForm], initial: dict[str, Any]
    ) -> TwoStepForm:
        self.check_may_ask(request)
        if request.method == "POST":
            return kind(request.POST)
        # The key makes a second click on the same form change nothing.
        return kind(initial={**initial, "key": uuid.uuid4().hex})

    def _two_steps(
        self,
        request: HttpRequest,
        form: TwoStepForm,
        look: Callable[[Any, datetime], Consequences],
        act: Callable[[Any, datetime], HttpResponse],
        frame: dict[str, Any],
    ) -> HttpResponse:
        """Show what something does; do it when just that was seen before."""
        found: Consequences | None = None
        if request.method == "POST" and form.is_valid():
            now = timezone.now()
            try:
                found = look(form, now)
                if "act" in request.POST and form.was_seen:
                    return act(form, now)
            except DomainError as error:
                form.add_error(None, str(error.message))
                found = None
            else:
                form.data = {**request.POST.dict(), "seen": form.fingerprint()}
        context = {
            **self._page(request, frame["title"]),
            **frame,
            "form": form,
            "consequences": found.lines if found else [],
            "act": _("Ask a second person") if found and found.waits else frame["act"],
        }
        return render(request, "admin/rewards/ask.html", context)

    def _page(self, request: HttpRequest, title: str) -> dict[str, Any]:
        return {
            **self.admin_site.each_context(request),
            "title": title,
            "opts": self.opts,
            "media": self.media,
            "back": reverse(
                f"admin:{self.opts.app_label}_{self.opts.model_name}_changelist"
            ),
        }
