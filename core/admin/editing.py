"""Forms of what something acts with: who is touched, and who else decides."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django.contrib import messages
from django.contrib.auth.models import User
from django.db import transaction
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _

from core.admin_tools import link, when
from core.edits import (
    TakesTwo,
    acting_with,
    begin_edit,
    bound,
    fields_of,
    may_be_stopped,
    num_members,
    waiting_edits,
)
from core.errors import DomainError
from core.models import ChangeRequest


class TwoPeopleMixin:
    """Saves an edit at once, or asks a second person; stands first among the bases.

    Django tells a form's fate in two steps that every way of saving has: ``save_form``
    knows what is wanted before anything is written, ``log_change`` comes when all of it is.
    """

    model: Any
    get_object: Any
    has_view_permission: Any
    change_form_before_template = "admin/core/_acting.html"

    def changeform_view(
        self,
        request: HttpRequest,
        object_id: str | None = None,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> HttpResponse:
        context = dict(extra_context or {})
        if object_id and request.method == "GET":
            edited = self.get_object(request, object_id)
            if edited is not None and self.has_view_permission(request, edited):
                context |= acting_context(edited, request.user)
        view = super().changeform_view  # type: ignore[misc]
        return self._carefully(
            request, object_id, lambda: view(request, object_id, form_url, context)
        )

    def history_form_view(
        self, request: HttpRequest, object_id: str, *args: Any, **kwargs: Any
    ) -> HttpResponse:
        view = super().history_form_view  # type: ignore[misc]
        return self._carefully(
            request, object_id, lambda: view(request, object_id, *args, **kwargs)
        )

    def save_form(self, request: HttpRequest, form: Any, change: bool) -> Any:
        wanted = super().save_form(request, form, change)  # type: ignore[misc]
        if change:
            request.edit = begin_edit(wanted, at=timezone.now())  # type: ignore[attr-defined]
        return wanted

    def log_change(self, request: HttpRequest, obj: Any, message: Any) -> Any:
        if edit := request.__dict__.pop("edit", None):
            edit.finish()
        return super().log_change(request, obj, message)  # type: ignore[misc]

    def _carefully(
        self, request: HttpRequest, object_id: str | None, view: Callable[[], HttpResponse]
    ) -> HttpResponse:
        if request.method != "POST" or object_id is None:
            return view()
        try:
            # What was written is taken back with everything that hangs on it.
            with transaction.atomic():
                return view()
        except TakesTwo as wish:
            return self._ask(request, wish)
        except DomainError as error:
            messages.error(request, str(error.message))
            return HttpResponseRedirect(request.get_full_path())

    def _ask(self, request: HttpRequest, wish: TakesTwo) -> HttpResponse:
        assert isinstance(request.user, User), "the console lets nobody else in"
        try:
            wish.ask(by=request.user, at=timezone.now())
        except DomainError as error:
            messages.error(request, str(error.message))
        else:
            self.log_change(request, wish.edit.found, "asked a second person")
            messages.warning(
                request,
                _(
                    "A second person has to approve this change. They were asked; until "
                    "then nothing of it is saved."
                ),
            )
        meta = self.model._meta
        name = f"admin:{meta.app_label}_{meta.model_name}_change"
        return HttpResponseRedirect(reverse(name, args=[wish.edit.found.pk]))


def acting_context(edited: Any, user: Any) -> dict[str, Any]:
    """Return what stands above a form: what acts with it now, and what waits."""
    most = bound()
    waiting = waiting_edits(edited).select_related("requested_by")
    return {
        "acting": [_named(one, str(one), user) for one in acting_with(edited)],
        "acting_bound": "" if most is None else num_members(most),
        "may_be_stopped": may_be_stopped(edited),
        "waiting_edits": [_named(one, _wish(one, edited), user) for one in waiting],
    }


def _wish(asked: ChangeRequest, edited: Any) -> str:
    """Say in short what would change, who asked for it and when."""
    who, at = asked.requested_by.get_username(), when(asked.requested_at)
    return f"{fields_of(asked, edited)} ({who}, {at})"


def _named(one: Any, text: str, user: Any) -> str:
    """Link to it for who may look there."""
    meta = one._meta
    may_see = user.has_perm(f"{meta.app_label}.view_{meta.model_name}")
    return link(one, text) if may_see else text
