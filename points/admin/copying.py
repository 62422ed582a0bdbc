"""New rules from old ones: the page of templates, and the copy of a rule."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import get_object_or_404, render
from django.urls import path, reverse
from django.utils.translation import gettext, ngettext
from django.utils.translation import gettext_lazy as _
from unfold.decorators import action

from core.admin_tools import programme_of
from core.errors import NotFound
from points.amounts import Unit
from points.errors import NoWallet
from points.models import EarnRule
from points.presets import (
    MAX_NAME,
    PRESETS,
    copy_name,
    copy_rule,
    create_from_preset,
    preset_sentences,
)
from points.queries import points_wallet
from points.rules import describe_rule


class CopyingMixin:
    """The pages and buttons with which a draft begins as something that works."""

    admin_site: Any
    opts: Any
    media: Any
    log_addition: Any
    has_add_permission: Any

    def copying_urls(self) -> list[Any]:
        wrap = self.admin_site.admin_view
        return [
            path("templates/", wrap(self.presets_view), name="points_earnrule_presets"),
            path("<int:rule_id>/copy/", wrap(self.copy_view), name="points_earnrule_copy"),
        ]

    def has_copy_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return bool(self.has_add_permission(request))

    @action(
        description=_("From a template"),
        icon="library_add",
        permissions=["copy"],
        url_path="to-templates",
    )
    def presets_page(self, request: HttpRequest) -> HttpResponse:
        return HttpResponseRedirect(reverse("admin:points_earnrule_presets"))

    @action(
        description=_("Copy"),
        icon="content_copy",
        permissions=["copy"],
        url_path="to-copy",
    )
    def copy_page(self, request: HttpRequest, object_id: str) -> HttpResponse:
        return HttpResponseRedirect(reverse("admin:points_earnrule_copy", args=[object_id]))

    def presets_view(self, request: HttpRequest) -> HttpResponse:
        """Show what there is to begin with; a chosen one becomes a draft."""
        self._check_copy(request)
        if request.method == "POST":
            return self._create(request, request.POST.get("preset", ""))
        programme, wallet = programme_of(request), points_wallet()
        unit = Unit.of(wallet, programme) if wallet else Unit(programme.unit_name)
        cards = [
            {"preset": preset, "sentences": preset_sentences(preset, programme, unit)}
            for preset in PRESETS
        ]
        context = {"cards": cards, "has_wallet": wallet is not None}
        return self._render(
            request, "presets", gettext("Earn rules to begin with"), context
        )

    def _create(self, request: HttpRequest, key: str) -> HttpResponse:
        try:
            made = create_from_preset(key)
        except NoWallet as error:
            messages.error(request, str(error.message))
            return HttpResponseRedirect(reverse("admin:points_earnrule_presets"))
        except NotFound as error:
            raise Http404(error.message) from error
        for rule in made:
            self.log_addition(request, rule, f"From the template {key}.")
        messages.success(
            request,
            ngettext(
                "A draft was made. Read it, change it, publish it.",
                "%(count)s drafts were made: this one, and others in the list. Read them, "
                "change them, publish them.",
                len(made),
            )
            % {"count": len(made)},
        )
        return HttpResponseRedirect(_change_address(made[0]))

    def copy_view(self, request: HttpRequest, rule_id: int) -> HttpResponse:
        """Ask for the name of the copy, then make it."""
        self._check_copy(request)
        rule = get_object_or_404(
            EarnRule.objects.select_related("wallet", "segment"), pk=rule_id
        )
        if request.method == "POST":
            copy = copy_rule(rule, name=request.POST.get("name", ""))
            self.log_addition(request, copy, f"Copy of {rule.code}.")
            messages.success(
                request, gettext("The copy is a draft: it gives no points until published.")
            )
            return HttpResponseRedirect(_change_address(copy))
        context = {
            "rule": rule,
            "name": copy_name(rule),
            "longest": MAX_NAME,
            "sentence": describe_rule(rule, programme_of(request)),
            "back": _change_address(rule),
        }
        return self._render(request, "copy", gettext("Copy this rule"), context)

    def _check_copy(self, request: HttpRequest) -> None:
        if not self.has_copy_permission(request):
            raise PermissionDenied

    def _render(
        self, request: HttpRequest, template: str, title: str, context: dict[str, Any]
    ) -> HttpResponse:
        frame = {
            **self.admin_site.each_context(request),
            "title": title,
            "opts": self.opts,
            "original": context.get("rule"),
            "media": self.media,
        }
        name = f"admin/points/earnrule/{template}.html"
        return render(request, name, {**frame, **context})


def _change_address(rule: EarnRule) -> str:
    return reverse("admin:points_earnrule_change", args=[rule.pk])
