"""Lists of members in the console: made, filled from a file, looked at, taken in."""

from __future__ import annotations

import tempfile
from collections.abc import Iterable
from itertools import islice
from pathlib import Path
from typing import Any

from django import forms
from django.contrib import admin, messages
from django.contrib.auth.models import User
from django.core.exceptions import PermissionDenied
from django.core.files.uploadedfile import UploadedFile
from django.db.models import Count, Max, OuterRef, QuerySet, Subquery
from django.db.models.functions import Coalesce
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBase
from django.http import HttpResponseRedirect as Redirect
from django.shortcuts import get_object_or_404, render
from django.urls import path, reverse
from django.utils import timezone
from django.utils.translation import gettext, ngettext
from django.utils.translation import gettext_lazy as _
from unfold.decorators import display
from unfold.widgets import (
    UnfoldAdminFileFieldWidget,
    UnfoldAdminSelectWidget,
    UnfoldAdminTextareaWidget,
)

from core.admin_tools import ConsoleAdmin, number, two_lines, when
from core.errors import DomainError
from core.exports import table_response
from core.tabular import REJECT_COLUMNS
from members.admin.segment import UsedMixin
from members.lists import (
    MAX_ROWS,
    found_ids,
    new_on_list,
    pasted,
    read_list,
    refused_rows,
    take_in,
)
from members.models import ListEntry, ListUpload, Member, MemberList
from members.segments.uses import UsedBy, lists_used_by

MAX_BYTES = 20 * 1024 * 1024
FOLDER = "admin/members/memberlist"
CHANGE = "members.change_memberlist"
SHOWN = 10


class UploadForm(forms.Form):
    """A file or pasted lines, and what they do to the list."""

    file = forms.FileField(
        label=_("File"),
        required=False,
        widget=UnfoldAdminFileFieldWidget(attrs={"accept": ".csv,.txt,.xlsx"}),
        help_text=_("CSV, TXT or XLSX."),
    )
    text = forms.CharField(
        label=_("Or paste here"),
        required=False,
        max_length=500_000,
        widget=UnfoldAdminTextareaWidget(attrs={"rows": 5}),
        help_text=_("Phones, member codes, cards or e-mail addresses, one to a line."),
    )
    mode = forms.ChoiceField(
        label=_("What it does"),
        choices=ListUpload.Mode.choices,
        widget=UnfoldAdminSelectWidget(),
        help_text=_("Replacing takes off whoever is not in the file."),
    )

    def clean(self) -> dict[str, Any]:
        data = super().clean() or {}
        file = data.get("file")
        if bool(file) == bool(data.get("text", "").strip()):
            raise forms.ValidationError(_("Choose a file or paste something, one of both."))
        if file and file.size > MAX_BYTES:
            self.add_error(
                "file", _("The file is larger than 20 MB. Cut it into several files.")
            )
        return data


@admin.register(MemberList)
class MemberListAdmin(UsedMixin, ConsoleAdmin):
    list_display = ("who", "num_on_it", "last_added", "used")
    search_fields = ("code", "name", "description")
    fieldsets = ((_("What it is called"), {"fields": (("name", "code"), "description")}),)
    change_form_outer_before_template = f"{FOLDER}/_page.html"
    empty_title = _("No lists yet")
    empty_text = _(
        "A list names members one by one, from a file: guests of an event, people who "
        "called. Segments and campaigns can ask who is on it."
    )

    # --- the list of lists ------------------------------------------------------------

    def get_queryset(self, request: HttpRequest) -> QuerySet[MemberList]:
        entries = ListEntry.objects.filter(list=OuterRef("pk")).order_by().values("list")
        count = entries.annotate(count=Count("pk")).values("count")
        last = entries.annotate(last=Max("added_at")).values("last")
        lists = super().get_queryset(request).order_by("name")
        counted: QuerySet[MemberList] = lists.annotate(
            count=Coalesce(Subquery(count), 0), last=Subquery(last)
        )
        return counted

    @display(description=_("List"), ordering="name")
    def who(self, one: MemberList) -> str:
        return two_lines(one.name, one.description or one.code)

    @display(description=_("Members"), ordering="count")
    def num_on_it(self, one: Any) -> str:
        return number(one.count)

    @display(description=_("Last added"), ordering="last")
    def last_added(self, one: Any) -> str:
        return when(one.last)

    @display(description=_("Used by"))
    def used(self, one: MemberList) -> str:
        return number(len(self.uses[one.code]))

    def changelist_view(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        self.uses = lists_used_by(list(MemberList.objects.values_list("code", flat=True)))
        return super().changelist_view(request, extra_context)

    def uses_of(self, objects: Iterable[Any]) -> dict[str, list[UsedBy]]:
        return lists_used_by([one.code for one in objects])

    # --- one list ---------------------------------------------------------------------

    def changeform_view(
        self,
        request: HttpRequest,
        object_id: str | None = None,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> HttpResponse:
        context = extra_context or {}
        if object_id and request.method == "GET":
            one = self.get_object(request, object_id)
            if one and self.has_view_permission(request, one):
                context["page"] = _page(one)
                context["may_fill"] = request.user.has_perm(CHANGE)
        return super().changeform_view(request, object_id, form_url, context)

    def response_add(
        self, request: HttpRequest, obj: MemberList, post_url_continue: Any = None
    ) -> HttpResponse:
        # An empty list is of no use to anybody: its file comes next.
        super().response_add(request, obj, post_url_continue)
        return Redirect(reverse("admin:members_memberlist_upload", args=[obj.pk]))

    def get_urls(self) -> list[Any]:
        pages = (
            ("<int:list_id>/upload/", self.upload_view, "upload"),
            ("file/<int:upload_id>/", self.preview_view, "preview"),
            ("file/<int:upload_id>/refused/", self.refused_view, "refused"),
        )
        guard = self.admin_site.admin_view
        own = [
            path(address, guard(view), name=f"members_memberlist_{name}")
            for address, view, name in pages
        ]
        return [*own, *super().get_urls()]

    def upload_view(self, request: HttpRequest, list_id: int) -> HttpResponse:
        """Read a file into a draft; what is in it is shown before it is taken in."""
        one = self._list(request, list_id)
        form = UploadForm(request.POST or None, request.FILES or None)
        if request.method == "POST" and form.is_valid():
            try:
                draft = _read(form, one, request)
            except DomainError as error:
                form.add_error(None, str(error.message))
            else:
                self.log_change(request, one, "file read")
                name = "admin:members_memberlist_preview"
                return Redirect(reverse(name, args=[draft.pk]))
        context = {
            **self._frame(request, one, gettext("Fill a list from a file")),
            "form": form,
            "most": number(MAX_ROWS),
        }
        return render(request, f"{FOLDER}/upload.html", context)

    def preview_view(self, request: HttpRequest, upload_id: int) -> HttpResponse:
        """Show whom a file names, then take them in."""
        upload = self._upload(request, upload_id)
        if request.method == "POST":
            return self._take(request, upload)
        if upload.state != ListUpload.State.DRAFT:
            return Redirect(_page_of(upload.list))
        added, leaving = new_on_list(upload)
        ids = found_ids(upload)
        context = {
            **self._frame(request, upload.list, gettext("Look at the file")),
            "upload": upload,
            "added": number(added),
            "leaving": number(leaving) if leaving else "",
            "standing": number(upload.num_found - added),
            "found": number(upload.num_found),
            "doubled": number(upload.num_doubled),
            "refused": number(upload.num_refused),
            "members": Member.objects.filter(pk__in=ids[:SHOWN]),
            "rows": list(islice(refused_rows(upload), SHOWN)),
            "act": ngettext(
                "Put %(count)s member on the list",
                "Put %(count)s members on the list",
                added,
            )
            % {"count": number(added)},
            "is_nothing": not (added or leaving),
        }
        return render(request, f"{FOLDER}/preview.html", context)

    def refused_view(self, request: HttpRequest, upload_id: int) -> HttpResponseBase:
        """Stream the rows that name nobody, to be corrected and sent again."""
        upload = self._upload(request, upload_id)
        is_own = upload.read_by == request.user
        if not (is_own or request.user.has_perm("members.view_identifier")):
            raise PermissionDenied
        rows = ((row.text, row.row, row.reason) for row in refused_rows(upload))
        return table_response(
            f"{upload.list.code}-refused", ["member", *REJECT_COLUMNS], rows
        )

    def _take(self, request: HttpRequest, upload: ListUpload) -> HttpResponse:
        try:
            added = take_in(upload, at=timezone.now())
        except DomainError as error:
            messages.error(request, str(error.message))
        else:
            self.log_change(request, upload.list, f"{upload.mode}: {added} members new")
            text = ngettext(
                "%(count)s member is new on the list.",
                "%(count)s members are new on the list.",
                added,
            )
            messages.success(request, text % {"count": number(added)})
        return Redirect(_page_of(upload.list))

    def _list(self, request: HttpRequest, list_id: int) -> MemberList:
        if not request.user.has_perm(CHANGE):
            raise PermissionDenied
        return get_object_or_404(MemberList, pk=list_id)

    def _upload(self, request: HttpRequest, upload_id: int) -> ListUpload:
        if not request.user.has_perm(CHANGE):
            raise PermissionDenied
        upload = ListUpload.objects.select_related("list").filter(pk=upload_id).first()
        if upload is None:
            raise Http404
        return upload

    def _frame(self, request: HttpRequest, one: MemberList, title: str) -> dict[str, Any]:
        return {
            **self.admin_site.each_context(request),
            "title": title,
            "opts": self.opts,
            "media": self.media,
            "list": one,
            "back": _page_of(one),
        }


def _page_of(one: MemberList) -> str:
    return reverse("admin:members_memberlist_change", args=[one.pk])


def _page(one: MemberList) -> dict[str, Any]:
    entries = ListEntry.objects.filter(list=one)
    latest = entries.select_related("member").order_by("-pk")[:SHOWN]
    return {
        "size": number(entries.count()),
        "upload": reverse("admin:members_memberlist_upload", args=[one.pk]),
        "latest": [
            {
                "member": entry.member,
                "at": when(entry.added_at),
                "source": entry.source,
            }
            for entry in latest
        ],
        "uses": [
            {"name": use.name, "url": reverse(f"admin:{use.page}_change", args=[use.pk])}
            for use in lists_used_by([one.code])[one.code]
        ],
    }


def _read(form: UploadForm, one: MemberList, request: HttpRequest) -> ListUpload:
    assert isinstance(request.user, User), "the console lets nobody else in"
    file: UploadedFile | None = form.cleaned_data["file"]
    with tempfile.TemporaryDirectory() as folder:
        # Never under the name that the file came with.
        suffix = ".xlsx" if file and str(file.name).lower().endswith(".xlsx") else ".csv"
        place = Path(folder) / f"list{suffix}"
        with place.open("wb") as target:
            if file is None:
                target.write(pasted(form.cleaned_data["text"]).encode("utf-8", "replace"))
            else:
                for part in file.chunks():
                    target.write(part)
        return read_list(
            place,
            member_list=one,
            mode=form.cleaned_data["mode"],
            name=str(file.name) if file else gettext("pasted"),
            at=timezone.now(),
            by=request.user,
        )
