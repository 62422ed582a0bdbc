"""The editor of conditions: rows of field, question and value; nobody meets the JSON."""

from __future__ import annotations

import json
from datetime import datetime
from typing import Any

from django import forms
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, JsonResponse
from django.template.loader import render_to_string
from django.urls import reverse
from django.utils import timezone
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.http import require_POST

from core.admin_tools import number
from core.errors import DomainError
from members.models import Member
from members.segments import (
    FIELDS,
    Also,
    Field,
    Operator,
    describe_conditions,
    explain_members,
    validate_conditions,
)
from members.segments.counting import Counted, count_now
from members.segments.registry import MAX_NUMBER, Choices
from members.segments.tree import MAX_DEPTH

SAMPLE = 5


class ConditionsWidget(forms.Widget):
    """Edits a tree of conditions; its value travels in a hidden field."""

    template_name = "admin/widgets/conditions.html"

    def __init__(self, *, with_days: bool = False) -> None:
        super().__init__()
        self.with_days = with_days

    class Media:
        js = ("js/admin/conditions.js",)

    def get_context(self, name: str, value: Any, attrs: Any) -> dict[str, Any]:
        context: dict[str, Any] = super().get_context(name, value, attrs)
        known = _Known()
        context["config"] = {
            "fields": [_field_config(field, known) for field in FIELDS.values()],
            "maxDepth": MAX_DEPTH,
            "words": _words(),
            "withDays": self.with_days,
            "countUrl": reverse("admin:members_segment_count"),
        }
        return context

    def render(
        self, name: str, value: Any, attrs: Any = None, renderer: Any = None
    ) -> SafeString:
        # Forms look for widgets' templates inside apps only; ours stands with the others.
        context = self.get_context(name, value, attrs)
        return render_to_string(self.template_name, context)

    def format_value(self, value: Any) -> str:
        if isinstance(value, str):
            return value
        return json.dumps(value or {"all": []}, ensure_ascii=False)


class ConditionsField(forms.Field):
    """A tree of conditions that can really be asked."""

    def __init__(self, *, with_days: bool = False, **kwargs: Any) -> None:
        self.with_days = with_days
        super().__init__(widget=ConditionsWidget(with_days=with_days), **kwargs)

    def clean(self, value: Any) -> Any:
        conditions = read_conditions(value)
        try:
            validate_conditions(conditions, None if self.with_days else {})
        except DomainError as error:
            raise forms.ValidationError(str(error)) from error
        return conditions

    def has_changed(self, initial: Any, data: Any) -> bool:
        try:
            return bool(initial != read_conditions(data))
        except forms.ValidationError:
            return True


def read_conditions(text: Any) -> Any:
    """Read what the editor sent."""
    try:
        return json.loads(text or "{}")
    except (TypeError, ValueError) as error:
        raise forms.ValidationError(
            _("The conditions did not arrive whole. Open the page again.")
        ) from error


@require_POST
def count_view(request: HttpRequest) -> JsonResponse:
    """Tell how many members meet the conditions in the editor now, and name some."""
    if not request.user.has_perm("members.view_member"):
        raise PermissionDenied
    try:
        conditions = read_conditions(request.POST.get("conditions"))
        parameters = _parameters(request.POST.get("days", ""))
        return JsonResponse(_answer(conditions, parameters, at=timezone.now()))
    except forms.ValidationError as error:
        return JsonResponse({"error": " ".join(error.messages)})
    except DomainError as error:
        return JsonResponse({"error": str(error)})


def _parameters(days: str) -> dict[str, int]:
    return {"days": int(days)} if days.isascii() and days.isdigit() else {}


def _answer(conditions: Any, parameters: dict[str, int], *, at: datetime) -> dict[str, Any]:
    validate_conditions(conditions, parameters)
    counted = count_now(conditions, at=at, newest=SAMPLE, parameters=parameters)
    members = Member.objects.filter(pk__in=counted.newest).order_by("-pk")
    why = explain_members(
        conditions, member_ids=counted.newest, at=at, parameters=parameters
    )
    return {
        "match": ngettext("member matches now", "members match now", counted.count),
        "sentence": describe_conditions(conditions, parameters),
        "count": _told(counted),
        "of": number(counted.of),
        "sample": [
            {
                "name": str(member),
                "why": why.get(member.pk, ""),
                "url": member.get_absolute_url(),
            }
            for member in members
        ],
    }


def _told(counted: Counted) -> str:
    """Write a count; of an estimate no more digits than it is worth."""
    if counted.is_exact:
        return number(counted.count)
    if not counted.count:
        # Of three times as many, a sample would nearly always have met one.
        return _("fewer than %(count)s") % {"count": number(round(3 * counted.step))}
    rounded = round(counted.count, 2 - len(str(counted.count)))
    return _("about %(count)s") % {"count": number(rounded)}


def _field_config(field: Field, known: _Known) -> dict[str, Any]:
    return {
        "code": field.code,
        "label": str(field.label),
        "group": str(field.group),
        "countsDays": "days" in field.code,
        "operators": [_operator_config(operator, known) for operator in field.operators],
    }


def _operator_config(operator: Operator, known: _Known) -> dict[str, Any]:
    return {
        "code": operator.code,
        "label": str(operator.label),
        "kind": operator.kind.value,
        "choices": known.told(operator.choices),
        "suggestions": known.told(operator.suggestions),
        "most": operator.most if operator.most < MAX_NUMBER else None,
        "also": _also_config(operator.also, known) if operator.also else None,
    }


def _also_config(also: Also, known: _Known) -> dict[str, Any]:
    choices = known.told(also.choices)
    return {
        "code": also.code,
        "label": str(also.label),
        "kind": also.kind.value,
        "choices": choices,
        "first": choices[0][0] if choices else also.first,
        "before": str(also.before),
        "after": str(also.after),
        "countsDays": also.code == "days",
    }


class _Known:
    """The choices of one page, each asked for once: fields share them among questions."""

    def __init__(self) -> None:
        self._told: dict[Choices, list[list[str]]] = {}

    def told(self, choices: Choices | None) -> list[list[str]]:
        if choices is None:
            return []
        if choices not in self._told:
            self._told[choices] = [[code, str(label)] for code, label in choices()]
        return self._told[choices]


def _words() -> dict[str, str]:
    return {
        "matchAll": _("all of these hold"),
        "matchAny": _("at least one of these holds"),
        "members": _("Members for whom"),
        "groupOf": _("Group:"),
        "not": _("not"),
        "notHelp": _("Turn this condition into its opposite"),
        "add": _("Add a condition"),
        "addGroup": _("Add a group"),
        "remove": _("Remove"),
        "and": _("and"),
        "or": _("or"),
        "fixed": _("this many:"),
        "days": _("X days of this campaign"),
        "field": _("What"),
        "question": _("How"),
        "value": _("Value"),
        "choose": _("choose…"),
        "emptyAll": _("No condition yet: everyone in the programme is chosen."),
        "emptyAny": _("No condition yet: nobody is chosen."),
        "counting": _("Counting…"),
        "membersWho": _("Members who"),
        "of": _("of"),
        "failed": _("The count did not arrive. Check your connection."),
        "forExample": _("For example"),
        "search": _("Search what to ask about"),
        "nothingFound": _("Nothing is called like that."),
        "wrap": _("Put into a group of its own"),
        "unwrap": _("Dissolve this group"),
        "noChoice": _("There is nothing to choose yet."),
    }
