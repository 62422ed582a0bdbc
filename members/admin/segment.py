"""Segments: saved questions about members, how many answer them, and what uses them."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from django import forms
from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import (
    HttpRequest,
    HttpResponse,
    HttpResponseBase,
    HttpResponseRedirect,
)
from django.shortcuts import get_object_or_404
from django.urls import path, reverse
from django.utils import timezone
from django.utils.html import format_html
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from unfold.decorators import display

from core.admin.editing import TwoPeopleMixin
from core.admin_tools import ConsoleAdmin, list_address, number, two_lines, when
from core.errors import DomainError
from core.exports import table_response
from members.admin.conditions import ConditionsField, count_view
from members.admin.segment_page import member_columns, member_rows, segment_page
from members.models import Segment
from members.segments.editing import save_segment
from members.segments.nested import check_nesting
from members.segments.uses import UsedBy, used_by

EXPORT = "members.export_segment"


class SegmentForm(forms.ModelForm):
    conditions = ConditionsField(label=_("Who"))

    class Meta:
        model = Segment
        fields = ("name", "code", "description", "conditions", "is_watched")

    def clean(self) -> dict[str, Any]:
        data = super().clean() or {}
        code = data.get("code") or self.instance.code
        if "conditions" in data and code:
            try:
                check_nesting(code, data["conditions"])
            except DomainError as error:
                self.add_error("conditions", str(error))
        return data


class UsedMixin:
    """What segments and lists share: a code that stands, and no end while they are used."""

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        # Conditions, campaigns and files name it by its code.
        return ("code",) if obj else ()

    def get_prepopulated_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        return {} if obj else {"code": ("name",)}

    # Each one's own: takes the objects, returns what uses each of them by its code.
    uses_of: Any

    def delete_view(
        self, request: HttpRequest, object_id: str, extra_context: Any = None
    ) -> HttpResponse:
        obj = self.get_object(request, object_id)  # type: ignore[attr-defined]
        if obj and (uses := self.uses_of([obj])[obj.code]):
            messages.error(request, refusal(obj, uses))
            meta = obj._meta
            name = f"admin:{meta.app_label}_{meta.model_name}_change"
            return HttpResponseRedirect(reverse(name, args=[obj.pk]))
        response: HttpResponse = super().delete_view(  # type: ignore[misc]
            request, object_id, extra_context
        )
        return response

    def get_deleted_objects(self, objs: Iterable[Any], request: HttpRequest) -> Any:
        """Name what is deleted; who was in it goes along, and could be millions."""
        objects = list(objs)
        named = [str(one) for one in objects]
        counts = {self.opts.verbose_name_plural: len(objects)}  # type: ignore[attr-defined]
        needed = set() if self.has_delete_permission(request) else {self.opts.verbose_name}  # type: ignore[attr-defined]
        return named, counts, needed, []

    def delete_queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> None:
        """Delete those of a selection that nothing uses, and name the others."""
        objects = list(queryset)
        uses = self.uses_of(objects)
        for obj in objects:
            if uses[obj.code]:
                messages.error(request, refusal(obj, uses[obj.code]))
        free = [obj.pk for obj in objects if not uses[obj.code]]
        super().delete_queryset(request, queryset.filter(pk__in=free))  # type: ignore[misc]


def refusal(obj: Any, uses: Iterable[UsedBy]) -> str:
    """Say why something that is used is not deleted."""
    return gettext("“%(name)s” is used by %(uses)s. Take it out there first.") % {
        "name": obj,
        "uses": ", ".join(f"“{use.name}” ({use.kind})" for use in uses),
    }


@admin.register(Segment)
class SegmentAdmin(TwoPeopleMixin, UsedMixin, ConsoleAdmin):
    form = SegmentForm
    list_display = ("who", "num_in_it", "counted", "watch_badge", "used", "members_link")
    search_fields = ("code", "name", "description")
    list_filter = ("is_watched",)
    fieldsets = (
        (_("What it is called"), {"fields": (("name", "code"), "description")}),
        (_("Who is in it"), {"fields": ("conditions",), "classes": ("console-wide",)}),
        (_("Entering and leaving"), {"fields": ("is_watched",)}),
    )
    change_form_outer_before_template = "admin/members/segment/_page.html"
    empty_title = _("No segments yet")
    empty_text = _(
        "A segment is a saved question, such as: members who have not bought for 45 days."
    )

    @display(description=_("Segment"), ordering="name")
    def who(self, segment: Segment) -> str:
        return two_lines(segment.name, segment.description or segment.code)

    @display(description=_("Members"), ordering="num_members")
    def num_in_it(self, segment: Segment) -> str:
        return number(segment.num_members)

    @display(description=_("Counted"), ordering="counted_at")
    def counted(self, segment: Segment) -> str:
        return when(segment.counted_at)

    @display(description=_("Watched"), label={"on": "success", "off": "info"})
    def watch_badge(self, segment: Segment) -> tuple[str, Any]:
        if segment.is_watched:
            return "on", _("watched")
        return "off", _("counted at night")

    @display(description=_("In use by"))
    def used(self, segment: Segment) -> str:
        return number(len(self.uses[segment.code]))

    @display(description="")
    def members_link(self, segment: Segment) -> str:
        address = list_address("members.member", segment=segment.code)
        return format_html(
            '<a class="console-link" href="{}">{}</a>', address, _("show members")
        )

    def changelist_view(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        codes = list(Segment.objects.values_list("code", flat=True))
        self.uses = used_by(codes)
        return super().changelist_view(request, extra_context)

    def uses_of(self, objects: Iterable[Any]) -> dict[str, list[UsedBy]]:
        return used_by([one.code for one in objects])

    def changeform_view(
        self,
        request: HttpRequest,
        object_id: str | None = None,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> HttpResponse:
        context = extra_context or {}
        if object_id and request.method == "GET":
            segment = self.get_object(request, object_id)
            if segment and self.has_view_permission(request, segment):
                page = segment_page(segment, at=timezone.now())
                context |= {"page": page, "may_export": request.user.has_perm(EXPORT)}
        return super().changeform_view(request, object_id, form_url, context)

    def get_changeform_initial_data(self, request: HttpRequest) -> dict[str, Any]:
        """Fill a new segment in from a link, such as a square of the RFM grid."""
        wanted = ("name", "code", "description", "conditions")
        return {name: request.GET[name] for name in wanted if name in request.GET}

    def save_model(
        self, request: HttpRequest, obj: Segment, form: Any, change: bool
    ) -> None:
        if not change:
            super().save_model(request, obj, form, change)
            return
        save_segment(obj, form.changed_data)

    def get_urls(self) -> list[Any]:
        guard = self.admin_site.admin_view
        return [
            path("count/", guard(count_view), name="members_segment_count"),
            path(
                "<int:segment_id>/export/",
                guard(self.export_view),
                name="members_segment_export",
            ),
            *super().get_urls(),
        ]

    def export_view(self, request: HttpRequest, segment_id: int) -> HttpResponseBase:
        """Stream the members of a segment as a file; who took them is noted."""
        if not request.user.has_perm(EXPORT):
            raise PermissionDenied
        segment = get_object_or_404(Segment, pk=segment_id)
        now = timezone.now()
        try:
            rows = member_rows(
                segment,
                at=now,
                with_phone=request.user.has_perm("members.view_identifier"),
            )
        except DomainError as error:
            messages.error(request, str(error.message))
            return HttpResponseRedirect(
                reverse("admin:members_segment_change", args=[segment.pk])
            )
        self.log_change(request, segment, "members exported")
        name = f"segment-{segment.code}-{timezone.localtime(now):%Y%m%d}"
        return table_response(name, member_columns(), rows)

    def get_queryset(self, request: HttpRequest) -> Any:
        return super().get_queryset(request).order_by("name")
