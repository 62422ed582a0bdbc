"""The seals of the ledger, to look at and to copy a head from."""

from __future__ import annotations

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from unfold.decorators import display

from core.admin_tools import (
    BigTableMixin,
    ConsoleAdmin,
    ReadOnlyMixin,
    link,
    number,
    when,
)
from core.codes import in_groups
from points.models import LedgerSeal, Transfer


@admin.register(LedgerSeal)
class LedgerSealAdmin(ReadOnlyMixin, BigTableMixin, ConsoleAdmin):
    list_display = ("name", "sealed", "num_covered", "num_points", "head_short")
    ordering = ("-number",)
    readonly_fields = (
        "sealed",
        "num_covered",
        "num_points",
        "first",
        "last",
        "head_shown",
        "previous_shown",
    )
    fieldsets = (
        (
            None,
            {
                "fields": ("head_shown", "previous_shown", "sealed"),
                "description": gettext_lazy(
                    "The head stands for every movement of points up to this seal. Keep "
                    "it outside this system: whoever changes the past afterwards is found "
                    "by it."
                ),
            },
        ),
        (
            gettext_lazy("What it covers"),
            {"fields": ("num_covered", "num_points", "first", "last")},
        ),
    )
    empty_title = gettext_lazy("No seals yet")
    empty_text = gettext_lazy(
        "Once an hour a seal is put on the movements of points that are ten minutes old. "
        "Keep the newest head outside this system: whoever changes the ledger afterwards "
        "is found by it."
    )

    def get_queryset(self, request: HttpRequest) -> QuerySet[LedgerSeal]:
        return super().get_queryset(request).defer("transfer_ids", "marks")

    def page_title(self, obj: LedgerSeal) -> str:
        return _("Seal %(number)s") % {"number": number(obj.number)}

    @display(description=gettext_lazy("Seal"), ordering="number")
    def name(self, seal: LedgerSeal) -> str:
        return number(seal.number)

    @display(description=gettext_lazy("Sealed at"))
    def sealed(self, seal: LedgerSeal) -> str:
        return when(seal.sealed_at)

    @display(description=gettext_lazy("Movements"))
    def num_covered(self, seal: LedgerSeal) -> str:
        return number(seal.num_transfers)

    @display(description=gettext_lazy("Points moved"))
    def num_points(self, seal: LedgerSeal) -> str:
        return number(seal.points_moved)

    @display(description=gettext_lazy("Head"))
    def head_short(self, seal: LedgerSeal) -> SafeString:
        return format_html("<code>{} …</code>", in_groups(seal.head[:16]))

    @display(description=gettext_lazy("Head"))
    def head_shown(self, seal: LedgerSeal) -> SafeString:
        return format_html("<code>{}</code>", in_groups(seal.head))

    @display(description=gettext_lazy("Head before"))
    def previous_shown(self, seal: LedgerSeal) -> SafeString:
        return format_html("<code>{}</code>", in_groups(seal.previous))

    @display(description=gettext_lazy("First movement"))
    def first(self, seal: LedgerSeal) -> str:
        return link(Transfer.objects.filter(pk=seal.first_id).first())

    @display(description=gettext_lazy("Last movement"))
    def last(self, seal: LedgerSeal) -> str:
        return link(Transfer.objects.filter(pk=seal.last_id).first())
