"""Publishing an earn rule: what changes is said before it is done."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import get_object_or_404, render
from django.urls import path, reverse
from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from unfold.decorators import action
from unfold.enums import ActionVariant
from unfold.widgets import UnfoldAdminRadioSelectWidget

from core.errors import DomainError
from points.earning.definition import draft_definition
from points.models import EarnRule
from points.rules import (
    check_definition,
    describe_rule,
    describe_version,
    discard_draft,
    live_version,
    publish_rule,
    unpublished_changes,
)


class PublishForm(forms.Form):
    """From when the new version decides."""

    FROM_NOW, ALWAYS = "now", "always"

    counts = forms.ChoiceField(
        label=_("It counts for"),
        choices=[
            (FROM_NOW, _("purchases from now on; older ones keep the version before")),
            (ALWAYS, _("every purchase that is told from now on, however old")),
        ],
        initial=FROM_NOW,
        widget=UnfoldAdminRadioSelectWidget,
    )


class PublishingMixin:
    """The pages and buttons with which the draft of a rule becomes what counts."""

    admin_site: Any
    opts: Any
    media: Any
    log_change: Any

    def publishing_urls(self) -> list[Any]:
        return [
            path(
                "<int:rule_id>/publish/",
                self.admin_site.admin_view(self.publish_view),
                name="points_earnrule_publish",
            ),
            path(
                "<int:rule_id>/discard/",
                self.admin_site.admin_view(self.discard_view),
                name="points_earnrule_discard",
            ),
        ]

    def has_publish_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return bool(request.user.has_perm("points.publish_earnrule"))

    @action(
        description=_("Publish"),
        icon="publish",
        variant=ActionVariant.PRIMARY,
        permissions=["publish"],
        url_path="to-publish",
    )
    def publish_page(self, request: HttpRequest, object_id: str) -> HttpResponse:
        return HttpResponseRedirect(page_address("publish", object_id))

    @action(
        description=_("Discard changes"),
        icon="undo",
        permissions=["publish"],
        url_path="to-discard",
    )
    def discard_page(self, request: HttpRequest, object_id: str) -> HttpResponse:
        return HttpResponseRedirect(page_address("discard", object_id))

    def changes(self, rule: EarnRule) -> list[str]:
        """Name what the draft changes, in the words of the form."""
        return [str(field_label(name)) for name in unpublished_changes(rule)]

    def publish_view(self, request: HttpRequest, rule_id: int) -> HttpResponse:
        """Say what publishing changes, then do it."""
        if not self.has_publish_permission(request):
            raise PermissionDenied
        rule = get_object_or_404(_with_words(), pk=rule_id)
        form = PublishForm(request.POST or None)
        problem = _problem(rule)
        if request.method == "POST" and form.is_valid() and not problem:
            now = timezone.now()
            version = publish_rule(
                rule,
                at=now,
                by=request.user.get_username(),
                for_all_time=form.cleaned_data["counts"] == PublishForm.ALWAYS,
            )
            self.log_change(request, rule, f"Published version {version.number}.")
            messages.success(
                request,
                _("Version %(number)s gives points now.") % {"number": version.number},
            )
            return HttpResponseRedirect(_rule_address(rule))
        live = live_version(rule)
        context = {
            **self._page(request, rule, _("Publish this rule")),
            "form": form,
            "problem": problem,
            "before": describe_version(live) if live else "",
            "after": describe_rule(rule),
            "changes": self.changes(rule),
            "first": live is None,
        }
        return render(request, "admin/points/earnrule/publish.html", context)

    def discard_view(self, request: HttpRequest, rule_id: int) -> HttpResponse:
        """Ask, then put the form back to what is published."""
        if not self.has_publish_permission(request):
            raise PermissionDenied
        rule = get_object_or_404(_with_words(), pk=rule_id)
        live = live_version(rule)
        if request.method == "POST" and live is not None:
            discard_draft(rule)
            self.log_change(request, rule, "Discarded the draft.")
            messages.success(request, _("The form shows what is published again."))
            return HttpResponseRedirect(_rule_address(rule))
        context = {
            **self._page(request, rule, _("Discard the changes")),
            "before": describe_version(live) if live else "",
            "after": describe_rule(rule),
            "changes": self.changes(rule) if live else [],
            "discard": True,
        }
        return render(request, "admin/points/earnrule/publish.html", context)

    def _page(self, request: HttpRequest, rule: EarnRule, title: Any) -> dict[str, Any]:
        return {
            **self.admin_site.each_context(request),
            "title": title,
            "original": rule,
            "opts": self.opts,
            "rule": rule,
            "back": _rule_address(rule),
            "media": self.media,
        }


def _with_words() -> QuerySet[EarnRule]:
    """Return rules with what their sentences name."""
    return EarnRule.objects.select_related("wallet", "segment")


def field_label(name: str) -> Any:
    """Return what the form calls a part of a definition."""
    labels = {"store_ids": _("stores"), "bands": _("bands"), "caps": _("limits")}
    if name in labels:
        return labels[name]
    field: Any = EarnRule._meta.get_field(name.removesuffix("_id"))
    return field.verbose_name


def _rule_address(rule: EarnRule) -> str:
    return reverse("admin:points_earnrule_change", args=[rule.pk])


def page_address(page: str, rule_id: int | str) -> str:
    return reverse(f"admin:points_earnrule_{page}", args=[rule_id])


def _problem(rule: EarnRule) -> str:
    """Say why a draft cannot be published; empty when it can."""
    try:
        check_definition(draft_definition(rule), rule.wallet)
    except DomainError as error:
        return str(error.message)
    return ""
