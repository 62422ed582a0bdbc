"""Redemptions in the console: what, who, for what, and what came of it."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db.models import Q, QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import get_object_or_404, render
from django.urls import path, reverse
from django.utils import timezone
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from unfold.contrib.filters.admin import AutocompleteSelectFilter
from unfold.decorators import display
from unfold.widgets import UnfoldAdminSelectWidget, UnfoldAdminTextInputWidget

from activities.models import Store
from core.admin_tools import (
    NOTHING,
    BigTableMixin,
    ConsoleAdmin,
    ReadOnlyMixin,
    link,
    money,
    programme_of,
    two_lines,
    when,
)
from core.errors import DomainError
from members.admin.search import member_ids_for_search
from points.queries import points_wallet
from rewards.admin.cancelling import cancel_refusal, what_goes_back
from rewards.admin.outcomes import Line, cost_words, outcome, outcome_lines, pk_of
from rewards.models import Redemption
from rewards.services import cancel_redemption, confirm_payment

STATE_BADGES = {
    "unpaid": "warning",
    "done": "success",
    "cancelled": "danger",
    "lapsed": "default",
}
READ_ALONG = (
    "member",
    "reward__wallet",
    "given__benefit",
    "given__transfer",
    "given__fulfilment",
    "given__booking__slot__store",
)


class CancelForm(forms.Form):
    """Why it is cancelled; it stays with the record."""

    note = forms.CharField(
        label=_("In words"),
        max_length=200,
        widget=UnfoldAdminTextInputWidget(),
        help_text=_("Why; it stays in the member's history for good."),
    )


class PaidForm(forms.Form):
    """Where the money was paid."""

    store = forms.ModelChoiceField(
        label=_("Paid in"),
        queryset=Store.objects.filter(is_active=True),
        widget=UnfoldAdminSelectWidget(),
        empty_label=None,
    )


@admin.register(Redemption)
class RedemptionAdmin(ReadOnlyMixin, BigTableMixin, ConsoleAdmin):
    list_display = ("happened", "who", "what", "num_cost", "state_badge", "came_of_it")
    list_filter = ("state", ("reward", AutocompleteSelectFilter), "reward__benefit__kind")
    list_select_related = READ_ALONG
    search_fields = ("code",)
    search_help_text = _("Number of the redemption, or the member's phone, card or name")
    ordering = ("-id",)
    fieldsets = (
        (
            _("For the record"),
            {
                "fields": ("code", "key", "redeemed_on", "actor", "transfer"),
                "classes": ("collapse",),
            },
        ),
    )
    change_form_outer_before_template = "admin/rewards/redemption/_page.html"
    empty_title = _("Nothing was redeemed yet")
    empty_text = _("What members take from the catalogue shows up here at once.")

    # --- the list ---------------------------------------------------------------------

    def get_queryset(self, request: HttpRequest) -> QuerySet[Redemption]:
        rows = super().get_queryset(request)
        return rows.prefetch_related("given__vouchers__voucher_type")

    def get_search_results(
        self, request: HttpRequest, queryset: Any, search_term: str
    ) -> tuple[Any, bool]:
        term = search_term.strip()
        if not term:
            return queryset, False
        of_code = Q(code=term.upper())
        found = queryset.filter(of_code | Q(member__in=member_ids_for_search(term)))
        return found, False

    def get_changelist_instance(self, request: HttpRequest) -> Any:
        changelist = super().get_changelist_instance(request)
        unit, currency = points_unit(request), str(programme_of(request).currency)
        rows = list(changelist.result_list)
        for row in rows:
            row.cost = cost_words(row, unit, currency)
        changelist.result_list = rows
        return changelist

    @display(description=_("When"), ordering="id")
    def happened(self, row: Redemption) -> str:
        return two_lines(when(row.redeemed_at), row.code)

    @display(description=_("Member"))
    def who(self, row: Redemption) -> str:
        return two_lines(link(row.member), row.member.code)

    @display(description=_("Reward"))
    def what(self, row: Redemption) -> str:
        return link(row.reward)

    @display(description=_("Cost"))
    def num_cost(self, row: Any) -> str:
        return str(row.cost)

    @display(description=_("State"), label=STATE_BADGES, ordering="state")
    def state_badge(self, row: Redemption) -> tuple[str, str]:
        return row.state, row.get_state_display()

    @display(description=_("What came of it"))
    def came_of_it(self, row: Redemption) -> str:
        if row.state == Redemption.State.UNPAID:
            return gettext("to be paid until %(end)s") % {"end": when(row.pay_until)}
        return outcome(row.given) or NOTHING

    # --- the page ---------------------------------------------------------------------

    def page_title(self, obj: Redemption) -> str:
        return f"{obj.reward} · {obj.code}"

    def changeform_view(
        self,
        request: HttpRequest,
        object_id: str | None = None,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> HttpResponse:
        context = dict(extra_context or {})
        found = Redemption.objects.select_related(*READ_ALONG)
        row = found.filter(pk=pk_of(object_id)).first()
        if row is not None and self.has_view_permission(request, row):
            context |= self._page(request, row)
        return super().changeform_view(request, object_id, form_url, context)

    def _page(self, request: HttpRequest, row: Redemption) -> dict[str, Any]:
        is_open = row.state in (Redemption.State.UNPAID, Redemption.State.DONE)
        return {
            "redemption": row,
            "cost": cost_words(
                row, points_unit(request), str(programme_of(request).currency)
            ),
            "state_badge": STATE_BADGES[row.state],
            "outcome": outcome(row.given),
            "lines": timeline(row),
            "may_cancel": is_open and self.has_cancel_permission(request),
            "may_confirm": row.state == Redemption.State.UNPAID
            and self.has_confirm_permission(request),
        }

    # --- what staff do ----------------------------------------------------------------

    def has_cancel_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return bool(request.user.has_perm("rewards.cancel_redemption"))

    def has_confirm_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return bool(request.user.has_perm("rewards.confirm_payment"))

    def get_urls(self) -> list[Any]:
        own = [
            path(
                f"<int:redemption_id>/{name}/",
                self.admin_site.admin_view(view),
                name=f"rewards_redemption_{name}",
            )
            for name, view in (("cancel", self.cancel_view), ("paid", self.paid_view))
        ]
        return [*own, *super().get_urls()]

    def cancel_view(self, request: HttpRequest, redemption_id: int) -> HttpResponse:
        """Say what goes back, ask why, then do it."""
        if not self.has_cancel_permission(request):
            raise PermissionDenied
        row = self._row(redemption_id)
        form = CancelForm(request.POST or None)
        if request.method == "POST" and form.is_valid():
            try:
                self._cancel(request, row, form.cleaned_data["note"])
            except DomainError as error:
                form.add_error(None, str(error.message))
            else:
                return HttpResponseRedirect(redemption_address(row))
        now = timezone.now()
        context = {
            "form": form,
            "refusal": cancel_refusal(row, at=now),
            "consequences": what_goes_back(
                row, points_unit(request), str(programme_of(request).currency)
            ),
        }
        return self._render(request, row, "cancel", _("Cancel this redemption"), context)

    def _cancel(self, request: HttpRequest, row: Redemption, note: str) -> None:
        cancel_redemption(
            redemption=row, at=timezone.now(), actor=request.user.get_username(), note=note
        )
        self.log_change(request, row, f"Cancelled: {note}")
        messages.success(request, _("It is cancelled. Everything went back."))

    def paid_view(self, request: HttpRequest, redemption_id: int) -> HttpResponse:
        """Note where the money was paid, and hand over what was bought."""
        if not self.has_confirm_permission(request):
            raise PermissionDenied
        row = self._row(redemption_id)
        form = PaidForm(request.POST or None)
        if request.method == "POST" and form.is_valid():
            try:
                self._confirm(request, row, form.cleaned_data["store"])
            except DomainError as error:
                form.add_error(None, str(error.message))
            else:
                return HttpResponseRedirect(redemption_address(row))
        amount = money(row.amount, str(programme_of(request).currency))
        context = {
            "form": form,
            "amount": amount,
            "is_open": row.state == Redemption.State.UNPAID,
        }
        return self._render(request, row, "paid", _("Confirm the payment"), context)

    def _confirm(self, request: HttpRequest, row: Redemption, store: Store) -> None:
        confirm_payment(
            redemption=row,
            at=timezone.now(),
            paid_to=store.name,
            actor=request.user.get_username(),
        )
        self.log_change(request, row, f"Paid in {store}.")
        messages.success(request, _("Paid. The member has what was bought."))

    def _row(self, redemption_id: int) -> Redemption:
        rows = Redemption.objects.select_related(*READ_ALONG)
        return get_object_or_404(rows, pk=redemption_id)

    def _render(
        self,
        request: HttpRequest,
        row: Redemption,
        page: str,
        title: Any,
        context: dict[str, Any],
    ) -> HttpResponse:
        frame = {
            **self.admin_site.each_context(request),
            "title": title,
            "opts": self.opts,
            "original": row,
            "redemption": row,
            "back": redemption_address(row),
            "media": self.media,
        }
        name = f"admin/rewards/redemption/{page}.html"
        return render(request, name, {**frame, **context})


def points_unit(request: HttpRequest) -> str:
    """Return what members call their points. One query."""
    wallet = points_wallet()
    return str(wallet.unit_name if wallet else programme_of(request).unit_name)


def redemption_address(row: Redemption) -> str:
    return reverse("admin:rewards_redemption_change", args=[row.pk])


def timeline(row: Redemption) -> list[Line]:
    """Tell what happened to a redemption, newest first."""
    by = row.actor or gettext("by the member")
    lines = [Line(row.redeemed_at, "redeem", gettext("Redeemed"), by)]
    if row.paid_at is not None:
        lines.append(Line(row.paid_at, "payments", gettext("Paid"), row.paid_to))
    if row.given is not None:
        lines += outcome_lines(row.given)
    if row.ended_at is not None:
        told = " · ".join(part for part in (row.ended_by, row.end_note) if part)
        title = str(row.get_state_display()).capitalize()
        lines.append(Line(row.ended_at, "cancel", title, told))
    return sorted(lines, key=lambda line: line.at, reverse=True)
