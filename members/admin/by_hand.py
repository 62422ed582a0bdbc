"""Points given or taken by hand, from a member's page."""

from __future__ import annotations

import uuid
from typing import Any

from django import forms
from django.contrib import messages
from django.contrib.auth.models import User
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import get_object_or_404, render
from django.urls import path, reverse
from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from unfold.decorators import action
from unfold.enums import ActionVariant
from unfold.widgets import (
    UnfoldAdminIntegerFieldWidget,
    UnfoldAdminRadioSelectWidget,
    UnfoldAdminSelectWidget,
    UnfoldAdminTextInputWidget,
)

from core.admin_tools import programme_of
from core.errors import DomainError
from core.models import ChangeRequest
from members.admin.wallets import form_balances
from members.models import Member
from members.services import kept_member
from points.amounts import Unit
from points.by_hand import give_by_hand
from points.errors import NotEnoughPoints
from points.models import Transfer, Wallet
from points.queries import balances, points_wallet


class AdjustForm(forms.Form):
    """Points given or taken by hand, with the reason that will stand in the ledger."""

    GIVE, TAKE = "give", "take"
    key = forms.CharField(widget=forms.HiddenInput)
    direction = forms.ChoiceField(
        label=_("What happens"),
        choices=[(GIVE, _("Give")), (TAKE, _("Take away"))],
        initial=GIVE,
        widget=UnfoldAdminRadioSelectWidget(),
    )
    points = forms.IntegerField(
        label=_("How many"),
        min_value=1,
        max_value=10_000_000,
        widget=UnfoldAdminIntegerFieldWidget(),
        help_text=_("In units of the wallet: points, stamps, spins, dong (or cents)."),
    )
    wallet = forms.ModelChoiceField(
        label=_("Wallet"),
        queryset=Wallet.objects.filter(is_active=True),
        widget=UnfoldAdminSelectWidget(),
        empty_label=None,
    )
    reason = forms.ChoiceField(
        label=_("Reason"),
        choices=Transfer.Reason.choices,
        widget=UnfoldAdminSelectWidget(),
    )
    note = forms.CharField(
        label=_("In words"),
        max_length=200,
        widget=UnfoldAdminTextInputWidget(),
        help_text=_("Stays in the ledger and in the member's history for good."),
    )

    @property
    def amount(self) -> int:
        points: int = self.cleaned_data["points"]
        return points if self.cleaned_data["direction"] == self.GIVE else -points


class ByHandMixin:
    """The page on which staff correct a member's points."""

    admin_site: Any
    opts: Any
    media: Any
    log_change: Any

    def get_urls(self) -> list[Any]:
        adjust = path(
            "<int:member_id>/points/",
            self.admin_site.admin_view(self.adjust_view),
            name="members_member_adjust",
        )
        return [adjust, *super().get_urls()]  # type: ignore[misc]

    @action(
        description=_("Give or take points"),
        icon="exposure",
        variant=ActionVariant.PRIMARY,
        permissions=["adjust"],
        url_path="points-by-hand",
    )
    def adjust_points_page(self, request: HttpRequest, object_id: str) -> HttpResponse:
        return HttpResponseRedirect(
            reverse("admin:members_member_adjust", args=[object_id])
        )

    def has_adjust_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        if obj and Member.objects.filter(pk=obj, merged_into__isnull=False).exists():
            return False
        return bool(request.user.has_perm("points.adjust_points"))

    def adjust_view(self, request: HttpRequest, member_id: int) -> HttpResponse:
        if not self.has_adjust_permission(request):
            raise PermissionDenied
        member = kept_member(get_object_or_404(Member, pk=member_id))
        # The key makes a second click on the same form change nothing.
        initial = {"key": uuid.uuid4().hex, "wallet": points_wallet()}
        form = AdjustForm(request.POST or None, initial=initial)
        wallets = form_balances(member, programme_of(request))
        if request.method == "POST" and form.is_valid():
            try:
                self._adjust(request, member, form)
            except NotEnoughPoints as error:
                form.add_error(None, _too_little(error, form, request))
            except DomainError as error:
                form.add_error(None, str(error))
            else:
                return HttpResponseRedirect(member.get_absolute_url())
        context = {
            **self.admin_site.each_context(request),
            "title": _("Give or take points"),
            "original": member,
            "opts": self.opts,
            "member": member,
            "form": form,
            "wallets": wallets,
            "wallet": wallets.get(str(form["wallet"].value())),
            "media": self.media + form.media,
        }
        return render(request, "admin/members/member/adjust.html", context)

    def _adjust(self, request: HttpRequest, member: Member, form: AdjustForm) -> None:
        assert isinstance(request.user, User), "the console lets nobody else in"
        wallet = form.cleaned_data["wallet"]
        done = give_by_hand(
            member=member,
            wallet=wallet,
            amount=form.amount,
            key=f"adjust:{form.cleaned_data['key']}",
            at=timezone.now(),
            reason=form.cleaned_data["reason"],
            note=form.cleaned_data["note"],
            by=request.user,
        )
        self.log_change(request, member, form.cleaned_data["note"])
        if isinstance(done, ChangeRequest):
            messages.warning(
                request, _("Nothing has moved yet: a second person has to approve this.")
            )
            return
        unit = Unit.of(wallet, programme_of(request))
        balance = balances([member.pk], wallet=wallet)[member.pk]
        messages.success(
            request,
            _("Done: %(amount)s. The balance is now %(balance)s.")
            % {
                "amount": f"{unit.signed(form.amount)} {unit.name}".rstrip(),
                "balance": unit.amount(balance),
            },
        )


def _too_little(error: NotEnoughPoints, form: AdjustForm, request: HttpRequest) -> str:
    """Say what is missing in the unit of the wallet that was chosen."""
    wallet = form.cleaned_data["wallet"]
    if wallet.kind == Wallet.Kind.POINTS:
        return str(error)
    unit = Unit.of(wallet, programme_of(request))
    facts = {"wanted": unit.amount(error.wanted), "balance": unit.amount(error.balance)}
    return str(_("%(wanted)s are needed; the balance is %(balance)s.")) % facts
