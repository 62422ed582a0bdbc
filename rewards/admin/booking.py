"""Bookings: who comes when; moved, freed, and closed by whether the guest came."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from django import forms
from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db.models import F, QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import get_object_or_404, render
from django.urls import path, reverse
from django.utils import timezone
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from django.views.decorators.http import require_POST
from unfold.contrib.filters.admin import AutocompleteSelectFilter
from unfold.decorators import display
from unfold.widgets import UnfoldAdminSelectWidget

from core.admin_tools import (
    BigTableMixin,
    ConsoleAdmin,
    ReadOnlyMixin,
    link,
    number,
    two_lines,
    when,
)
from core.clock import local_date
from core.errors import DomainError
from members.admin.search import member_ids_for_search
from rewards.admin.outcomes import booking_words, outcome_lines, pk_of
from rewards.booking import choose_slot, close_booking, release_booking
from rewards.models import Booking, GivenBenefit, Slot

State = Booking.State
STATE_BADGES = {
    "open": "warning",
    "booked": "info",
    "attended": "success",
    "missed": "danger",
    "cancelled": "default",
}
READ_ALONG = ("given__benefit", "member", "slot__store")
# So far ahead a form offers times.
AHEAD = timedelta(days=60)


class TimeChoice(forms.ModelChoiceField):
    """Names a time by when it is, where, and how many places are left."""

    def label_from_instance(self, obj: Slot) -> str:
        told = (when(obj.starts_at), obj.store, obj.host)
        words = " · ".join(str(part) for part in told if part)
        left = gettext("%(left)s free") % {"left": number(obj.capacity - obj.taken)}
        return f"{words} ({left})"


class MoveForm(forms.Form):
    """To which time."""

    slot = TimeChoice(
        label=_("Time"),
        queryset=Slot.objects.none(),
        widget=UnfoldAdminSelectWidget(),
        empty_label=None,
    )

    def __init__(self, *args: Any, booking: Booking, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        field = self.fields["slot"]
        assert isinstance(field, forms.ModelChoiceField)
        now = timezone.now()
        free = Slot.objects.filter(
            benefit=booking.given.benefit_id,
            is_open=True,
            starts_at__gt=now,
            starts_at__lt=now + AHEAD,
            taken__lt=F("capacity"),
        ).exclude(pk=booking.slot_id or 0)
        field.queryset = free.select_related("store").order_by("starts_at")


@admin.register(Booking)
class BookingAdmin(ReadOnlyMixin, BigTableMixin, ConsoleAdmin):
    list_display = ("moment", "who", "what", "where", "state_badge")
    list_filter = ("state", ("given__benefit", AutocompleteSelectFilter))
    list_select_related = READ_ALONG
    search_fields = ("member__code",)
    search_help_text = _("Phone, card number, member code or name")
    # Those who still have to choose stand last, on both databases.
    ordering = (F("slot__starts_at").desc(nulls_last=True), "-id")
    actions = ("mark_attended", "mark_missed")
    fieldsets = (
        (
            _("For the record"),
            {"fields": ("given", "changed_at"), "classes": ("collapse",)},
        ),
    )
    change_form_outer_before_template = "admin/rewards/booking/_page.html"
    empty_title = _("Nobody has booked yet")
    empty_text = _("Who takes an experience and a time shows up here at once.")

    # --- the list ---------------------------------------------------------------------

    def lookup_allowed(
        self, lookup: str, value: Any, request: HttpRequest | None = None
    ) -> bool:
        # The calendar links to who comes at one time.
        return lookup == "slot__id__exact" or super().lookup_allowed(lookup, value, request)

    def get_search_results(
        self, request: HttpRequest, queryset: Any, search_term: str
    ) -> tuple[Any, bool]:
        if not search_term.strip():
            return queryset, False
        return queryset.filter(member__in=member_ids_for_search(search_term)), False

    @display(description=_("Time"), ordering="slot__starts_at")
    def moment(self, row: Booking) -> str:
        return when(row.slot.starts_at) if row.slot else str(_("still to be chosen"))

    @display(description=_("Guest"))
    def who(self, row: Booking) -> str:
        return two_lines(link(row.member), row.member.code)

    @display(description=_("Experience"))
    def what(self, row: Booking) -> str:
        return str(row.given.benefit)

    @display(description=_("Where, with whom"))
    def where(self, row: Booking) -> str:
        return two_lines(row.slot.store or "–", row.slot.host) if row.slot else "–"

    @display(description=_("State"), label=STATE_BADGES, ordering="state")
    def state_badge(self, row: Booking) -> tuple[str, str]:
        return row.state, row.get_state_display()

    # --- what staff do ----------------------------------------------------------------

    def has_mark_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return bool(request.user.has_perm("rewards.change_booking"))

    @admin.action(description=_("They came"), permissions=["mark"])
    def mark_attended(self, request: HttpRequest, queryset: QuerySet[Booking]) -> None:
        self._close(request, list(queryset), attended=True)

    @admin.action(description=_("They did not come"), permissions=["mark"])
    def mark_missed(self, request: HttpRequest, queryset: QuerySet[Booking]) -> None:
        self._close(request, list(queryset), attended=False)

    def _close(
        self, request: HttpRequest, bookings: list[Booking], *, attended: bool
    ) -> None:
        closed, refused = 0, ""
        for booking in bookings:
            try:
                close_booking(booking, attended=attended, at=timezone.now())
            except DomainError as error:
                refused = str(error.message)
                continue
            closed += 1
            self.log_change(request, booking, "Came." if attended else "Did not come.")
        if closed:
            text = gettext("%(count)s written down.") % {"count": number(closed)}
            messages.success(request, text)
        if refused:
            left = number(len(bookings) - closed)
            messages.warning(request, f"{left} × {refused}")

    def get_urls(self) -> list[Any]:
        wrap = self.admin_site.admin_view
        own = [
            path(f"<int:booking_id>/{name}/", wrap(view), name=f"rewards_booking_{name}")
            for name, view in (
                ("move", self.move_view),
                ("free", require_POST(self.free_view)),
                ("close", require_POST(self.close_view)),
            )
        ]
        return [*own, *super().get_urls()]

    def move_view(self, request: HttpRequest, booking_id: int) -> HttpResponse:
        """Choose a time, or another one."""
        booking = self._booking(request, booking_id)
        form = MoveForm(request.POST or None, booking=booking)
        if request.method == "POST" and form.is_valid():
            slot: Slot = form.cleaned_data["slot"]
            try:
                choose_slot(booking, slot_id=slot.pk, at=timezone.now())
            except DomainError as error:
                form.add_error(None, str(error.message))
            else:
                self.log_change(request, booking, f"Booked for {when(slot.starts_at)}.")
                text = gettext("Booked for %(when)s. Tell the guest.")
                messages.success(request, text % {"when": when(slot.starts_at)})
                return HttpResponseRedirect(_address(booking))
        context = {
            **self.admin_site.each_context(request),
            "title": _("Choose a time"),
            "opts": self.opts,
            "original": booking,
            "booking": booking,
            "words": booking_words(booking),
            "form": form,
            "media": self.media,
        }
        return render(request, "admin/rewards/booking/move.html", context)

    def free_view(self, request: HttpRequest, booking_id: int) -> HttpResponse:
        """Give the place back; the guest chooses another time."""
        booking = self._booking(request, booking_id)
        try:
            release_booking(booking, at=timezone.now())
        except DomainError as error:
            messages.error(request, str(error.message))
        else:
            self.log_change(request, booking, "Freed the time.")
            messages.success(
                request, _("The place is free. The guest can choose another time.")
            )
        return HttpResponseRedirect(_address(booking))

    def close_view(self, request: HttpRequest, booking_id: int) -> HttpResponse:
        """Write down whether the guest came."""
        booking = self._booking(request, booking_id)
        self._close(request, [booking], attended=request.POST.get("came") == "1")
        return HttpResponseRedirect(_address(booking))

    def _booking(self, request: HttpRequest, booking_id: int) -> Booking:
        if not self.has_mark_permission(request):
            raise PermissionDenied
        rows = Booking.objects.select_related(*READ_ALONG)
        return get_object_or_404(rows, pk=booking_id)

    # --- the page ---------------------------------------------------------------------

    def page_title(self, obj: Booking) -> str:
        return f"{obj.given.benefit} · {obj.member}"

    def get_queryset(self, request: HttpRequest) -> QuerySet[Booking]:
        return super().get_queryset(request).select_related(*READ_ALONG)

    def changeform_view(
        self,
        request: HttpRequest,
        object_id: str | None = None,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> HttpResponse:
        context = dict(extra_context or {})
        rows = Booking.objects.select_related(*READ_ALONG)
        booking = rows.filter(pk=pk_of(object_id)).first()
        if booking is not None and self.has_view_permission(request, booking):
            context |= self._page(request, booking)
        return super().changeform_view(request, object_id, form_url, context)

    def _page(self, request: HttpRequest, booking: Booking) -> dict[str, Any]:
        may_mark = self.has_mark_permission(request)
        is_booked = booking.state == State.BOOKED
        begins = booking.slot.starts_at if booking.slot else None
        now = timezone.now()
        is_ahead = begins is None or begins > now
        is_today = begins is not None and local_date(begins) <= local_date(now)
        is_live = booking.state in (State.OPEN, State.BOOKED)
        return {
            "booking": booking,
            "words": booking_words(booking),
            "state_badge": STATE_BADGES[booking.state],
            "may_move": may_mark and is_ahead and is_live,
            "may_free": may_mark and is_ahead and is_booked,
            "may_close": may_mark and is_booked and is_today,
            "cancel": self._cancel_address(request, booking) if is_live else "",
            "lines": outcome_lines(booking.given),
        }

    def _cancel_address(self, request: HttpRequest, booking: Booking) -> str:
        """Return the page that gives back what was paid for it, or takes it back."""
        if booking.given.source == GivenBenefit.Source.REDEMPTION:
            allowed = request.user.has_perm("rewards.cancel_redemption")
            page, pk = "rewards_redemption_cancel", booking.given.source_id
        else:
            allowed = request.user.has_perm("rewards.give_benefit")
            page, pk = "rewards_givenbenefit_take_back", booking.given_id
        return reverse(f"admin:{page}", args=[pk]) if allowed else ""


def _address(booking: Booking) -> str:
    return reverse("admin:rewards_booking_change", args=[booking.pk])
