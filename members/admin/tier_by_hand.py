"""A tier given by hand, from a member's page."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import get_object_or_404, render
from django.urls import path, reverse
from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from unfold.decorators import action
from unfold.widgets import (
    UnfoldAdminSelectWidget,
    UnfoldAdminTextInputWidget,
)

from core.errors import DomainError
from members.models import Member
from tiers.ladders import ladders_in_force
from tiers.models import Ladder, MemberTier, Tier
from tiers.services import end_given_tier, give_tier


class TierForm(forms.Form):
    """Which tier, until when, and why."""

    tier = forms.ModelChoiceField(
        label=_("Tier"),
        queryset=Tier.objects.none(),
        widget=UnfoldAdminSelectWidget(),
        empty_label=None,
    )
    until = forms.DateField(
        label=_("Through this day"),
        required=False,
        widget=UnfoldAdminTextInputWidget(attrs={"type": "date"}),
        help_text=_("Empty: for good. Until then neither refunds nor time lower the tier."),
    )
    reason = forms.CharField(
        label=_("In words"),
        max_length=200,
        widget=UnfoldAdminTextInputWidget(),
        help_text=_("Why; it stays in the member's history for good."),
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        listed = [step.tier_id for one in ladders_in_force() for step in one.steps[1:]]
        field = self.fields["tier"]
        assert isinstance(field, forms.ModelChoiceField)
        field.queryset = Tier.objects.filter(pk__in=listed).order_by("ladder", "rank")


class TierByHandMixin:
    """The page on which staff give a member a tier, or take it away again."""

    admin_site: Any
    opts: Any
    media: Any
    log_change: Any

    def get_urls(self) -> list[Any]:
        own = path(
            "<int:member_id>/tier/",
            self.admin_site.admin_view(self.tier_view),
            name="members_member_tier",
        )
        return [own, *super().get_urls()]  # type: ignore[misc]

    @action(
        description=_("Give a tier"),
        icon="military_tech",
        permissions=["give_tier"],
        url_path="tier-by-hand",
    )
    def tier_page(self, request: HttpRequest, object_id: str) -> HttpResponse:
        return HttpResponseRedirect(reverse("admin:members_member_tier", args=[object_id]))

    def has_give_tier_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return bool(request.user.has_perm("tiers.give_tier"))

    def tier_view(self, request: HttpRequest, member_id: int) -> HttpResponse:
        if not self.has_give_tier_permission(request):
            raise PermissionDenied
        member = get_object_or_404(Member, pk=member_id)
        if request.method == "POST" and "end" in request.POST:
            return self._end(request, member)
        form = TierForm(request.POST or None)
        if request.method == "POST" and form.is_valid():
            try:
                self._give(request, member, form)
            except DomainError as error:
                form.add_error(None, str(error))
            else:
                return HttpResponseRedirect(member.get_absolute_url())
        rows = MemberTier.objects.filter(member=member).order_by("ladder")
        context = {
            **self.admin_site.each_context(request),
            "title": _("Give a tier"),
            "original": member,
            "opts": self.opts,
            "member": member,
            "form": form,
            "rows": rows.select_related("ladder", "tier", "manual_tier"),
            "media": self.media + form.media,
        }
        return render(request, "admin/members/member/tier.html", context)

    def _give(self, request: HttpRequest, member: Member, form: TierForm) -> None:
        row = give_tier(
            member=member,
            tier=form.cleaned_data["tier"],
            until=form.cleaned_data["until"],
            reason=form.cleaned_data["reason"],
            by=request.user.get_username(),
            at=timezone.now(),
        )
        self.log_change(request, member, form.cleaned_data["reason"])
        messages.success(
            request, _("%(member)s is %(tier)s now.") % {"member": member, "tier": row.tier}
        )

    def _end(self, request: HttpRequest, member: Member) -> HttpResponse:
        ladder = get_object_or_404(Ladder, pk=request.POST["end"])
        try:
            row = end_given_tier(
                member=member,
                ladder=ladder,
                reason=str(_("Taken away by hand.")),
                by=request.user.get_username(),
                at=timezone.now(),
            )
        except DomainError as error:
            messages.error(request, str(error.message))
        else:
            self.log_change(request, member, "Took a tier away.")
            messages.success(
                request,
                _("%(member)s is %(tier)s now.") % {"member": member, "tier": row.tier},
            )
        return HttpResponseRedirect(member.get_absolute_url())
