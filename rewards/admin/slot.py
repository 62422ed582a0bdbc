"""Time slots: one by one, many from a pattern, and the days as a calendar."""

from __future__ import annotations

from collections import defaultdict
from datetime import date, datetime, timedelta
from typing import Any

from django import forms
from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.urls import path, reverse
from django.utils import timezone
from django.utils.functional import Promise
from django.utils.translation import gettext, ngettext
from django.utils.translation import gettext_lazy as _
from unfold.contrib.filters.admin import AutocompleteSelectFilter
from unfold.decorators import action, display
from unfold.enums import ActionVariant
from unfold.widgets import (
    UnfoldAdminIntegerFieldWidget,
    UnfoldAdminSelectWidget,
    UnfoldAdminTextInputWidget,
)

from activities.models import Store
from core.admin_tools import (
    ConsoleAdmin,
    list_address,
    number,
    two_lines,
    when,
)
from core.clock import local_date, start_of_day
from core.errors import DomainError
from core.form_fields import ChoicesField
from points.earning.sentence import WEEKDAYS
from rewards.models import Benefit, Booking, Slot
from rewards.slots import Pattern, make_slots, plan_slots, save_slot

DAYS_SHOWN = 14
STATE_BADGES = {
    "free": "success",
    "full": "warning",
    "closed": "default",
    "over": "default",
}


class ExperienceChoice(forms.ModelChoiceField):
    def __init__(self, **options: Any) -> None:
        super().__init__(
            Benefit.objects.filter(kind=Benefit.Kind.EXPERIENCE),
            widget=UnfoldAdminSelectWidget(),
            **options,
        )


class DaysForm(forms.Form):
    """Which days of which experience are shown."""

    experience = ExperienceChoice(
        label=_("Experience"), required=False, empty_label=_("every experience")
    )
    store = forms.ModelChoiceField(
        label=_("Store"),
        required=False,
        queryset=Store.objects.all(),
        empty_label=_("every store"),
        widget=UnfoldAdminSelectWidget(),
    )
    first = forms.DateField(
        label=_("From"),
        required=False,
        widget=UnfoldAdminTextInputWidget(attrs={"type": "date"}),
    )


class PatternForm(forms.Form):
    """Days of the week between two days, cut into times of one length."""

    benefit = ExperienceChoice(label=_("Experience"), empty_label=None)
    store = forms.ModelChoiceField(
        label=_("Store"),
        required=False,
        queryset=Store.objects.filter(is_active=True),
        empty_label=_("in no store"),
        widget=UnfoldAdminSelectWidget(),
    )
    host = forms.CharField(
        label=_("With"),
        required=False,
        max_length=80,
        widget=UnfoldAdminTextInputWidget(),
        help_text=_("Such as a stylist. Each has times of their own."),
    )
    first = forms.DateField(
        label=_("First day"), widget=UnfoldAdminTextInputWidget(attrs={"type": "date"})
    )
    last = forms.DateField(
        label=_("Last day"), widget=UnfoldAdminTextInputWidget(attrs={"type": "date"})
    )
    weekdays = ChoicesField(
        label=_("On these days"),
        numbers=True,
        choices=list(WEEKDAYS.items()),
        required=True,
    )
    begins = forms.TimeField(
        label=_("From"), widget=UnfoldAdminTextInputWidget(attrs={"type": "time"})
    )
    ends = forms.TimeField(
        label=_("Until"), widget=UnfoldAdminTextInputWidget(attrs={"type": "time"})
    )
    minutes = forms.IntegerField(
        label=_("Minutes of one time"),
        min_value=5,
        max_value=24 * 60,
        widget=UnfoldAdminIntegerFieldWidget(),
    )
    pause = forms.IntegerField(
        label=_("Minutes between two"),
        min_value=0,
        max_value=24 * 60,
        required=False,
        widget=UnfoldAdminIntegerFieldWidget(),
    )
    capacity = forms.IntegerField(
        label=_("Places in each"),
        min_value=1,
        max_value=10_000,
        widget=UnfoldAdminIntegerFieldWidget(),
    )

    @property
    def pattern(self) -> Pattern:
        data = dict(self.cleaned_data)
        data["weekdays"] = frozenset(data["weekdays"])
        data["pause"] = data["pause"] or 0
        return Pattern(**data)


class SlotForm(forms.ModelForm):
    class Meta:
        model = Slot
        fields = ("benefit", "store", "host", "starts_at", "ends_at", "capacity", "is_open")


@admin.register(Slot)
class SlotAdmin(ConsoleAdmin):
    form = SlotForm
    list_display = ("moment", "what", "where", "num_places", "state_badge")
    list_filter = (("benefit", AutocompleteSelectFilter), "is_open")
    list_select_related = ("benefit", "store")
    search_fields = ("host", "benefit__name")
    date_hierarchy = "starts_at"
    ordering = ("-starts_at", "-pk")
    autocomplete_fields = ("store",)
    compressed_fields = False
    actions_list = ("many_page", "days_page")
    fields = ("benefit", ("store", "host"), "starts_at", "ends_at", ("capacity", "is_open"))
    empty_title = _("No times yet")
    empty_text = _("Make many at once: days of the week, from and until, how many places.")

    # --- the form ---------------------------------------------------------------------

    def formfield_for_foreignkey(
        self, db_field: Any, request: HttpRequest, **kwargs: Any
    ) -> Any:
        if db_field.name == "benefit":
            kwargs["queryset"] = Benefit.objects.filter(kind=Benefit.Kind.EXPERIENCE)
        return super().formfield_for_foreignkey(db_field, request, **kwargs)

    def page_title(self, obj: Slot) -> str:
        return f"{obj.benefit} · {when(obj.starts_at)}"

    def changeform_view(
        self,
        request: HttpRequest,
        object_id: str | None = None,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> HttpResponse:
        try:
            return super().changeform_view(request, object_id, form_url, extra_context)
        except DomainError as error:
            messages.error(request, str(error.message))
            return HttpResponseRedirect(request.get_full_path())

    def save_model(self, request: HttpRequest, obj: Slot, form: Any, change: bool) -> None:
        save_slot(obj, changed=form.changed_data)

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        # A time that somebody booked stays in their history; it is closed instead.
        allowed = bool(super().has_delete_permission(request, obj))
        return allowed and obj is not None and not obj.bookings.exists()

    # --- the list ---------------------------------------------------------------------

    @display(description=_("Time"), ordering="starts_at")
    def moment(self, slot: Slot) -> str:
        end = timezone.localtime(slot.ends_at)
        return two_lines(
            when(slot.starts_at), gettext("until %(end)s") % {"end": f"{end:%H:%M}"}
        )

    @display(description=_("Experience"), ordering="benefit__name")
    def what(self, slot: Slot) -> str:
        return str(slot.benefit)

    @display(description=_("Where, with whom"))
    def where(self, slot: Slot) -> str:
        return two_lines(slot.store or "–", slot.host)

    @display(description=_("Booked"))
    def num_places(self, slot: Slot) -> str:
        return f"{number(slot.taken)} / {number(slot.capacity)}"

    @display(description=_("State"), label=STATE_BADGES)
    def state_badge(self, slot: Slot) -> tuple[str, str | Promise]:
        return slot_state(slot, timezone.now())

    # --- many at once, and the calendar -----------------------------------------------

    def get_urls(self) -> list[Any]:
        wrap = self.admin_site.admin_view
        own = [
            path("many/", wrap(self.many_view), name="rewards_slot_many"),
            path("days/", wrap(self.days_view), name="rewards_slot_days"),
        ]
        return [*own, *super().get_urls()]

    @action(
        description=_("Make many times"),
        icon="calendar_add_on",
        variant=ActionVariant.PRIMARY,
        permissions=["add"],
        url_path="to-many",
    )
    def many_page(self, request: HttpRequest) -> HttpResponse:
        return HttpResponseRedirect(reverse("admin:rewards_slot_many"))

    @action(description=_("As a calendar"), icon="calendar_month", url_path="to-days")
    def days_page(self, request: HttpRequest) -> HttpResponse:
        return HttpResponseRedirect(reverse("admin:rewards_slot_days"))

    def many_view(self, request: HttpRequest) -> HttpResponse:
        """Ask for the pattern, say what it makes, then make it."""
        if not self.has_add_permission(request):
            raise PermissionDenied
        form = PatternForm(request.POST or None, initial=self._first_pattern(request))
        plan, now = None, timezone.now()
        if request.method == "POST" and form.is_valid():
            try:
                if "make" in request.POST:
                    return self._make(request, form.pattern, now)
                plan = plan_slots(form.pattern, at=now)
            except DomainError as error:
                form.add_error(None, str(error.message))
        context = {"form": form, "plan": plan, "days": by_day(plan.slots) if plan else []}
        return self._render(request, "many", _("Make many times"), context)

    def _first_pattern(self, request: HttpRequest) -> dict[str, Any]:
        today = local_date(timezone.now())
        return {
            "benefit": request.GET.get("benefit"),
            "first": today + timedelta(days=1),
            "last": today + timedelta(days=28),
            "weekdays": [6, 7],
            "begins": "09:00",
            "ends": "17:00",
            "minutes": 60,
            "pause": 0,
            "capacity": 1,
        }

    def _make(self, request: HttpRequest, pattern: Pattern, now: datetime) -> HttpResponse:
        made = make_slots(pattern, at=now)
        self.log_change(request, pattern.benefit, f"Made {made} times.")
        text = ngettext(
            "%(count)s time can be booked now.", "%(count)s times can be booked now.", made
        )
        messages.success(request, text % {"count": number(made)})
        address = reverse("admin:rewards_slot_days")
        query = f"experience={pattern.benefit.pk}&first={pattern.first:%Y-%m-%d}"
        return HttpResponseRedirect(f"{address}?{query}")

    def days_view(self, request: HttpRequest) -> HttpResponse:
        """Show two weeks, day by day, with who hosts and how full it is."""
        if not self.has_view_permission(request):
            raise PermissionDenied
        form = DaysForm(request.GET)
        chosen = form.cleaned_data if form.is_valid() else {}
        first = chosen.get("first") or local_date(timezone.now())
        slots = self._in_two_weeks(first, chosen)
        context = {
            "form": form,
            "days": by_day(slots, first, timezone.now()),
            "before": self._page_from(request, first - timedelta(days=DAYS_SHOWN)),
            "after": self._page_from(request, first + timedelta(days=DAYS_SHOWN)),
            "span": f"{when(first)} – {when(first + timedelta(days=DAYS_SHOWN - 1))}",
            "may_add": self.has_add_permission(request),
            "has_slots": bool(slots),
        }
        return self._render(request, "days", _("Times, day by day"), context)

    def _in_two_weeks(self, first: date, chosen: dict[str, Any]) -> list[Slot]:
        slots: QuerySet[Slot] = Slot.objects.filter(
            starts_at__gte=start_of_day(first),
            starts_at__lt=start_of_day(first + timedelta(days=DAYS_SHOWN)),
        )
        if chosen.get("experience"):
            slots = slots.filter(benefit=chosen["experience"])
        if chosen.get("store"):
            slots = slots.filter(store=chosen["store"])
        return list(slots.select_related("benefit", "store").order_by("starts_at", "pk"))

    def _page_from(self, request: HttpRequest, first: date) -> str:
        query = request.GET.copy()
        query["first"] = f"{first:%Y-%m-%d}"
        return f"?{query.urlencode()}"

    def _render(
        self, request: HttpRequest, page: str, title: Any, context: dict[str, Any]
    ) -> HttpResponse:
        frame = {
            **self.admin_site.each_context(request),
            "title": title,
            "opts": self.opts,
            "back": list_address(Slot),
            "media": self.media,
        }
        return render(request, f"admin/rewards/slot/{page}.html", {**frame, **context})


def slot_state(slot: Slot, at: datetime) -> tuple[str, str | Promise]:
    """Say how a time stands: free, full, closed, over."""
    if slot.starts_at <= at:
        return "over", _("over")
    if not slot.is_open:
        return "closed", _("closed")
    return (
        ("full", _("full")) if slot.taken >= slot.capacity else ("free", _("places left"))
    )


def by_day(
    slots: list[Slot], first: date | None = None, at: datetime | None = None
) -> list[dict[str, Any]]:
    """Group times by their day; with a first day, two weeks without gaps."""
    groups: dict[date, list[dict[str, Any]]] = defaultdict(list)
    for slot in slots:
        start = timezone.localtime(slot.starts_at)
        end = timezone.localtime(slot.ends_at)
        state = slot_state(slot, at)[0] if at else ""
        groups[start.date()].append(
            {
                "slot": slot,
                "hours": f"{start:%H:%M}–{end:%H:%M}",
                "places": f"{number(slot.taken)}/{number(slot.capacity)}",
                "state": state,
                "address": f"{list_address(Booking)}?slot__id__exact={slot.pk}"
                if slot.pk
                else "",
            }
        )
    days = (
        [first + timedelta(days=n) for n in range(DAYS_SHOWN)] if first else sorted(groups)
    )
    return [
        {"day": day, "name": WEEKDAYS[day.isoweekday()], "slots": groups.get(day, [])}
        for day in days
    ]
