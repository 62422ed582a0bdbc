"""The page of one batch, and what staff do with it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django.contrib import messages
from django.contrib.auth.models import User
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBase
from django.http import HttpResponseRedirect as Redirect
from django.shortcuts import get_object_or_404, render
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from core.admin_tools import number
from core.errors import DomainError
from core.exports import CSV, XLSX, table_response
from core.models import ChangeRequest
from core.tabular import REJECT_COLUMNS
from rewards.admin.asking_pages import FOLDER, Page, page_of
from rewards.admin.batch_forms import ReasonForm
from rewards.admin.batch_page import (
    SHEET_ROWS,
    batch_context,
    consequences_of_withdrawing,
)
from rewards.batches import (
    continue_batch,
    discard_upload,
    run_batch,
    stop_batch,
    take_in,
    withdraw_rest,
)
from rewards.batches.figures import code_rows, rejected_rows
from rewards.batches.withdrawing import rest_of
from rewards.models import VoucherBatch
from rewards.tasks import nudge_batches

ADD = "rewards.add_voucherbatch"
CHANGE = "rewards.change_voucherbatch"
CANCEL = "rewards.cancel_voucher"
EXPORT = "rewards.export_vouchers"
# So many are withdrawn while the page loads; more by a worker.
AT_ONCE = 2000


class ActsMixin:
    """Watching a batch, stopping it, taking it in, downloading and withdrawing it."""

    admin_site: Any
    opts: Any
    media: Any
    log_change: Any
    has_view_permission: Any

    def act_urls(self) -> list[Page]:
        return [
            ("<int:batch_id>/change/", self.batch_view, "change"),
            ("<int:batch_id>/stop/", self.stop_view, "stop"),
            ("<int:batch_id>/continue/", self.continue_view, "continue"),
            ("<int:batch_id>/take-in/", self.take_in_view, "take_in"),
            ("<int:batch_id>/discard/", self.discard_view, "discard"),
            ("<int:batch_id>/codes/", self.codes_view, "codes"),
            ("<int:batch_id>/refused/", self.refused_view, "refused"),
            ("<int:batch_id>/withdraw/", self.withdraw_view, "withdraw"),
        ]

    def batch_view(self, request: HttpRequest, batch_id: int) -> HttpResponse:
        """Show how far a batch is, or what became of its codes; it refreshes itself."""
        if not self.has_view_permission(request):
            raise PermissionDenied
        batch = _batch(batch_id)
        may = request.user.has_perm
        context = {
            **self._frame(request, batch, batch.name),
            **batch_context(batch, request, at=timezone.now()),
            "may_change": may(CHANGE),
            "may_take_in": may(ADD),
            "may_export": may(EXPORT),
            "may_cancel": may(CANCEL),
        }
        return render(request, f"{FOLDER}/page.html", context)

    # --- stop, go on --------------------------------------------------------------------

    def stop_view(self, request: HttpRequest, batch_id: int) -> HttpResponse:
        return self._act(
            request,
            batch_id,
            CHANGE,
            stop_batch,
            _("The batch is stopped. The codes it has so far stay."),
        )

    def continue_view(self, request: HttpRequest, batch_id: int) -> HttpResponse:
        response = self._act(
            request, batch_id, CHANGE, continue_batch, _("The batch goes on.")
        )
        nudge_batches()
        return response

    # --- a list that was uploaded -------------------------------------------------------

    def take_in_view(self, request: HttpRequest, batch_id: int) -> HttpResponse:
        """Take a list in that was looked at."""
        asked: list[VoucherBatch | ChangeRequest] = []

        def verb(draft: VoucherBatch) -> None:
            user = request.user
            assert isinstance(user, User), "the console lets nobody else in"
            asked.append(take_in(draft, at=timezone.now(), by=user))

        response = self._act(request, batch_id, ADD, verb, "")
        if asked and isinstance(asked[0], ChangeRequest):
            messages.warning(
                request, _("Nothing is taken in yet: a second person has to approve this.")
            )
        nudge_batches()
        return response

    def discard_view(self, request: HttpRequest, batch_id: int) -> HttpResponse:
        response = self._act(
            request, batch_id, ADD, discard_upload, _("The list is forgotten.")
        )
        if VoucherBatch.objects.filter(pk=batch_id).exists():
            return response
        return Redirect(reverse("admin:rewards_voucherbatch_changelist"))

    def _act(
        self,
        request: HttpRequest,
        batch_id: int,
        permission: str,
        verb: Callable[[VoucherBatch], Any],
        done: str,
    ) -> HttpResponse:
        if request.method != "POST" or not request.user.has_perm(permission):
            raise PermissionDenied
        batch = _batch(batch_id)
        try:
            # A copy: what is forgotten loses its number, which the audit trail needs.
            verb(_batch(batch_id))
        except DomainError as error:
            messages.error(request, str(error.message))
        else:
            self.log_change(request, batch, request.path.rstrip("/").rpartition("/")[2])
            if done:
                messages.success(request, done)
        return Redirect(page_of(batch))

    # --- the codes as a file ------------------------------------------------------------

    def codes_view(self, request: HttpRequest, batch_id: int) -> HttpResponseBase:
        """Stream the codes of a batch; who took them is noted."""
        if not request.user.has_perm(EXPORT):
            raise PermissionDenied
        batch = _batch(batch_id)
        kind = request.GET.get("kind", CSV)
        if kind not in (CSV, XLSX) or (kind == XLSX and batch.made > SHEET_ROWS):
            raise Http404
        self.log_change(request, batch, f"export of {batch.made} codes ({kind})")
        columns = [_("code"), _("usable from"), _("usable through"), _("state")]
        rows = code_rows(batch, at=timezone.now())
        return table_response(_file_name(batch, "codes"), columns, rows, kind=kind)

    def refused_view(self, request: HttpRequest, batch_id: int) -> HttpResponseBase:
        """Stream the refused rows of a list, to be corrected and sent again."""
        if not request.user.has_perm(ADD):
            raise PermissionDenied
        batch = _batch(batch_id)
        columns = ["code", *REJECT_COLUMNS]
        return table_response(_file_name(batch, "refused"), columns, rejected_rows(batch))

    # --- the rest is taken back -----------------------------------------------------------

    def withdraw_view(self, request: HttpRequest, batch_id: int) -> HttpResponse:
        """Say how many codes would stop working, then withdraw them."""
        if not request.user.has_perm(CANCEL):
            raise PermissionDenied
        batch = _batch(batch_id)
        count = rest_of(batch).count()
        form = ReasonForm(request.POST or None)
        if request.method == "POST" and form.is_valid():
            try:
                self._withdraw(request, batch, form.cleaned_data["because"], count)
            except DomainError as error:
                form.add_error(None, str(error.message))
            else:
                return Redirect(page_of(batch))
        text = ngettext("Withdraw %(count)s code", "Withdraw %(count)s codes", count)
        context = {
            **self._frame(request, batch, _("Withdraw the unused rest")),
            "question": _("Withdraw the unused rest of “%(name)s”?") % {"name": batch.name},
            "figure": number(count),
            "consequences": consequences_of_withdrawing(batch, count),
            "form": form,
            "is_blocked": not count,
            "blocked": _("There is nothing left that could be withdrawn."),
            "submit": text % {"count": number(count)},
            "back": page_of(batch),
        }
        return render(request, "admin/rewards/reason.html", context)

    def _withdraw(
        self, request: HttpRequest, batch: VoucherBatch, because: str, count: int
    ) -> None:
        withdraw_rest(batch, because=because, at=timezone.now())
        self.log_change(request, batch, f"rest withdrawn: {because}")
        if count <= AT_ONCE:
            run_batch(batch.pk)
        else:
            nudge_batches()

    def _frame(
        self, request: HttpRequest, batch: VoucherBatch, title: str
    ) -> dict[str, Any]:
        return {
            **self.admin_site.each_context(request),
            "title": title,
            "opts": self.opts,
            "original": batch,
            "media": self.media,
            "back": reverse("admin:rewards_voucherbatch_changelist"),
        }


def _batch(batch_id: int) -> VoucherBatch:
    batches = VoucherBatch.objects.select_related("voucher_type", "asked_by")
    return get_object_or_404(batches, pk=batch_id)


def _file_name(batch: VoucherBatch, what: str) -> str:
    day = timezone.localdate()
    return f"{batch.voucher_type.code}-{batch.pk}-{what}-{day:%Y-%m-%d}"
