"""Codes in bulk in the console: the list of batches, and the way to their pages."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.loader import render_to_string
from django.urls import path, reverse
from django.utils import timezone
from django.utils.html import format_html
from django.utils.translation import gettext_lazy as _
from unfold.decorators import action, display
from unfold.enums import ActionVariant

from core.admin_tools import ConsoleAdmin, ReadOnlyMixin, number, two_lines, when
from rewards.admin.asking_pages import AskingMixin
from rewards.admin.batch_acts import ActsMixin
from rewards.admin.batch_page import STATE_BADGES, progress_bar
from rewards.alarms import low_pools
from rewards.models import VoucherBatch

FOLDER = "admin/rewards/voucherbatch"


def badge(text: str, kind: str) -> str:
    """Write a badge that stands beside other things in its cell, or only sometimes."""
    return render_to_string("unfold/helpers/label.html", {"text": text, "type": kind})


@admin.register(VoucherBatch)
class VoucherBatchAdmin(AskingMixin, ActsMixin, ReadOnlyMixin, ConsoleAdmin):
    list_display = ("what", "num_codes", "progress", "pool_badge", "asked")
    list_filter = ("state", "origin", "voucher_type")
    list_select_related = ("voucher_type", "asked_by")
    search_fields = ("name", "voucher_type__name", "voucher_type__code")
    search_help_text = _("Name of the batch or type of voucher")
    ordering = ("-pk",)
    actions_list = ("make_page", "upload_page", "share_page")
    list_after_template = f"{FOLDER}/_live.html"
    empty_title = _("No codes in bulk yet")
    empty_text = _(
        "Make codes for a pool or for flyers, or upload the list that a partner sent you."
    )

    def get_urls(self) -> list[Any]:
        pages = [
            (address, view, f"rewards_voucherbatch_{name}")
            for address, view, name in (*self.asking_urls(), *self.act_urls())
        ]
        own = [
            path(address, self.admin_site.admin_view(view), name=name)
            for address, view, name in pages
        ]
        return [*own, *super().get_urls()]

    # --- the ways to the pages ----------------------------------------------------------

    @action(
        description=_("Make codes"),
        icon="bolt",
        variant=ActionVariant.PRIMARY,
        permissions=["ask"],
        url_path="to-make",
    )
    def make_page(self, request: HttpRequest) -> HttpResponse:
        return HttpResponseRedirect(reverse("admin:rewards_voucherbatch_make"))

    @action(
        description=_("Upload a list"),
        icon="upload_file",
        permissions=["ask"],
        url_path="to-upload",
    )
    def upload_page(self, request: HttpRequest) -> HttpResponse:
        return HttpResponseRedirect(reverse("admin:rewards_voucherbatch_upload"))

    @action(
        description=_("One code for everyone"),
        icon="campaign",
        permissions=["ask"],
        url_path="to-share",
    )
    def share_page(self, request: HttpRequest) -> HttpResponse:
        return HttpResponseRedirect(reverse("admin:rewards_voucherbatch_share"))

    def has_ask_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return bool(request.user.has_perm("rewards.add_voucherbatch"))

    # --- the list -----------------------------------------------------------------------

    def changelist_view(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        is_live = VoucherBatch.objects.filter(state__in=VoucherBatch.OPEN).exists()
        context = {**(extra_context or {}), "is_live": is_live}
        return super().changelist_view(request, context)

    def get_changelist_instance(self, request: HttpRequest) -> Any:
        """Read along which pools run low: one question for the whole page."""
        changes = super().get_changelist_instance(request)
        low = {low.subject.pk: low.left for low in low_pools(at=timezone.now())}
        for batch in changes.result_list:
            batch.low = low.get(batch.voucher_type_id)
        return changes

    @display(description=_("Batch"), ordering="name")
    def what(self, batch: VoucherBatch) -> str:
        return two_lines(batch.name, batch.voucher_type)

    @display(description=_("Codes"), ordering="made")
    def num_codes(self, batch: VoucherBatch) -> str:
        return number(batch.size if batch.state == batch.State.DRAFT else batch.made)

    @display(description=_("State"), ordering="state")
    def progress(self, batch: VoucherBatch) -> str:
        state = badge(batch.get_state_display(), STATE_BADGES[batch.state])
        return format_html("{}{}", state, progress_bar(batch) if batch.is_open else "")

    @display(description=_("Pool"))
    def pool_badge(self, batch: VoucherBatch) -> str:
        left: int | None = getattr(batch, "low", None)
        if left is None:
            return ""
        return badge(_("only %(left)s left") % {"left": number(left)}, "danger")

    @display(description=_("Asked for"), ordering="asked_at")
    def asked(self, batch: VoucherBatch) -> str:
        who = batch.asked_by.get_username() if batch.asked_by else _("command line")
        return two_lines(when(batch.asked_at), who)
