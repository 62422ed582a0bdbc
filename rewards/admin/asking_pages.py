"""The pages on which codes in bulk are asked for: made, uploaded, shared."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Any

from django.contrib import messages
from django.contrib.auth.models import User
from django.core.files.uploadedfile import UploadedFile
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _

from core.errors import DomainError
from core.models import ChangeRequest
from rewards.admin.batch_forms import (
    MakeForm,
    ShareForm,
    UploadForm,
    after,
)
from rewards.admin.batch_page import (
    Consequences,
    consequences_of_making,
    consequences_of_sharing,
)
from rewards.admin.two_steps import TwoStepMixin
from rewards.batches import ask_batch, share_code, upload_codes
from rewards.batches.asking import check_wish
from rewards.batches.sharing import check_shared
from rewards.codes import normalise_code
from rewards.models import Voucher, VoucherBatch
from rewards.tasks import nudge_batches

Page = tuple[str, Callable[..., Any], str]
FOLDER = "admin/rewards/voucherbatch"


class AskingMixin(TwoStepMixin):
    """Making, uploading and sharing; each says first what it does."""

    log_addition: Any

    def asking_urls(self) -> list[Page]:
        return [
            ("make/", self.make_view, "make"),
            ("upload/", self.upload_view, "upload"),
            ("share/", self.share_view, "share"),
        ]

    # --- made here ----------------------------------------------------------------------

    def make_view(self, request: HttpRequest) -> HttpResponse:
        """Ask for codes, say what that means, and put them in line."""

        def look(form: Any, now: datetime) -> Consequences:
            wish = form.wish()
            check_wish(wish, at=now)
            return consequences_of_making(wish, request, now)

        def act(form: Any, now: datetime) -> HttpResponse:
            asked = ask_batch(
                form.wish(), at=now, by=_user(request), key=form.cleaned_data["key"]
            )
            return self._asked(request, asked)

        initial = {"voucher_type": request.GET.get("type")}
        form = self._form(request, MakeForm, initial)
        frame = {
            "title": _("Make codes"),
            "heading": _("Codes of a pool or for print"),
            "lead": _("They are made in the background; you can leave the page meanwhile."),
            "act": _("Make these codes"),
        }
        return self._two_steps(request, form, look, act, frame)

    def _asked(
        self, request: HttpRequest, asked: VoucherBatch | ChangeRequest
    ) -> HttpResponse:
        if isinstance(asked, ChangeRequest):
            return _waits(request)
        self.log_addition(request, asked, f"{asked.size} codes asked for")
        nudge_batches()
        return HttpResponseRedirect(page_of(asked))

    # --- uploaded -----------------------------------------------------------------------

    def upload_view(self, request: HttpRequest) -> HttpResponse:
        """Read a list into a draft; what is in it is shown before it is taken in."""
        self.check_may_ask(request)
        form = UploadForm(request.POST or None, request.FILES or None)
        if request.method == "POST" and form.is_valid():
            try:
                draft = self._upload(request, form)
            except DomainError as error:
                form.add_error("file", str(error.message))
            else:
                return HttpResponseRedirect(page_of(draft))
        context = {**self._page(request, _("Upload a list")), "form": form}
        return render(request, f"{FOLDER}/upload.html", context)

    def _upload(self, request: HttpRequest, form: UploadForm) -> VoucherBatch:
        data = form.cleaned_data
        with tempfile.TemporaryDirectory() as folder:
            path = _saved(data["file"], Path(folder))
            draft = upload_codes(
                path,
                voucher_type=data["voucher_type"],
                name=data["name"],
                at=timezone.now(),
                by=_user(request),
                valid_until=after(data["last_day"]),
            )
        self.log_addition(request, draft, "list uploaded")
        return draft

    # --- one code for everyone ----------------------------------------------------------

    def share_view(self, request: HttpRequest) -> HttpResponse:
        """Let staff choose one code that everybody may use."""

        def look(form: Any, now: datetime) -> Consequences:
            voucher_type = form.cleaned_data["voucher_type"]
            code = normalise_code(form.cleaned_data["code"])
            check_shared(voucher_type, code)
            return consequences_of_sharing(voucher_type, code, request, now)

        def act(form: Any, now: datetime) -> HttpResponse:
            shared = share_code(
                voucher_type=form.cleaned_data["voucher_type"],
                code=form.cleaned_data["code"],
                at=now,
                by=_user(request),
            )
            return self._shared(request, shared)

        initial = {"voucher_type": request.GET.get("type")}
        form = self._form(request, ShareForm, initial)
        frame = {
            "title": _("One code for everyone"),
            "heading": _("A code that you choose"),
            "lead": _("For posters, radio and livestreams: everybody uses the same code."),
            "act": _("Let everyone use it"),
        }
        return self._two_steps(request, form, look, act, frame)

    def _shared(
        self, request: HttpRequest, shared: Voucher | ChangeRequest
    ) -> HttpResponse:
        if isinstance(shared, ChangeRequest):
            return _waits(request)
        self.log_addition(request, shared, "code for everyone")
        text = _("%(code)s can be used now.") % {"code": shared.code}
        messages.success(request, text)
        address = reverse("admin:rewards_voucher_change", args=[shared.pk])
        return HttpResponseRedirect(address)


def page_of(batch: VoucherBatch) -> str:
    return reverse("admin:rewards_voucherbatch_change", args=[batch.pk])


def _user(request: HttpRequest) -> User:
    assert isinstance(request.user, User), "the console lets nobody else in"
    return request.user


def _waits(request: HttpRequest) -> HttpResponse:
    messages.warning(
        request, _("Nothing is made yet: a second person has to approve this.")
    )
    return HttpResponseRedirect(reverse("admin:core_changerequest_changelist"))


def _saved(file: UploadedFile, folder: Path) -> Path:
    """Write an upload under its own name, which messages and batches use."""
    # No file system takes more than 255 bytes; the end of a name tells most.
    path = folder / (Path(file.name or "").name[-60:] or "codes")
    with path.open("wb") as target:
        for part in file.chunks():
            target.write(part)
    return path
