"""Two pages of a template: whom its cascade reaches at what cost, and a test to oneself."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib import messages
from django.contrib.admin import ModelAdmin
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from unfold.widgets import UnfoldAdminSelectWidget, UnfoldAdminTextInputWidget

from core.errors import DomainError
from core.money import group_digits
from members.models import Member, Segment
from members.segments import members_matching
from members.services import find_member
from messaging.admin.channel_names import dong
from messaging.models import Channel, MessageTemplate
from messaging.reach import Reach, reach_and_cost
from messaging.testing import send_test
from messaging.texts import preview_message


def reach_page(
    page: ModelAdmin[Any], request: HttpRequest, template: MessageTemplate
) -> HttpResponse:
    """Count an audience step by step; nothing is planned and nothing is sent."""
    segment = Segment.objects.filter(code=request.GET.get("segment") or "").first()
    members = _audience(request, segment)
    parts = _sms_parts(template)
    reach = reach_and_cost(
        members.filter(state=Member.State.ACTIVE), template, sms_parts=parts
    )
    context = {
        **page.admin_site.each_context(request),
        "opts": page.opts,
        "original": template,
        "title": _("Reach and cost"),
        "template": template,
        "segment": segment,
        "segments": Segment.objects.only("code", "name"),
        "reach": reach,
        "rows": _rows(reach),
        "total": dong(reach.cost),
        "members": group_digits(reach.members),
        "reached": group_digits(reach.reached),
        "unreached": group_digits(reach.unreached),
        "sms_parts": parts,
        "back": _address("change", template),
    }
    return render(request, "admin/messaging/messagetemplate/reach.html", context)


def _audience(request: HttpRequest, segment: Segment | None) -> QuerySet[Member]:
    if segment is None:
        return Member.objects.all()
    try:
        return members_matching(segment.conditions, at=timezone.now())
    except DomainError as error:
        messages.error(request, str(error))
        return Member.objects.none()


def _rows(reach: Reach) -> list[dict[str, str]]:
    return [
        {
            "channel": str(Channel(step.channel).label),
            "could": group_digits(step.could),
            "takes": group_digits(step.takes),
            "price": dong(step.price),
            "cost": dong(step.cost),
        }
        for step in reach.steps
    ]


def _sms_parts(template: MessageTemplate) -> int:
    """Return how many parts an SMS with sample facts has."""
    if Channel.SMS not in template.channels:
        return 1
    try:
        shown = preview_message(template, None, timezone.now(), channel=Channel.SMS)
    except DomainError:
        return 1
    return int(shown["parts"])


class TestForm(forms.Form):
    """Where a test goes, and whose facts it shows."""

    __test__ = False

    channel = forms.ChoiceField(
        label=gettext_lazy("Channel"), widget=UnfoldAdminSelectWidget
    )
    address = forms.CharField(
        label=gettext_lazy("My phone, e-mail address or Zalo user id"),
        max_length=100,
        widget=UnfoldAdminTextInputWidget(),
    )
    member = forms.CharField(
        label=gettext_lazy("Facts of this member"),
        required=False,
        max_length=40,
        widget=UnfoldAdminTextInputWidget(),
        help_text=gettext_lazy("A phone or a member code. Empty: sample facts."),
    )

    def __init__(self, template: MessageTemplate, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        field = self.fields["channel"]
        field.choices = [  # type: ignore[attr-defined]
            (value, label)
            for value, label in Channel.choices
            if value in template.channels and value != Channel.INBOX
        ]

    def clean_member(self) -> Member | None:
        told = self.cleaned_data["member"].strip()
        if not told:
            return None
        for way in ({"phone": told}, {"code": told}):
            try:
                return find_member(**way)
            except DomainError:
                continue
        raise forms.ValidationError(_("There is no such member."))


def test_page(
    page: ModelAdmin[Any], request: HttpRequest, template: MessageTemplate
) -> HttpResponse:
    """Send one message to oneself."""
    initial = {"address": getattr(request.user, "email", "")}
    form = TestForm(template, request.POST or None, initial=initial)
    if request.method == "POST" and form.is_valid():
        try:
            send_test(
                template=template,
                channel=form.cleaned_data["channel"],
                address=form.cleaned_data["address"],
                member=form.cleaned_data["member"],
                by=request.user.get_username(),
                at=timezone.now(),
            )
        except DomainError as error:
            form.add_error(None, str(error))
        else:
            messages.success(
                request, _("The test is on its way. It counts in no result and no limit.")
            )
            return HttpResponseRedirect(_address("change", template))
    context = {
        **page.admin_site.each_context(request),
        "opts": page.opts,
        "original": template,
        "title": _("Send a test to myself"),
        "form": form,
        "back": _address("change", template),
    }
    return render(request, "admin/messaging/messagetemplate/test.html", context)


# pytest looks for tests by name.
test_page.__test__ = False  # type: ignore[attr-defined]


def _address(page: str, template: MessageTemplate) -> str:
    return reverse(f"admin:messaging_messagetemplate_{page}", args=[template.pk])
