"""Tags: the labels that staff and campaigns put on members."""

from __future__ import annotations

from django.contrib import admin
from django.utils.html import format_html
from django.utils.translation import gettext_lazy as _
from unfold.decorators import display

from core.admin_tools import ConsoleAdmin, list_address
from members.models import Tag


@admin.register(Tag)
class TagAdmin(ConsoleAdmin):
    list_display = ("name", "code", "description", "members_link")
    search_fields = ("code", "name")
    fields = ("name", "code", "description")
    empty_title = _("No tags yet")
    empty_text = _(
        "A tag is a label on members: campaigns put them on, segments ask for them."
    )

    @display(description=_("Members"))
    def members_link(self, tag: Tag) -> str:
        address = list_address("members.member", tags__tag__id__exact=tag.pk)
        return format_html('<a class="console-link" href="{}">{}</a>', address, _("show"))
