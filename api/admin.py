"""Console page for the keys of tills and web shops."""

from __future__ import annotations

from typing import Any

from django.contrib import admin, messages
from django.contrib.admin.exceptions import NotRegistered
from django.http import HttpRequest
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _
from rest_framework_api_key.admin import APIKeyModelAdmin
from unfold.decorators import display

from api.models import TillKey
from core.admin_tools import ConsoleAdmin, when

try:  # The library registers its own key model; ours is the only one in use.
    from rest_framework_api_key.models import APIKey

    admin.site.unregister(APIKey)
except NotRegistered:
    pass


@admin.register(TillKey)
class TillKeyAdmin(APIKeyModelAdmin, ConsoleAdmin):
    list_display = ("name", "prefix", "source", "store", "state_badge", "made")
    list_filter = ("revoked",)
    list_select_related = ("store",)
    search_fields = ("name", "prefix", "source")  # type: ignore[assignment]
    autocomplete_fields = ("store",)
    fieldsets = (
        (_("Whose key"), {"fields": ("name", "source", "store")}),
        (_("Validity"), {"fields": ("expiry_date", "revoked")}),
        (_("The key"), {"fields": ("prefix", "created")}),
    )
    empty_title = _("No till keys yet")
    empty_text = _(
        "A till or web shop sends its orders with a key of its own. It is shown once, "
        "when it is made."
    )

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        # The library keeps a revoked key revoked.
        return (*super().get_readonly_fields(request, obj), "created")

    def get_fieldsets(self, request: HttpRequest, obj: Any = None) -> Any:
        return self.fieldsets if obj else self.fieldsets[:2]

    def save_model(
        self, request: HttpRequest, obj: Any, form: Any = None, change: bool = False
    ) -> None:
        if change:
            obj.save()
            return
        key = TillKey.objects.assign_key(obj)
        obj.save()
        text = _("The key of “%(name)s”: %(key)s. Copy it now; it is never shown again.")
        messages.warning(request, text % {"name": obj.name, "key": key})

    @display(
        description=_("State"),
        label={"on": "success", "revoked": "danger", "over": "warning"},
    )
    def state_badge(self, key: TillKey) -> tuple[str, str | Promise]:
        if key.revoked:
            return "revoked", _("revoked")
        return ("over", _("run out")) if key.has_expired else ("on", _("in use"))

    @display(description=_("Made"), ordering="created")
    def made(self, key: TillKey) -> str:
        return when(key.created)
