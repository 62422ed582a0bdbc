"""A benefit given by hand, from a member's page."""

from __future__ import annotations

import uuid
from decimal import Decimal
from typing import Any

from django import forms
from django.contrib import messages
from django.contrib.auth.models import User
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import get_object_or_404, render
from django.urls import path, reverse
from django.utils import timezone
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from unfold.decorators import action
from unfold.widgets import UnfoldAdminSelectWidget, UnfoldAdminTextInputWidget

from core.admin_tools import money, programme_of
from core.errors import DomainError
from core.models import ChangeRequest
from members.models import Member
from members.services import kept_member
from rewards.by_hand import give_by_hand
from rewards.giving import KINDS
from rewards.models import Benefit
from rewards.sentence import describe_benefit


class BenefitChoice(forms.ModelChoiceField):
    """Names each benefit with what it costs, so that nobody gives it by mistake."""

    currency = "VND"

    def label_from_instance(self, obj: Benefit) -> str:
        if not obj.value:
            return obj.name
        return f"{obj.name} · {money(Decimal(obj.value), self.currency)}"


class GiveForm(forms.Form):
    """Which benefit, and why."""

    key = forms.CharField(widget=forms.HiddenInput, max_length=40)
    benefit = BenefitChoice(
        label=_("Benefit"),
        queryset=Benefit.objects.none(),
        widget=UnfoldAdminSelectWidget(),
        empty_label=None,
    )
    note = forms.CharField(
        label=_("In words"),
        max_length=200,
        widget=UnfoldAdminTextInputWidget(),
        help_text=_("Why; it stays in the member's history for good."),
    )

    def __init__(self, *args: Any, currency: str, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        field = self.fields["benefit"]
        assert isinstance(field, BenefitChoice)
        field.currency = currency
        in_use = Benefit.objects.filter(is_active=True, kind__in=[*KINDS])
        field.queryset = in_use.order_by("name")


class BenefitByHandMixin:
    """The page on which staff give a member a benefit."""

    admin_site: Any
    opts: Any
    media: Any
    log_change: Any

    def get_urls(self) -> list[Any]:
        own = path(
            "<int:member_id>/benefit/",
            self.admin_site.admin_view(self.benefit_view),
            name="members_member_benefit",
        )
        return [own, *super().get_urls()]  # type: ignore[misc]

    @action(
        description=_("Give a benefit"),
        icon="redeem",
        permissions=["give_benefit"],
        url_path="benefit-by-hand",
    )
    def benefit_page(self, request: HttpRequest, object_id: str) -> HttpResponse:
        return HttpResponseRedirect(
            reverse("admin:members_member_benefit", args=[object_id])
        )

    def has_give_benefit_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return bool(request.user.has_perm("rewards.give_benefit"))

    def benefit_view(self, request: HttpRequest, member_id: int) -> HttpResponse:
        """Choose a benefit and say why; above a bound a second person decides."""
        if not self.has_give_benefit_permission(request):
            raise PermissionDenied
        member = kept_member(get_object_or_404(Member, pk=member_id))
        programme = programme_of(request)
        # The key makes a second click on the same form change nothing.
        first = {"key": uuid.uuid4().hex, "benefit": request.GET.get("benefit")}
        currency = str(programme.currency)
        form = GiveForm(request.POST or None, initial=first, currency=currency)
        if request.method == "POST" and form.is_valid():
            try:
                self._give_benefit(request, member, form)
            except DomainError as error:
                form.add_error(None, str(error))
            else:
                return HttpResponseRedirect(member.get_absolute_url())
        bound = programme.gift_approval_above
        context = {
            **self.admin_site.each_context(request),
            "title": _("Give a benefit"),
            "original": member,
            "opts": self.opts,
            "member": member,
            "form": form,
            "bound": None if bound is None else money(bound, currency),
            "media": self.media + form.media,
        }
        return render(request, "admin/members/member/benefit.html", context)

    def _give_benefit(self, request: HttpRequest, member: Member, form: GiveForm) -> None:
        assert isinstance(request.user, User), "the console lets nobody else in"
        benefit: Benefit = form.cleaned_data["benefit"]
        done = give_by_hand(
            benefit=benefit,
            member=member,
            key=f"staff:{form.cleaned_data['key']}",
            at=timezone.now(),
            note=form.cleaned_data["note"],
            by=request.user,
        )
        self.log_change(request, member, form.cleaned_data["note"])
        if isinstance(done, ChangeRequest):
            messages.warning(
                request, _("Nothing was given yet: a second person has to approve this.")
            )
            return
        currency = str(programme_of(request).currency)
        facts = {"member": member, "what": describe_benefit(benefit, currency=currency)}
        messages.success(request, gettext("%(member)s has it now. %(what)s") % facts)
