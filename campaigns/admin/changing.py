"""Saving a campaign's form: at once, or once a second person has looked at it."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.contrib.auth.models import User
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from simple_history.admin import SimpleHistoryAdmin

from campaigns.approving import (
    PUBLISH,
    START,
    waiting_requests,
)
from campaigns.changing import CHANGE, change_campaign
from campaigns.models import Campaign, CampaignPolicy
from campaigns.reaching import ACTING
from core.admin_tools import ConsoleAdmin, link
from core.edits import num_members
from core.errors import DomainError


class ChangingAdmin(SimpleHistoryAdmin, ConsoleAdmin):
    """Saves by the verb, also where an old state of a campaign is brought back."""

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:
        if not change:
            super().save_model(request, obj, form, change)
            return
        assert isinstance(request.user, User), "the console lets nobody else in"
        obj.asked = change_campaign(campaign=obj, by=request.user, at=timezone.now())

    def construct_change_message(
        self, request: HttpRequest, form: Any, *args: Any, **kwargs: Any
    ) -> Any:
        if getattr(form.instance, "asked", None):
            return "asked a second person"
        return super().construct_change_message(request, form, *args, **kwargs)

    def response_change(self, request: HttpRequest, obj: Any) -> HttpResponse:
        if not getattr(obj, "asked", None):
            return super().response_change(request, obj)
        messages.warning(
            request,
            _(
                "It meets so many that a second person has to approve the change. They "
                "were asked; until then everything that decides who gets what stays as it "
                "was."
            ),
        )
        return _to_page(obj.pk)

    def changeform_view(
        self, request: HttpRequest, object_id: str | None = None, *args: Any, **kwargs: Any
    ) -> HttpResponse:
        try:
            return super().changeform_view(request, object_id, *args, **kwargs)
        except DomainError as error:
            return _refused(request, object_id, error)

    def history_form_view(
        self, request: HttpRequest, object_id: str, *args: Any, **kwargs: Any
    ) -> HttpResponse:
        try:
            return super().history_form_view(request, object_id, *args, **kwargs)
        except DomainError as error:
            return _refused(request, object_id, error)


def change_sentence(campaign: Campaign) -> str:
    """Say from when on a change counts, and when it waits for a second person."""
    if campaign.state not in ACTING:
        return ""
    bound = CampaignPolicy.current().approve_above
    if bound is None:
        if not campaign.is_running:
            return ""
        return _("It is running: what you change below counts from its next run.")
    return _(
        "What you change below counts from its next run; where it then meets more than "
        "%(members)s, a second person has to approve it first, and only name, code, "
        "description and position are saved at once."
    ) % {"members": num_members(bound)}


def waiting_links(campaign: Campaign, user: Any) -> list[str]:
    """Name what of this campaign waits for a second person, with links for who may look."""
    waiting = waiting_requests(campaign, START, PUBLISH, CHANGE)
    if user.has_perm("core.view_changerequest"):
        return [link(asked) for asked in waiting]
    return [asked.summary for asked in waiting]


def _to_page(pk: Any) -> HttpResponse:
    return HttpResponseRedirect(reverse("admin:campaigns_campaign_change", args=[pk]))


def _refused(
    request: HttpRequest, object_id: str | None, error: DomainError
) -> HttpResponse:
    messages.error(request, str(error.message))
    if object_id is None:
        return HttpResponseRedirect(reverse("admin:campaigns_campaign_changelist"))
    return _to_page(object_id)
