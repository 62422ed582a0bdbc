"""Ladders: the draft as a readable table; publishing says what it would do first."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from django import forms
from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db.models import DecimalField
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import get_object_or_404, render
from django.urls import path, reverse
from django.utils import timezone
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _
from kombu.exceptions import OperationalError
from simple_history.admin import SimpleHistoryAdmin
from unfold.admin import TabularInline
from unfold.decorators import action, display
from unfold.enums import ActionVariant
from unfold.widgets import UnfoldAdminColorInputWidget

from core.admin_tools import ConsoleAdmin, ReadOnlyMixin, number, programme_of, when
from core.errors import DomainError
from core.form_fields import PlainDecimalField
from tiers.budget import members_by_tier, preview_ladder
from tiers.definition import (
    Definition,
    Step,
    definition_of_version,
    draft_definition,
)
from tiers.ladders import (
    check_definition,
    discard_draft,
    has_unpublished_changes,
    live_version,
    publish_ladder,
)
from tiers.models import Ladder, LadderVersion, Tier
from tiers.sentence import describe_ladder, describe_threshold
from tiers.tasks import review_now

STATE_BADGES = {"on": "success", "off": "warning", "draft": "info", "changed": "primary"}


@dataclass(frozen=True, slots=True)
class Row:
    """One tier as the table shows it."""

    step: Step
    asks: str
    perks: list[str]
    members: str


def tier_rows(ladder: Definition, currency: str) -> list[Row]:
    """Return a ladder's tiers from high to low, as one reads a ladder."""
    counts = members_by_tier(ladder.ladder_id)
    return [
        Row(
            step,
            describe_threshold(step, ladder, currency=currency),
            [perk.name for perk in step.perks],
            number(counts.get(step.tier_id, 0)),
        )
        for step in reversed(ladder.steps)
    ]


class TierForm(forms.ModelForm):
    class Meta:
        model = Tier
        fields = ("name", "code", "color", "spend", "points", "orders", "is_active")
        widgets = {"color": UnfoldAdminColorInputWidget()}


class TierInline(TabularInline):
    model = Tier
    form = TierForm
    extra = 0
    hide_title = True
    show_change_link = True
    verbose_name_plural = _("tiers, with what each asks for")

    def formfield_for_dbfield(
        self, db_field: Any, request: HttpRequest, **kwargs: Any
    ) -> Any:
        if isinstance(db_field, DecimalField):
            kwargs["form_class"] = PlainDecimalField
        return super().formfield_for_dbfield(db_field, request, **kwargs)

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        # A tier is switched off instead: the history of members names it.
        return False


class VersionInline(ReadOnlyMixin, TabularInline):
    """What was published, newest first."""

    model = LadderVersion
    verbose_name_plural = _("published versions")
    fields = ("number", "sentence", "published", "published_by")
    readonly_fields = fields
    extra = 0
    hide_title = True

    def get_queryset(self, request: HttpRequest) -> Any:
        return super().get_queryset(request).select_related("ladder")

    @display(description=_("Terms"))
    def sentence(self, version: LadderVersion) -> str:
        definition = definition_of_version(version)
        names = " → ".join(step.name for step in definition.steps)
        return f"{names}. {describe_ladder(definition)}"

    @display(description=_("Published at"))
    def published(self, version: LadderVersion) -> str:
        return when(version.published_at)


@admin.register(Ladder)
class LadderAdmin(SimpleHistoryAdmin, ConsoleAdmin):
    list_display = ("name", "sentence", "num_version", "state_badge")
    list_filter = ("is_active", "window")
    search_fields = ("code", "name")
    inlines = (TierInline, VersionInline)
    actions_detail = ("publish_page", "discard_page")
    fieldsets = (
        (_("What it is called"), {"fields": ("name", "code", "is_active")}),
        (
            _("What counts"),
            {"fields": (("window", "months"), "combine", "wallet")},
        ),
        (
            _("When members fall"),
            {"fields": (("downgrade", "grace_days"), "falls_on_refund")},
        ),
    )
    history_list_display = ("version",)
    change_form_before_template = "admin/tiers/ladder/_summary.html"
    empty_title = _("No tier ladder yet")
    empty_text = _("Add one with two tiers or more; it counts once it is published.")

    # --- the form ---------------------------------------------------------------------

    def get_inlines(self, request: HttpRequest, obj: Any) -> Any:
        return self.inlines if obj else (TierInline,)

    def changeform_view(
        self,
        request: HttpRequest,
        object_id: str | None = None,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> HttpResponse:
        context = dict(extra_context or {})
        ladder = self.get_object(request, object_id) if object_id else None
        if ladder is not None:
            draft = draft_definition(ladder)
            context |= {
                "ladder": ladder,
                "sentence": describe_ladder(draft),
                "rows": tier_rows(draft, str(programme_of(request).currency)),
                "is_changed": has_unpublished_changes(ladder),
                "problem": _problem(draft),
            }
        return super().changeform_view(request, object_id, form_url, context)

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        # The history of members names it; a ladder is switched off instead.
        return False

    def response_add(self, request: HttpRequest, obj: Ladder, *args: Any) -> HttpResponse:
        # A ladder judges nobody until it is published, so that is the next page.
        if "_continue" in request.POST or not self.has_publish_permission(request):
            return super().response_add(request, obj, *args)
        return HttpResponseRedirect(_address("publish", obj.pk))

    # --- publishing -------------------------------------------------------------------

    def get_urls(self) -> list[Any]:
        own = [
            path(
                f"<int:ladder_id>/{name}/",
                self.admin_site.admin_view(view),
                name=f"tiers_ladder_{name}",
            )
            for name, view in (
                ("publish", self.publish_view),
                ("discard", self.discard_view),
            )
        ]
        return [*own, *super().get_urls()]

    def has_publish_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return bool(request.user.has_perm("tiers.publish_ladder"))

    @action(
        description=_("Publish"),
        icon="publish",
        variant=ActionVariant.PRIMARY,
        permissions=["publish"],
        url_path="to-publish",
    )
    def publish_page(self, request: HttpRequest, object_id: str) -> HttpResponse:
        return HttpResponseRedirect(_address("publish", object_id))

    @action(
        description=_("Discard changes"),
        icon="undo",
        permissions=["publish"],
        url_path="to-discard",
    )
    def discard_page(self, request: HttpRequest, object_id: str) -> HttpResponse:
        return HttpResponseRedirect(_address("discard", object_id))

    def publish_view(self, request: HttpRequest, ladder_id: int) -> HttpResponse:
        """Say who would move and what it would cost, then publish."""
        ladder = self._ladder(request, ladder_id)
        draft = draft_definition(ladder)
        problem = _problem(draft)
        if request.method == "POST" and not problem:
            return self._publish(request, ladder)
        context = {
            **self._page(request, ladder, _("Publish this ladder")),
            "problem": problem,
            "changed": has_unpublished_changes(ladder),
            "sentence": describe_ladder(draft),
            "budget": None if problem else preview_ladder(draft, at=timezone.now()),
        }
        return render(request, "admin/tiers/ladder/publish.html", context)

    def _publish(self, request: HttpRequest, ladder: Ladder) -> HttpResponse:
        now = timezone.now()
        version = publish_ladder(ladder, at=now, by=request.user.get_username())
        self.log_change(request, ladder, f"Published version {version.number}.")
        try:
            review_now.delay(at=now.isoformat())
        except OperationalError:
            text = _("Version %(number)s is published. Members are placed by the night.")
            messages.warning(request, text % {"number": version.number})
        else:
            text = _("Version %(number)s is published. Members are being placed now.")
            messages.success(request, text % {"number": version.number})
        return HttpResponseRedirect(ladder_address(ladder))

    def discard_view(self, request: HttpRequest, ladder_id: int) -> HttpResponse:
        """Ask, then put the form back to what is published."""
        ladder = self._ladder(request, ladder_id)
        live = live_version(ladder)
        if request.method == "POST" and live is not None:
            discard_draft(ladder)
            self.log_change(request, ladder, "Discarded the draft.")
            messages.success(request, _("The form shows what is published again."))
            return HttpResponseRedirect(ladder_address(ladder))
        context = {
            **self._page(request, ladder, _("Discard the changes")),
            "question": _("Put this ladder back to what is published?"),
            "consequences": [describe_ladder(definition_of_version(live))]
            if live
            else [_("This ladder was never published.")],
            "submit": _("Discard the changes"),
            "is_blocked": live is None,
        }
        return render(request, "admin/confirm.html", context)

    def _ladder(self, request: HttpRequest, ladder_id: int) -> Ladder:
        if not self.has_publish_permission(request):
            raise PermissionDenied
        return get_object_or_404(Ladder, pk=ladder_id)

    def _page(self, request: HttpRequest, ladder: Ladder, title: Any) -> dict[str, Any]:
        return {
            **self.admin_site.each_context(request),
            "title": title,
            "original": ladder,
            "opts": self.opts,
            "ladder": ladder,
            "back": ladder_address(ladder),
            "media": self.media,
        }

    # --- the list ---------------------------------------------------------------------

    @display(description=_("Terms"))
    def sentence(self, ladder: Ladder) -> str:
        draft = draft_definition(ladder)
        names = " → ".join(step.name for step in draft.steps)
        return f"{names}. {describe_ladder(draft)}"

    @display(description=_("Version"))
    def num_version(self, ladder: Ladder) -> int:
        return ladder.version

    @display(description=_("State"), label=STATE_BADGES, ordering="is_active")
    def state_badge(self, ladder: Ladder) -> tuple[str, str | Promise]:
        if not ladder.is_active:
            return "off", _("off")
        if not ladder.version:
            return "draft", _("not published")
        if has_unpublished_changes(ladder):
            return "changed", _("changes not published")
        return "on", _("active")


def _address(page: str, ladder_id: int | str) -> str:
    return reverse(f"admin:tiers_ladder_{page}", args=[ladder_id])


def ladder_address(ladder: Ladder) -> str:
    return reverse("admin:tiers_ladder_change", args=[ladder.pk])


def _problem(draft: Definition) -> str:
    """Say why a draft cannot be published; empty when it can."""
    try:
        check_definition(draft)
    except DomainError as error:
        return str(error.message)
    return ""
