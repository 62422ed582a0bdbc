"""Segments: saved questions about members, with the count of today's answer."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib import admin
from django.http import HttpRequest
from django.urls import path
from django.utils.html import format_html
from django.utils.translation import gettext_lazy as _
from unfold.decorators import display

from core.admin_tools import ConsoleAdmin, list_address, when
from core.errors import DomainError
from members.admin.conditions import ConditionsField, count_view
from members.models import Segment
from members.segments.nested import check_nesting


class SegmentForm(forms.ModelForm):
    conditions = ConditionsField(label=_("Who"))

    class Meta:
        model = Segment
        fields = ("name", "code", "description", "conditions")

    def clean(self) -> dict[str, Any]:
        data = super().clean() or {}
        if "conditions" in data and data.get("code"):
            try:
                check_nesting(data["code"], data["conditions"])
            except DomainError as error:
                self.add_error("conditions", str(error))
        return data


@admin.register(Segment)
class SegmentAdmin(ConsoleAdmin):
    form = SegmentForm
    list_display = ("name", "description", "members_link", "made")
    search_fields = ("code", "name", "description")
    prepopulated_fields = {"code": ("name",)}
    fieldsets = (
        (_("What it is called"), {"fields": (("name", "code"), "description")}),
        (_("Who is in it"), {"fields": ("conditions",), "classes": ("console-wide",)}),
    )
    empty_title = _("No segments yet")
    empty_text = _(
        "A segment is a saved question, such as: members who have not bought for 45 days."
    )

    @display(description=_("Members"))
    def members_link(self, segment: Segment) -> str:
        address = list_address("members.member", segment=segment.code)
        return format_html('<a class="console-link" href="{}">{}</a>', address, _("show"))

    @display(description=_("Made"), ordering="created_at")
    def made(self, segment: Segment) -> str:
        return when(segment.created_at)

    def get_urls(self) -> list[Any]:
        count = path(
            "count/", self.admin_site.admin_view(count_view), name="members_segment_count"
        )
        return [count, *super().get_urls()]

    def get_queryset(self, request: HttpRequest) -> Any:
        return super().get_queryset(request).order_by("name")
