"""Earn rules: a draft says itself in a sentence; publishing says what is new."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib import admin
from django.db.models import DecimalField
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect, JsonResponse
from django.urls import path, reverse
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _
from django.views.decorators.http import require_POST
from simple_history.admin import SimpleHistoryAdmin
from unfold.admin import TabularInline
from unfold.decorators import action, display

from activities.models import Order
from core.admin_tools import ConsoleAdmin, ReadOnlyMixin, programme_of, when
from core.form_fields import ChoicesField, PlainDecimalField, WordsField
from points.admin.backtests import BackTestMixin
from points.admin.copying import CopyingMixin
from points.admin.publishing import PublishingMixin, page_address
from points.admin.simulator import explain_view, simulator_view
from points.earning.definition import LISTS
from points.earning.sentence import WEEKDAYS
from points.models import EarnBand, EarnCap, EarnRule, EarnRuleVersion
from points.queries import points_wallet
from points.rules import (
    NOT_MONEY,
    describe_rule,
    describe_version,
    unpublished_changes,
)

STATE_BADGES = {"on": "success", "off": "warning", "draft": "info", "changed": "primary"}
WORDS = tuple(name for name in LISTS if name != "channels")


class EarnRuleForm(forms.ModelForm):
    """Lists are typed as words, days and channels are ticked."""

    weekdays = ChoicesField(
        label=_("weekdays"),
        numbers=True,
        choices=list(WEEKDAYS.items()),
        help_text=_("None chosen: every day."),
    )
    channels = ChoicesField(
        label=_("channels"),
        choices=Order.Channel.choices,
        help_text=_("None chosen: every channel."),
    )

    class Meta:
        model = EarnRule
        fields = "__all__"  # noqa: DJ007 - the fieldsets below name what is shown

    def clean(self) -> dict[str, Any]:
        data = super().clean() or {}
        is_activity = data.get("trigger") == EarnRule.Trigger.ACTIVITY
        if is_activity and not data.get("activity_type"):
            self.add_error("activity_type", _("Choose the activity."))
        if not is_activity:
            data["activity_type"] = None
        if data.get("hold") == EarnRule.Hold.DATE and not data.get("hold_date"):
            self.add_error("hold_date", _("Choose the day."))
        wallet = data.get("wallet")
        is_percent = data.get("method") == EarnRule.Method.PERCENT
        if is_percent and wallet is not None and not wallet.holds_money:
            self.add_error("wallet", NOT_MONEY)
        start, end = data.get("starts_at"), data.get("ends_at")
        if start and end and end <= start:
            self.add_error("ends_at", _("The end must come after the beginning."))
        if data.get("stacking") == EarnRule.Stacking.BEST and not data.get("group"):
            self.add_error("group", _("Name the group in which only the best counts."))
        return data


class BandInline(TabularInline):
    model = EarnBand
    fields = ("from_amount", "points", "per_amount")
    extra = 0
    hide_title = True


class CapInline(TabularInline):
    model = EarnCap
    fields = ("limit", "unit", "period")
    extra = 0
    hide_title = True


class VersionInline(ReadOnlyMixin, TabularInline):
    """What was published, newest first."""

    model = EarnRuleVersion
    verbose_name_plural = _("published versions")
    fields = ("number", "sentence", "counts_from", "published", "published_by")
    readonly_fields = fields
    extra = 0
    hide_title = True

    def get_queryset(self, request: HttpRequest) -> Any:
        self.programme = programme_of(request)
        return super().get_queryset(request).select_related("rule__wallet")

    @display(description=_("What it gives"))
    def sentence(self, version: EarnRuleVersion) -> str:
        return describe_version(version, self.programme)

    @display(description=_("For purchases from"))
    def counts_from(self, version: EarnRuleVersion) -> str:
        return when(version.applies_from) if version.applies_from else str(_("always"))

    @display(description=_("Published at"))
    def published(self, version: EarnRuleVersion) -> str:
        return when(version.published_at)


@admin.register(EarnRule)
class EarnRuleAdmin(
    CopyingMixin, PublishingMixin, BackTestMixin, SimpleHistoryAdmin, ConsoleAdmin
):
    form = EarnRuleForm
    list_display = (
        "name",
        "sentence",
        "priority",
        "validity",
        "num_version",
        "state_badge",
    )
    list_filter = ("is_active", "wallet", "trigger", "method")
    list_select_related = ("wallet", "segment")
    search_fields = ("code", "name")
    autocomplete_fields = ("stores", "segment", "funder")
    inlines = (BandInline, CapInline, VersionInline)
    actions_detail = ("publish_page", "test_draft_page", "discard_page", "copy_page")
    actions_list = ("presets_page", "simulator_page", "back_test_page")
    fieldsets = (
        (_("What it is called"), {"fields": ("name", ("code", "wallet"), "is_active")}),
        (_("For what"), {"fields": ("trigger", "activity_type")}),
        (
            _("How many points"),
            {
                "fields": (
                    "method",
                    ("points", "amount"),
                    "percent",
                    ("factor", "rounding"),
                    ("minimum_total", "order_limit"),
                )
            },
        ),
        (
            _("What counts of the amount"),
            {
                "fields": (
                    ("before_discount", "before_voucher"),
                    ("without_tax", "without_delivery"),
                    "without_points",
                ),
                "classes": ("collapse",),
            },
        ),
        (
            _("On which products"),
            {
                "fields": (
                    "scope",
                    ("categories", "excluded_categories"),
                    ("brands", "excluded_brands"),
                    ("labels", "excluded_labels"),
                    ("skus", "excluded_skus"),
                ),
                "classes": ("collapse",),
            },
        ),
        (
            _("When it holds"),
            {
                "fields": (
                    ("starts_at", "ends_at"),
                    "weekdays",
                    ("from_time", "until_time"),
                    "holidays",
                ),
                "classes": ("collapse",),
            },
        ),
        (
            _("For whom and where"),
            {
                "fields": (
                    "segment",
                    ("nth_order", "birthday"),
                    "stores",
                    "channels",
                    ("payment_methods", "promo_code"),
                ),
                "classes": ("collapse",),
            },
        ),
        (
            _("Limits, and beside other rules"),
            {
                "fields": (
                    "budget",
                    ("stacking", "group"),
                    ("priority", "stops_here"),
                ),
                "description": _(
                    "Base rules are asked first, then multipliers, then extras; within "
                    "each, from low to high priority. Limits for each member stand below."
                ),
                "classes": ("collapse",),
            },
        ),
        (
            _("When points are usable, and who pays"),
            {
                "fields": (
                    "hold",
                    ("hold_days", "hold_date"),
                    ("funder", "funder_percent"),
                ),
                "classes": ("collapse",),
            },
        ),
    )
    history_list_display = ("version",)
    change_form_before_template = "admin/points/earnrule/_sentence.html"
    empty_title = _("No earn rules yet")
    empty_text = _("Without a rule no order gives points. Add the first one.")

    class Media:
        js = ("js/admin/earnrule.js",)

    # --- the form ---------------------------------------------------------------------

    def formfield_for_dbfield(
        self, db_field: Any, request: HttpRequest, **kwargs: Any
    ) -> Any:
        if isinstance(db_field, DecimalField):
            kwargs["form_class"] = PlainDecimalField
        if db_field.name in WORDS:
            return WordsField(label=db_field.verbose_name)
        return super().formfield_for_dbfield(db_field, request, **kwargs)

    def get_changeform_initial_data(self, request: HttpRequest) -> dict[str, Any]:
        initial: dict[str, Any] = super().get_changeform_initial_data(request)
        wallet = points_wallet()
        return {"wallet": wallet.pk if wallet else None, **initial}

    def get_inlines(self, request: HttpRequest, obj: Any) -> Any:
        return self.inlines if obj else (BandInline, CapInline)

    def changeform_view(
        self,
        request: HttpRequest,
        object_id: str | None = None,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> HttpResponse:
        rule = self.get_object(request, object_id) if object_id else EarnRule()
        context = {
            **(extra_context or {}),
            "sentence": describe_rule(rule, programme_of(request)) if rule else "",
            "rule": rule,
            "changes": self.changes(rule) if rule and rule.pk else [],
        }
        return super().changeform_view(request, object_id, form_url, context)

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        # Movements name the rule that gave them; a rule is switched off instead.
        return False

    def response_add(self, request: HttpRequest, obj: EarnRule, *args: Any) -> HttpResponse:
        # A rule gives nothing until it is published, so that is the next page.
        if "_continue" in request.POST or not self.has_publish_permission(request):
            return super().response_add(request, obj, *args)
        return HttpResponseRedirect(page_address("publish", obj.pk))

    # --- pages beside the form --------------------------------------------------------

    def get_urls(self) -> list[Any]:
        own = [
            path(
                "simulator/",
                self.admin_site.admin_view(simulator_view),
                name="points_simulator",
            ),
            path(
                "explain/<int:order_id>/",
                self.admin_site.admin_view(explain_view),
                name="points_explain",
            ),
            path(
                "sentence/",
                self.admin_site.admin_view(require_POST(self.sentence_view)),
                name="points_earnrule_sentence",
            ),
        ]
        pages = (
            *self.publishing_urls(),
            *self.back_test_urls(),
            *self.copying_urls(),
        )
        return [*own, *pages, *super().get_urls()]

    @action(description=_("Try a basket"), icon="calculate", url_path="to-simulator")
    def simulator_page(self, request: HttpRequest) -> HttpResponse:
        return HttpResponseRedirect(reverse("admin:points_simulator"))

    def sentence_view(self, request: HttpRequest) -> JsonResponse:
        """Say the rule that stands in the form right now."""
        form = self.get_form(request)(request.POST)
        form.is_valid()
        names = {field.name for field in EarnRule._meta.concrete_fields}
        facts = {
            name: value
            for name, value in form.cleaned_data.items()
            if name in names and value not in (None, "")
        }
        return JsonResponse(
            {"sentence": describe_rule(EarnRule(**facts), programme_of(request))}
        )

    # --- the list ---------------------------------------------------------------------

    def get_changelist_instance(self, request: HttpRequest) -> Any:
        self.programme = programme_of(request)
        return super().get_changelist_instance(request)

    def get_queryset(self, request: HttpRequest) -> Any:
        found = super().get_queryset(request)
        return found.prefetch_related("bands", "caps", "stores", "versions")

    @display(description=_("What it gives"))
    def sentence(self, rule: EarnRule) -> str:
        return describe_rule(rule, self.programme)

    @display(description=_("Holds"))
    def validity(self, rule: EarnRule) -> str:
        if not rule.starts_at and not rule.ends_at:
            return str(_("always"))
        return f"{when(rule.starts_at)} → {when(rule.ends_at)}"

    @display(description=_("Version"))
    def num_version(self, rule: EarnRule) -> int:
        return rule.version

    @display(description=_("State"), label=STATE_BADGES, ordering="is_active")
    def state_badge(self, rule: EarnRule) -> tuple[str, str | Promise]:
        if not rule.is_active:
            return "off", _("off")
        if not rule.version:
            return "draft", _("not published")
        if unpublished_changes(rule):
            return "changed", _("changes not published")
        return "on", _("active")
