"""Vouchers in the console: found by their code, read in one glance, cancelled."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import get_object_or_404, render
from django.urls import path, reverse
from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from unfold.decorators import display

from core.admin_tools import (
    NOTHING,
    BigTableMixin,
    ConsoleAdmin,
    ReadOnlyMixin,
    link,
    number,
    two_lines,
)
from core.errors import DomainError
from members.admin.search import member_ids_for_search
from rewards.admin.batch_forms import ReasonForm
from rewards.admin.voucher_page import STANDING_BADGES, uses_left, voucher_context
from rewards.admin.words import spoken, through
from rewards.batches import cancel_voucher
from rewards.codes import normalise_code
from rewards.models import Voucher, VoucherBatch
from rewards.standing import Standing, standing_of, with_standing

CANCEL = "rewards.cancel_voucher"


class StandingFilter(admin.SimpleListFilter):
    """What can be done with a voucher now."""

    title = _("state")
    parameter_name = "standing"

    def lookups(self, request: HttpRequest, model_admin: Any) -> Any:
        return Standing.choices

    def queryset(
        self, request: HttpRequest, queryset: QuerySet[Voucher]
    ) -> QuerySet[Voucher]:
        chosen = self.value()
        if chosen not in Standing.values:
            return queryset
        return with_standing(queryset, str(chosen), at=timezone.now())


class BatchFilter(admin.SimpleListFilter):
    """The batch from whose page somebody came."""

    title = _("batch")
    parameter_name = "batch"

    def lookups(self, request: HttpRequest, model_admin: Any) -> Any:
        asked = request.GET.get(self.parameter_name, "")
        if not asked.isdigit():
            return []
        found = VoucherBatch.objects.filter(pk=asked).values_list("pk", "name")
        return [(str(pk), name) for pk, name in found]

    def queryset(
        self, request: HttpRequest, queryset: QuerySet[Voucher]
    ) -> QuerySet[Voucher]:
        asked = self.value()
        return queryset.filter(batch=int(asked)) if asked and asked.isdigit() else queryset


@admin.register(Voucher)
class VoucherAdmin(ReadOnlyMixin, BigTableMixin, ConsoleAdmin):
    list_display = ("what", "standing_badge", "owner", "usable", "num_uses")
    list_filter = (StandingFilter, "voucher_type", BatchFilter)
    list_select_related = ("voucher_type", "member")
    search_fields = ("code",)
    search_help_text = _("The whole code, or a member's phone or code")
    ordering = ("-pk",)
    empty_title = _("No vouchers yet")
    empty_text = _("Make codes in bulk, or let a reward give them.")

    def get_urls(self) -> list[Any]:
        own = [
            path(address, self.admin_site.admin_view(view), name=f"rewards_voucher_{name}")
            for address, view, name in (
                ("<int:voucher_id>/change/", self.voucher_view, "change"),
                ("<int:voucher_id>/cancel/", self.cancel_view, "cancel"),
            )
        ]
        return [*own, *super().get_urls()]

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Voucher], search_term: str
    ) -> tuple[QuerySet[Voucher], bool]:
        term = search_term.strip()
        if not term:
            return queryset, False
        # The whole code or nothing: nobody looks through millions for a part of one.
        by_code = queryset.filter(code=normalise_code(term))
        if by_code:
            return by_code, False
        return queryset.filter(member_id__in=member_ids_for_search(term)), False

    # --- the list -----------------------------------------------------------------------

    @display(description=_("Voucher"))
    def what(self, voucher: Voucher) -> str:
        return two_lines(spoken(voucher), voucher.voucher_type)

    @display(description=_("State"), label=STANDING_BADGES)
    def standing_badge(self, voucher: Voucher) -> tuple[str, str]:
        standing = standing_of(voucher, at=timezone.now())
        return standing.value, str(standing.label)

    @display(description=_("Owner"))
    def owner(self, voucher: Voucher) -> str:
        return link(voucher.member) if voucher.member else NOTHING

    @display(description=_("Usable through"))
    def usable(self, voucher: Voucher) -> str:
        return through(voucher.valid_until)

    @display(description=_("Uses"))
    def num_uses(self, voucher: Voucher) -> str:
        return uses_left(voucher)

    # --- one voucher --------------------------------------------------------------------

    def voucher_view(self, request: HttpRequest, voucher_id: int) -> HttpResponse:
        """Show in one glance what can be done with a voucher, and all its uses."""
        if not self.has_view_permission(request):
            raise PermissionDenied
        voucher = _voucher(voucher_id)
        context = {
            **self._frame(request, voucher, spoken(voucher)),
            **voucher_context(voucher, request, at=timezone.now()),
        }
        return render(request, "admin/rewards/voucher/page.html", context)

    def cancel_view(self, request: HttpRequest, voucher_id: int) -> HttpResponse:
        """Ask why, then cancel a voucher."""
        if not request.user.has_perm(CANCEL):
            raise PermissionDenied
        voucher = _voucher(voucher_id)
        form = ReasonForm(request.POST or None)
        if request.method == "POST" and form.is_valid():
            try:
                self._cancel(request, voucher, form.cleaned_data["because"])
            except DomainError as error:
                form.add_error(None, str(error.message))
            else:
                return HttpResponseRedirect(_address(voucher))
        context = {
            **self._frame(request, voucher, str(_("Cancel this voucher"))),
            "question": _("Cancel %(code)s?") % {"code": spoken(voucher)},
            "consequences": _consequences(voucher),
            "form": form,
            "submit": _("Cancel this voucher"),
            "back": _address(voucher),
        }
        return render(request, "admin/rewards/reason.html", context)

    def _cancel(self, request: HttpRequest, voucher: Voucher, because: str) -> None:
        now: datetime = timezone.now()
        cancel_voucher(voucher, because=because, at=now)
        self.log_change(request, voucher, f"cancelled: {because}")
        messages.success(request, _("The voucher is cancelled."))

    def _frame(self, request: HttpRequest, voucher: Voucher, title: str) -> dict[str, Any]:
        return {
            **self.admin_site.each_context(request),
            "title": title,
            "opts": self.opts,
            "original": voucher,
            "media": self.media,
            "back": reverse("admin:rewards_voucher_changelist"),
        }


def _voucher(voucher_id: int) -> Voucher:
    vouchers = Voucher.objects.select_related(
        "voucher_type", "member", "batch", "given__benefit"
    )
    return get_object_or_404(vouchers, pk=voucher_id)


def _address(voucher: Voucher) -> str:
    return reverse("admin:rewards_voucher_change", args=[voucher.pk])


def _consequences(voucher: Voucher) -> list[Any]:
    lines: list[Any] = [_("Nobody can use it any more. It cannot be undone.")]
    if voucher.uses:
        lines.append(
            _("What was used stays used: %(count)s.") % {"count": number(voucher.uses)}
        )
    if voucher.given is not None:
        lines.append(
            _(
                "What was paid for it is not given back. If it was redeemed for points, "
                "cancel the redemption instead."
            )
        )
    return lines
