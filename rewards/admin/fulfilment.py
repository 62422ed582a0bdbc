"""Gifts to hand over: the board, the page of each, and what is taken away on paper."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib import admin, messages
from django.contrib.auth.models import User
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import (
    HttpRequest,
    HttpResponse,
    HttpResponseBase,
    HttpResponseRedirect,
)
from django.shortcuts import get_object_or_404, render
from django.urls import path, reverse
from django.utils import timezone
from django.utils.text import capfirst
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from django.views.decorators.http import require_POST
from unfold.contrib.filters.admin import AutocompleteSelectFilter
from unfold.decorators import action, display
from unfold.widgets import (
    UnfoldAdminRadioSelectWidget,
    UnfoldAdminSelectWidget,
    UnfoldAdminTextInputWidget,
)

from activities.models import Store
from core.admin_tools import (
    BigTableMixin,
    ConsoleAdmin,
    ReadOnlyMixin,
    link,
    money,
    number,
    programme_of,
    two_lines,
    when,
)
from core.errors import DomainError
from core.exports import CSV, XLSX, table_response
from core.phones import display_phone, mask_phone
from rewards.admin import packing
from rewards.admin.board import (
    STEP_LABELS,
    BoardForm,
    age_words,
    board_of,
    chosen,
    meant_by,
)
from rewards.admin.outcomes import outcome_lines, pk_of
from rewards.fulfilment import advance, next_steps
from rewards.models import Benefit, Fulfilment, GivenBenefit
from rewards.services import choose_handover

State = Fulfilment.State
Method = Fulfilment.Method
STATE_BADGES = {
    "asked": "default",
    "new": "warning",
    "packed": "info",
    "shipped": "info",
    "ready": "primary",
    "done": "success",
    "returned": "danger",
    "cancelled": "default",
}
READ_ALONG = ("given__benefit", "given__redemption", "member", "store")


class AddressForm(forms.Form):
    """How a gift is wanted, as the member says it on the phone."""

    method = forms.ChoiceField(
        label=_("How it is handed over"),
        choices=Method.choices,
        widget=UnfoldAdminRadioSelectWidget(),
    )
    store = forms.ModelChoiceField(
        label=_("Store"),
        queryset=Store.objects.filter(is_active=True),
        required=False,
        widget=UnfoldAdminSelectWidget(),
    )
    recipient = forms.CharField(
        label=_("Recipient"),
        required=False,
        max_length=120,
        widget=UnfoldAdminTextInputWidget(),
    )
    phone = forms.CharField(
        label=_("Phone"),
        required=False,
        max_length=20,
        widget=UnfoldAdminTextInputWidget(attrs={"inputmode": "tel"}),
    )
    address = forms.CharField(
        label=_("Address"),
        required=False,
        max_length=300,
        widget=UnfoldAdminTextInputWidget(),
    )
    province = forms.CharField(
        label=_("Province"),
        required=False,
        max_length=60,
        widget=UnfoldAdminTextInputWidget(),
    )

    def __init__(self, *args: Any, handover: str, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if handover != Benefit.Handover.EITHER:
            field = self.fields["method"]
            assert isinstance(field, forms.ChoiceField)
            field.choices = [c for c in Method.choices if c[0] == handover]

    @property
    def wishes(self) -> dict[str, Any]:
        data = dict(self.cleaned_data)
        store = data.pop("store")
        return {**data, "store_id": store.pk if store else None}


class ShipForm(forms.Form):
    """Who carries the parcels."""

    carrier = forms.CharField(
        label=_("Carrier"),
        required=False,
        max_length=60,
        widget=UnfoldAdminTextInputWidget(attrs={"list": "carriers"}),
        help_text=_("The same for all of these parcels."),
    )


@admin.register(Fulfilment)
class FulfilmentAdmin(ReadOnlyMixin, BigTableMixin, ConsoleAdmin):
    list_display = ("gift", "who", "where", "state_badge", "last_change")
    list_filter = ("state", "method", ("store", AutocompleteSelectFilter))
    list_select_related = READ_ALONG
    search_fields = ("tracking",)
    search_help_text = _("Phone, name, number of the redemption or of the parcel")
    ordering = ("-id",)
    actions_list = ("board_page",)
    fieldsets = (
        (
            _("For the record"),
            {"fields": ("given", "changed_at"), "classes": ("collapse",)},
        ),
    )
    change_form_outer_before_template = "admin/rewards/fulfilment/_page.html"
    empty_title = _("No gifts to hand over")
    empty_text = _("Gifts that members redeem, or are given, show up here at once.")

    # --- the list ---------------------------------------------------------------------

    def get_search_results(
        self, request: HttpRequest, queryset: Any, search_term: str
    ) -> tuple[Any, bool]:
        if not search_term.strip():
            return queryset, False
        return queryset.filter(meant_by(search_term)), False

    @display(description=_("Gift"))
    def gift(self, row: Fulfilment) -> str:
        return two_lines(row.given.benefit, packing.number_of(row))

    @display(description=_("Member"))
    def who(self, row: Fulfilment) -> str:
        return two_lines(link(row.member), row.member.code)

    @display(description=_("Where to"))
    def where(self, row: Fulfilment) -> str:
        place = str(row.store) if row.store else row.province
        return two_lines(row.get_method_display() or "–", place)

    @display(description=_("State"), label=STATE_BADGES, ordering="state")
    def state_badge(self, row: Fulfilment) -> tuple[str, str]:
        return row.state, row.get_state_display()

    @display(description=_("Last change"), ordering="changed_at")
    def last_change(self, row: Fulfilment) -> str:
        return when(row.changed_at)

    # --- pages ------------------------------------------------------------------------

    def has_step_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return bool(request.user.has_perm("rewards.change_fulfilment"))

    def has_export_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return bool(request.user.has_perm("rewards.export_fulfilment"))

    def get_urls(self) -> list[Any]:
        wrap = self.admin_site.admin_view
        own = [
            path("board/", wrap(self.board_view), name="rewards_fulfilment_board"),
            path(
                "board/step/",
                wrap(require_POST(self.step_view)),
                name="rewards_fulfilment_step",
            ),
            path(
                "board/ship/",
                wrap(require_POST(self.ship_view)),
                name="rewards_fulfilment_ship",
            ),
            path(
                "board/take/",
                wrap(require_POST(self.take_view)),
                name="rewards_fulfilment_take",
            ),
            path(
                "<int:gift_id>/address/",
                wrap(self.address_view),
                name="rewards_fulfilment_address",
            ),
        ]
        return [*own, *super().get_urls()]

    @action(description=_("To the board"), icon="view_kanban", url_path="to-board")
    def board_page(self, request: HttpRequest) -> HttpResponse:
        return HttpResponseRedirect(board_address(request))

    def board_view(self, request: HttpRequest) -> HttpResponse:
        """Show what is to be done, by state."""
        if not self.has_view_permission(request):
            raise PermissionDenied
        form = BoardForm(request.GET)
        board = board_of(form, at=timezone.now(), sees_addresses=sees_addresses(request))
        context = {
            "form": form,
            "board": board,
            "query": request.GET.urlencode(),
            "may_step": self.has_step_permission(request),
            "may_export": self.has_export_permission(request),
        }
        return self._render(request, "board", _("Gifts to hand over"), context)

    def step_view(self, request: HttpRequest) -> HttpResponse:
        """Let the ticked gifts take the step of the button."""
        if not self.has_step_permission(request):
            raise PermissionDenied
        gifts = list(chosen(request.POST.getlist("gift")))
        to = request.POST.get("to", "")
        if to == State.SHIPPED and gifts:
            return self._ask_tracking(request, gifts)
        self._advance(request, gifts, to, note=request.POST.get("note", ""))
        return HttpResponseRedirect(self._back(request))

    def ship_view(self, request: HttpRequest) -> HttpResponse:
        """Send parcels off with their numbers."""
        if not self.has_step_permission(request):
            raise PermissionDenied
        gifts = list(chosen(request.POST.getlist("gift")))
        numbers = {row.pk: request.POST.get(f"tracking-{row.pk}", "") for row in gifts}
        carrier = request.POST.get("carrier", "")
        self._advance(request, gifts, State.SHIPPED, carrier=carrier, tracking=numbers)
        return HttpResponseRedirect(self._back(request))

    def take_view(self, request: HttpRequest) -> HttpResponseBase:
        """Print the ticked gifts, or hand them out as a file; the history notes it."""
        if not self.has_export_permission(request):
            raise PermissionDenied
        gifts = packing.to_take_away(chosen(request.POST.getlist("gift")))
        if not gifts:
            messages.warning(request, _("Tick the gifts first."))
            return HttpResponseRedirect(self._back(request))
        kind = request.POST.get("how", "")
        packing.note_taken(gifts, request.user, f"Address taken away ({kind or 'print'}).")
        if kind in (CSV, XLSX):
            name = f"gifts-{timezone.localdate():%Y-%m-%d}"
            return table_response(name, packing.columns(), packing.lines(gifts), kind=kind)
        context = {"rows": gifts, "lines": list(packing.lines(gifts))}
        return self._render(request, "packing", _("Packing list"), context)

    def _ask_tracking(self, request: HttpRequest, gifts: list[Fulfilment]) -> HttpResponse:
        sent = [row for row in gifts if row.method == Method.DELIVERY]
        rows = Fulfilment.objects.filter(pk__in=[row.pk for row in sent])
        context = {
            "rows": rows.select_related(*READ_ALONG).order_by("pk"),
            "form": ShipForm(),
            "others": len(gifts) - len(sent),
            "sees_addresses": sees_addresses(request),
            "next": request.POST.get("next", ""),
            "query": request.GET.urlencode(),
            "back": self._back(request),
        }
        return self._render(request, "ship", _("Send off"), context)

    def _advance(
        self,
        request: HttpRequest,
        gifts: list[Fulfilment],
        to: str,
        *,
        carrier: str = "",
        tracking: dict[int, str] | None = None,
        note: str = "",
    ) -> None:
        if not gifts:
            messages.warning(request, _("Tick the gifts first."))
            return
        assert isinstance(request.user, User), "the console lets nobody else in"
        told = advance(
            gifts,
            to=to,
            by=request.user,
            at=timezone.now(),
            carrier=carrier,
            tracking=tracking,
            note=note,
        )
        if told.moved:
            text = gettext("%(state)s: %(count)s.") % {
                "state": capfirst(State(to).label),
                "count": number(len(told.moved)),
            }
            messages.success(request, text)
        if told.left:
            text = gettext(
                "%(count)s could not take this step: they are elsewhere by now, or are "
                "handed over in another way."
            )
            messages.warning(request, text % {"count": number(len(told.left))})

    def _back(self, request: HttpRequest) -> str:
        """Return where the button stood: on a gift's page, or on the board."""
        gift = request.POST.get("next", "")
        if gift.isdigit():
            return reverse("admin:rewards_fulfilment_change", args=[gift])
        return board_address(request)

    # --- the page of one gift ---------------------------------------------------------

    def page_title(self, obj: Fulfilment) -> str:
        return f"{obj.given.benefit} · {packing.number_of(obj)}"

    def get_queryset(self, request: HttpRequest) -> QuerySet[Fulfilment]:
        return super().get_queryset(request).select_related(*READ_ALONG)

    def changeform_view(
        self,
        request: HttpRequest,
        object_id: str | None = None,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> HttpResponse:
        context = dict(extra_context or {})
        rows = Fulfilment.objects.select_related(*READ_ALONG)
        row = rows.filter(pk=pk_of(object_id)).first()
        if row is not None and self.has_view_permission(request, row):
            context |= self._page(request, row)
        return super().changeform_view(request, object_id, form_url, context)

    def _page(self, request: HttpRequest, row: Fulfilment) -> dict[str, Any]:
        may_step = self.has_step_permission(request)
        sees = sees_addresses(request)
        redemption = getattr(row.given, "redemption", None)
        days = (timezone.now() - row.changed_at).days
        lines = outcome_lines(row.given)
        return {
            "row": row,
            "number": packing.number_of(row),
            "redemption": redemption,
            "state_badge": STATE_BADGES[row.state],
            "age": "" if row.state in (State.DONE, State.CANCELLED) else age_words(days),
            "phone": row.phone and (display_phone if sees else mask_phone)(row.phone),
            "address": ", ".join(p for p in (row.address, row.province) if p)
            if sees
            else row.province,
            "fee": money(row.delivery_fee, str(programme_of(request).currency))
            if row.delivery_fee and row.method == Method.DELIVERY
            else "",
            "steps": [(to, STEP_LABELS[row.state, to]) for to in next_steps(row)]
            if may_step
            else [],
            "may_address": may_step and sees and row.state in (State.ASKED, State.NEW),
            "cancel": self._cancel_address(request, row),
            "lines": sorted(lines, key=lambda line: line.at, reverse=True),
        }

    def _cancel_address(self, request: HttpRequest, row: Fulfilment) -> str:
        """Return the page that gives back what was paid for it, or takes it back."""
        if row.state in (State.DONE, State.CANCELLED):
            return ""
        if row.given.source == GivenBenefit.Source.REDEMPTION:
            allowed = request.user.has_perm("rewards.cancel_redemption")
            page, pk = "rewards_redemption_cancel", row.given.source_id
        else:
            allowed = request.user.has_perm("rewards.give_benefit")
            page, pk = "rewards_givenbenefit_take_back", row.given_id
        return reverse(f"admin:{page}", args=[pk]) if allowed else ""

    def address_view(self, request: HttpRequest, gift_id: int) -> HttpResponse:
        """Write down how the member wants it, until it is packed."""
        if not (self.has_step_permission(request) and sees_addresses(request)):
            raise PermissionDenied
        row = get_object_or_404(Fulfilment.objects.select_related(*READ_ALONG), pk=gift_id)
        first = {
            "method": row.method or Method.DELIVERY,
            "store": row.store_id,
            "recipient": row.recipient or row.member.name,
            "phone": row.phone and display_phone(row.phone),
            "address": row.address,
            "province": row.province,
        }
        handover = row.given.benefit.handover
        form = AddressForm(request.POST or None, initial=first, handover=handover)
        if request.method == "POST" and form.is_valid():
            try:
                choose_handover(fulfilment=row, wishes=form.wishes, at=timezone.now())
            except DomainError as error:
                form.add_error(None, str(error.message))
            else:
                self.log_change(request, row, "How it is wanted was written down.")
                messages.success(request, _("Written down. It can be packed now."))
                return HttpResponseRedirect(
                    reverse("admin:rewards_fulfilment_change", args=[row.pk])
                )
        context = {"form": form, "row": row, "original": row}
        return self._render(request, "address", _("How it is wanted"), context)

    def _render(
        self, request: HttpRequest, page: str, title: Any, context: dict[str, Any]
    ) -> HttpResponse:
        frame = {
            **self.admin_site.each_context(request),
            "title": title,
            "opts": self.opts,
            "media": self.media,
        }
        name = f"admin/rewards/fulfilment/{page}.html"
        return render(request, name, {**frame, **context})


def sees_addresses(request: HttpRequest) -> bool:
    """Tell whether this person sees whole phone numbers and addresses."""
    return bool(request.user.has_perm("members.view_identifier"))


def board_address(request: HttpRequest) -> str:
    """Return the board with the filters that stand in the address."""
    query = request.GET.urlencode()
    address = reverse("admin:rewards_fulfilment_board")
    return f"{address}?{query}" if query else address
