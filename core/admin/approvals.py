"""What waits for a second person."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django import forms
from django.contrib import admin, messages
from django.contrib.auth.models import User
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import get_object_or_404, render
from django.urls import path, reverse
from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from unfold.decorators import display
from unfold.widgets import UnfoldAdminTextInputWidget

from core.admin_tools import NOTHING, ConsoleAdmin, ReadOnlyMixin, link, two_lines, when
from core.approvals import (
    ACTS,
    Difference,
    approve_change,
    may_decide,
    reject_change,
    withdraw_change,
)
from core.errors import DomainError
from core.models import ChangeRequest

STATE_BADGES = {
    "open": "info",
    "approved": "success",
    "rejected": "danger",
    "withdrawn": "warning",
}


class DecisionForm(forms.Form):
    """A word about the decision."""

    note = forms.CharField(
        label=_("Why"),
        required=False,
        max_length=200,
        widget=UnfoldAdminTextInputWidget(),
    )


def _differences(asked: ChangeRequest) -> Sequence[Difference]:
    """Say what it changes from what to what, where the act can tell."""
    act = ACTS.get(asked.kind)
    return act.explain(asked.payload) if act else ()


def _about(asked: ChangeRequest, user: Any) -> str:
    """Link to what it is about, for who may look there."""
    act = ACTS.get(asked.kind)
    found = act.about(asked.payload) if act else None
    if found is None:
        return ""
    may_see = user.has_perm(f"{found._meta.app_label}.view_{found._meta.model_name}")
    return link(found) if may_see else ""


@admin.register(ChangeRequest)
class ChangeRequestAdmin(ReadOnlyMixin, ConsoleAdmin):
    list_display = ("wish", "state_badge", "maker", "asked", "checker")
    list_filter = ("state", "kind")
    list_select_related = ("requested_by", "decided_by")
    search_fields = ("summary",)
    ordering = ("-requested_at",)
    empty_title = _("Nothing waits for approval")
    empty_text = _("What two people decide about waits here for the second one.")

    def get_urls(self) -> list[Any]:
        decide = path(
            "<path:object_id>/change/",
            self.admin_site.admin_view(self.decide_view),
            name="core_changerequest_change",
        )
        return [decide, *super().get_urls()]

    def decide_view(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Show what was asked for, and let the right people decide."""
        if not self.has_view_permission(request):
            return HttpResponse(status=403)
        asked = get_object_or_404(
            ChangeRequest.objects.select_related("requested_by", "decided_by"),
            pk=object_id if object_id.isdigit() else 0,
        )
        form = DecisionForm(request.POST or None)
        if request.method == "POST" and form.is_valid():
            try:
                self._decide(request, asked, form.cleaned_data["note"])
            except DomainError as error:
                form.add_error(None, str(error.message))
            else:
                return HttpResponseRedirect(reverse("admin:core_changerequest_changelist"))
        context = {
            **self.admin_site.each_context(request),
            "title": asked.summary,
            "original": asked,
            "opts": self.opts,
            "asked": asked,
            "what": self.what(asked),
            "differences": _differences(asked),
            "about": _about(asked, request.user),
            "form": form,
            "may_decide": may_decide(asked, request.user),
            "may_withdraw": asked.requested_by_id == request.user.pk,
            "is_open": asked.state == ChangeRequest.State.OPEN,
        }
        return render(request, "admin/core/changerequest/decide.html", context)

    def _decide(self, request: HttpRequest, asked: ChangeRequest, note: str) -> None:
        now, user = timezone.now(), request.user
        assert isinstance(user, User), "the console lets nobody else in"
        if "withdraw" in request.POST:
            withdraw_change(asked, by=user, at=now)
            messages.success(request, _("Taken back."))
        elif "approve" in request.POST:
            approve_change(asked, by=user, at=now, note=note)
            messages.success(request, _("Approved and carried out."))
        else:
            reject_change(asked, by=user, at=now, note=note)
            messages.success(request, _("Rejected. Nothing was changed."))
        self.log_change(request, asked, "Decided.")

    @display(description=_("Asked for"), ordering="summary")
    def wish(self, asked: ChangeRequest) -> str:
        return two_lines(asked.summary, self.what(asked))

    def what(self, asked: ChangeRequest) -> str:
        act = ACTS.get(asked.kind)
        return str(act.label) if act else asked.kind

    @display(description=_("State"), label=STATE_BADGES, ordering="state")
    def state_badge(self, asked: ChangeRequest) -> tuple[str, str]:
        return asked.state, asked.get_state_display()

    @display(description=_("Maker"))
    def maker(self, asked: ChangeRequest) -> str:
        return asked.requested_by.get_username()

    @display(description=_("Checker"))
    def checker(self, asked: ChangeRequest) -> str:
        return asked.decided_by.get_username() if asked.decided_by else NOTHING

    @display(description=_("Asked at"), ordering="requested_at")
    def asked(self, asked: ChangeRequest) -> str:
        return when(asked.requested_at)
