"""What was given to whom, by whom and what came of it; taken back where it is unused."""

from __future__ import annotations

from typing import Any

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import get_object_or_404, render
from django.urls import path, reverse
from django.utils import timezone
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from unfold.contrib.filters.admin import AutocompleteSelectFilter
from unfold.decorators import display

from core.admin_tools import (
    NOTHING,
    BigTableMixin,
    ConsoleAdmin,
    ReadOnlyMixin,
    link,
    programme_of,
    two_lines,
    when,
)
from core.errors import DomainError
from members.admin.search import member_ids_for_search
from rewards.admin.cancelling import take_back_refusal, what_is_taken_back
from rewards.admin.outcomes import (
    Line,
    outcome,
    outcome_lines,
    pk_of,
    with_outcomes,
)
from rewards.giving import take_back_benefit
from rewards.models import GivenBenefit, Redemption


@admin.register(GivenBenefit)
class GivenBenefitAdmin(ReadOnlyMixin, BigTableMixin, ConsoleAdmin):
    list_display = ("happened", "who", "what", "by_whom", "came_of_it")
    list_filter = ("source", ("benefit", AutocompleteSelectFilter))
    search_fields = ("member__code",)
    search_help_text = _("Phone, card number, member code or name")
    ordering = ("-id",)
    fieldsets = (
        (
            _("For the record"),
            {"fields": ("key", "value", "transfer"), "classes": ("collapse",)},
        ),
    )
    change_form_outer_before_template = "admin/rewards/givenbenefit/_page.html"
    empty_title = _("Nothing was given yet")
    empty_text = _("Whatever rewards, tiers, campaigns and staff give shows up here.")

    def get_queryset(self, request: HttpRequest) -> QuerySet[GivenBenefit]:
        return with_outcomes(super().get_queryset(request).select_related("member"))

    def get_search_results(
        self, request: HttpRequest, queryset: Any, search_term: str
    ) -> tuple[Any, bool]:
        if not search_term.strip():
            return queryset, False
        return queryset.filter(member__in=member_ids_for_search(search_term)), False

    @display(description=_("When"), ordering="id")
    def happened(self, row: GivenBenefit) -> str:
        return when(row.given_at)

    @display(description=_("Member"))
    def who(self, row: GivenBenefit) -> str:
        return two_lines(link(row.member), row.member.code)

    @display(description=_("Benefit"))
    def what(self, row: GivenBenefit) -> str:
        return link(row.benefit)

    @display(description=_("Given by"))
    def by_whom(self, row: GivenBenefit) -> str:
        told = " · ".join(part for part in (row.actor, row.note) if part)
        return two_lines(row.get_source_display(), told)

    @display(description=_("What came of it"))
    def came_of_it(self, row: GivenBenefit) -> str:
        return outcome(row) or NOTHING

    # --- the page ---------------------------------------------------------------------

    def page_title(self, obj: GivenBenefit) -> str:
        return f"{obj.benefit} · {obj.member}"

    def changeform_view(
        self,
        request: HttpRequest,
        object_id: str | None = None,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> HttpResponse:
        context = dict(extra_context or {})
        rows = with_outcomes(GivenBenefit.objects.select_related("member"))
        row = rows.filter(pk=pk_of(object_id)).first()
        if row is not None and self.has_view_permission(request, row):
            context |= {
                "given": row,
                "outcome": outcome(row),
                "lines": _timeline(row),
                "redemption": Redemption.objects.filter(given=row).first(),
                "may_take_back": self._may_take_back(request, row),
            }
        return super().changeform_view(request, object_id, form_url, context)

    # --- taking back ------------------------------------------------------------------

    def _may_take_back(self, request: HttpRequest, row: GivenBenefit) -> bool:
        # What was bought goes back with what it cost: its redemption is cancelled.
        is_bought = row.source == GivenBenefit.Source.REDEMPTION
        allowed = request.user.has_perm("rewards.give_benefit")
        return bool(allowed and not is_bought and row.taken_back_at is None)

    def get_urls(self) -> list[Any]:
        own = path(
            "<int:given_id>/take-back/",
            self.admin_site.admin_view(self.take_back_view),
            name="rewards_givenbenefit_take_back",
        )
        return [own, *super().get_urls()]

    def take_back_view(self, request: HttpRequest, given_id: int) -> HttpResponse:
        """Say what the member loses, then take it back."""
        rows = with_outcomes(GivenBenefit.objects.select_related("member"))
        row = get_object_or_404(rows, pk=given_id)
        if not self._may_take_back(request, row):
            raise PermissionDenied
        address = reverse("admin:rewards_givenbenefit_change", args=[row.pk])
        now = timezone.now()
        if request.method == "POST":
            try:
                take_back_benefit(row, at=now, actor=request.user.get_username())
            except DomainError as error:
                messages.error(request, str(error.message))
            else:
                self.log_change(request, row, "Taken back.")
                messages.success(request, _("It is taken back."))
            return HttpResponseRedirect(address)
        refusal = take_back_refusal(row, at=now)
        currency = str(programme_of(request).currency)
        question = _("Take “%(benefit)s” back from %(member)s?")
        context = {
            **self.admin_site.each_context(request),
            "title": _("Take it back"),
            "original": row,
            "opts": self.opts,
            "question": question % {"benefit": row.benefit, "member": row.member},
            "consequences": [refusal] if refusal else what_is_taken_back(row, currency),
            "submit": _("Take it back"),
            "is_dangerous": True,
            "is_blocked": bool(refusal),
            "back": address,
            "media": self.media,
        }
        return render(request, "admin/confirm.html", context)


def _timeline(row: GivenBenefit) -> list[Line]:
    told = " · ".join(part for part in (row.actor, row.note) if part)
    title = gettext("Given by %(source)s") % {"source": row.get_source_display()}
    lines = [Line(row.given_at, "redeem", title, told), *outcome_lines(row)]
    return sorted(lines, key=lambda line: line.at, reverse=True)
