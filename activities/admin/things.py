"""Products, and what members do besides buying."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _
from unfold.decorators import display

from activities.models import Activity, ActivityType, Product
from core.admin_tools import BigTableMixin, ConsoleAdmin, ReadOnlyMixin, link, when
from core.form_fields import WordsField
from members.admin import member_ids_for_search


@admin.register(Product)
class ProductAdmin(ConsoleAdmin):
    list_display = ("name", "sku", "category", "brand", "labels_shown", "is_active")
    list_filter = ("is_active", "category", "brand")
    search_fields = ("sku", "name", "category", "brand")
    fields = ("name", "sku", ("category", "brand"), "labels", "is_active")
    empty_title = _("No products yet")
    empty_text = _(
        "Products fill in the category, brand and labels that a till leaves out, so that "
        "rules can choose by them."
    )

    def formfield_for_dbfield(
        self, db_field: Any, request: HttpRequest, **kwargs: Any
    ) -> Any:
        if db_field.name == "labels":
            return WordsField(label=db_field.verbose_name)
        return super().formfield_for_dbfield(db_field, request, **kwargs)

    @display(description=_("Labels"))
    def labels_shown(self, product: Product) -> str:
        return ", ".join(product.labels)


@admin.register(ActivityType)
class ActivityTypeAdmin(ConsoleAdmin):
    list_display = ("name", "code", "unit_name", "is_active")
    search_fields = ("code", "name")
    fields = ("name", "code", "unit_name", "is_active")
    empty_title = _("No activity types yet")
    empty_text = _("Add what members can earn for besides buying: a review, a check-in…")

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


@admin.register(Activity)
class ActivityAdmin(ReadOnlyMixin, BigTableMixin, ConsoleAdmin):
    list_display = ("type", "who", "quantity", "at", "source", "external_id")
    list_filter = ("type",)
    list_select_related = ("type", "member")
    search_fields = ("external_id",)
    search_help_text = _("Its number, or a member's phone, code or card")
    ordering = ("-id",)
    fields = ("type", "who", "quantity", "happened_at", "source", "external_id")
    empty_title = _("No activities yet")
    empty_text = _("They arrive through the API from apps and web sites.")

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Activity], search_term: str
    ) -> tuple[QuerySet[Activity], bool]:
        term = search_term.strip()
        if not term:
            return queryset, False
        by_number = queryset.filter(external_id=term)
        by_member = queryset.filter(member_id__in=member_ids_for_search(term))
        return by_number | by_member, False

    @display(description=_("Member"))
    def who(self, activity: Activity) -> str:
        return link(activity.member)

    @display(description=_("When"))
    def at(self, activity: Activity) -> str:
        return when(activity.happened_at)
