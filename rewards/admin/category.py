"""Shelves of the catalogue, in the order in which members see them."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.db.models import Count, QuerySet
from django.http import HttpRequest
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _
from unfold.decorators import display

from core.admin_tools import ConsoleAdmin, number
from rewards.models import RewardCategory

ON_BADGES = {"on": "success", "off": "warning"}


@admin.register(RewardCategory)
class RewardCategoryAdmin(ConsoleAdmin):
    list_display = ("name", "num_rewards", "state_badge")
    search_fields = ("code", "name")
    fields = ("name", "code", "is_active")
    prepopulated_fields = {"code": ("name",)}
    ordering = ("position", "name")
    # Staff drag the lines; the number itself tells nobody anything.
    ordering_field = "position"
    hide_ordering_field = True
    list_per_page = 200
    empty_title = _("No categories yet")
    empty_text = _("Categories are the shelves of the catalogue: drinks, gifts, vouchers.")

    def get_queryset(self, request: HttpRequest) -> QuerySet[RewardCategory]:
        return super().get_queryset(request).annotate(count=Count("rewards"))

    @display(description=_("Rewards"))
    def num_rewards(self, category: Any) -> str:
        return number(category.count)

    @display(description=_("State"), label=ON_BADGES, ordering="is_active")
    def state_badge(self, category: RewardCategory) -> tuple[str, str | Promise]:
        return ("on", _("shown")) if category.is_active else ("off", _("hidden"))

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        # One with rewards is hidden instead.
        allowed = bool(super().has_delete_permission(request, obj))
        return allowed and obj is not None and not obj.rewards.exists()
