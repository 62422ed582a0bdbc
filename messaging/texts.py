"""Texts: staff write them, members' data fills them in, and nothing in either is run.

A place of an approved template holds a small Liquid text. Its environment knows plain
values only: no objects, no loops, no other templates, a handful of filters.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import lru_cache
from typing import Any

from django.utils.translation import gettext as _
from liquid import BoundTemplate, Environment, StrictUndefined
from liquid.exceptions import LiquidError

from members.models import Member
from messaging.errors import InvalidTemplate
from messaging.fields import FIELDS, SAMPLES, field_values
from messaging.links import member_link
from messaging.models import Message, MessageTemplate, TemplateParameter

TAGS = frozenset({"if", "unless", "case", "output", "content", "illegal"})
# None of them can make a short text grow beyond bounds.
FILTERS = frozenset(
    {
        "append",
        "capitalize",
        "default",
        "downcase",
        "prepend",
        "strip",
        "truncate",
        "truncatewords",
        "upcase",
    }
)
# People's names are the only texts that may be cut: everything else would become false.
NAME_FIELDS = frozenset({"name", "first_name"})
PLACE = re.compile(r"<([A-Za-z0-9_-]+)>")
_WHITESPACE = re.compile(r"\s+")


class _Environment(Environment):
    loop_iteration_limit = 100
    output_stream_limit = 4000
    local_namespace_limit = 4000


def _environment() -> _Environment:
    environment = _Environment(undefined=StrictUndefined, strict_filters=True)
    for tag in set(environment.tags) - TAGS:
        del environment.tags[tag]
    for name in set(environment.filters) - FILTERS:
        del environment.filters[name]
    return environment


ENVIRONMENT = _environment()


@dataclass(frozen=True, slots=True)
class _Text:
    """One parsed text and the fields it speaks of."""

    parsed: BoundTemplate
    names: frozenset[str]
    paths: frozenset[str]
    filters: frozenset[str]


@dataclass(slots=True)
class Filled:
    """The places of one message filled in, or why that was impossible."""

    data: dict[str, str] = field(default_factory=dict)
    problem: str = ""
    detail: str = ""


@lru_cache(maxsize=2048)
def _parse(text: str) -> _Text:
    parsed = ENVIRONMENT.from_string(text)
    found = parsed.analyze()
    uses = {str(use) for uses in found.variables.values() for use in uses}
    names, filters = frozenset(found.variables), frozenset(found.filters)
    return _Text(parsed, names, frozenset(uses), filters)


def validate_template(
    template: MessageTemplate, parameters: Sequence[TemplateParameter]
) -> None:
    """Refuse a template that could not be filled in when a message is sent."""
    places = set(PLACE.findall(template.body))
    names = {parameter.name for parameter in parameters}
    if missing := sorted(places - names):
        raise InvalidTemplate(
            _("The text has the place <%(place)s>. Say below what goes into it.")
            % {"place": missing[0]}
        )
    if template.button_parameter and template.button_parameter not in names:
        raise InvalidTemplate(
            _("The button's link is in the place “%(place)s”. Add that place below.")
            % {"place": template.button_parameter}
        )
    if template.purpose == MessageTemplate.Purpose.ONE_TIME_CODE and template.sends_by_uid:
        raise InvalidTemplate(
            _("One-time codes go by phone only. Switch off sending by user id.")
        )
    for parameter in parameters:
        _validate_text(parameter)


def _validate_text(parameter: TemplateParameter) -> None:
    place = parameter.name
    try:
        text = _parse(parameter.value)
        unknown = sorted(text.paths - set(FIELDS))
        sample = "" if unknown else _clean(text.parsed.render(**dict.fromkeys(FIELDS, "")))
    except LiquidError as error:
        raise InvalidTemplate(
            _("The text of “%(place)s” cannot be read: %(problem)s.")
            % {"place": place, "problem": str(error.message).rstrip(".")}
        ) from None
    except RecursionError:
        raise InvalidTemplate(
            _("The text of “%(place)s” is too complicated.") % {"place": place}
        ) from None
    if unknown:
        raise InvalidTemplate(
            _("“%(field)s” is no field. You can use: %(fields)s.")
            % {"field": unknown[0], "fields": ", ".join(sorted(FIELDS))}
        )
    if wrong := sorted(text.filters - FILTERS):
        raise InvalidTemplate(
            _("“%(filter)s” is no filter. You can use: %(filters)s.")
            % {"filter": wrong[0], "filters": ", ".join(sorted(FILTERS))}
        )
    if len(sample) > parameter.max_length:
        raise InvalidTemplate(
            _(
                "The text of “%(place)s” has %(length)s letters before anything is "
                "filled in; Zalo allows %(limit)s."
            )
            % {"place": place, "length": len(sample), "limit": parameter.max_length}
        )


def fill_in(messages: Sequence[Message], at: datetime) -> dict[int, Filled]:
    """Fill in the places of many messages; the number of queries does not depend on it.

    Each message comes with its template, and that with its parameters.
    """
    names: set[str] = set()
    for template in {
        message.template_id: message.template for message in messages
    }.values():
        names |= _names(template)
    member_ids = sorted({m.member_id for m in messages if m.member_id is not None})
    values = field_values(member_ids, names, at)
    return {
        message.pk: _fill_one(
            message.template, _namespace(message, values.get(message.member_id or 0, {}))
        )
        for message in messages
    }


def preview_message(
    template: MessageTemplate,
    member: Member | None,
    at: datetime,
    offer: str = "",
    context: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
    """Return what a phone would show: title, paragraphs, button and link.

    Without a member the fields show samples.
    """
    values = dict(SAMPLES)
    if member is not None:
        values |= field_values([member.pk], _names(template), at)[member.pk]
    values |= {name: str(value) for name, value in (context or {}).items()}
    if offer:
        values["offer"] = offer
    filled = _fill_one(template, dict.fromkeys(FIELDS, "") | values)
    if filled.problem:
        raise InvalidTemplate(filled.detail or _("The text is too long for its place."))
    lines = [line.strip() for line in template.body.splitlines()]
    shown = [_put_in(line, filled.data) for line in lines if line]
    return {
        "title": shown[0] if shown else "",
        "paragraphs": shown[1:],
        "button": template.button_title,
        "link": filled.data.get(template.button_parameter, ""),
    }


def _names(template: MessageTemplate) -> frozenset[str]:
    names: frozenset[str] = frozenset()
    for parameter in template.parameters.all():
        try:
            names |= _parse(parameter.value).names
        except (LiquidError, RecursionError):
            continue  # filling in will say so
    return names


def _namespace(message: Message, member_values: Mapping[str, str]) -> dict[str, str]:
    """Lay what the planner knew over what is read now; a name without a value is empty."""
    context = {name: str(value) for name, value in message.context.items()}
    own = {"link": member_link(message.pk)}
    return dict.fromkeys(FIELDS, "") | dict(member_values) | own | context


def _fill_one(template: MessageTemplate, namespace: Mapping[str, str]) -> Filled:
    filled = Filled()
    for parameter in template.parameters.all():
        try:
            text = _parse(parameter.value)
            value = _clean(text.parsed.render(**namespace))
        except (LiquidError, RecursionError) as error:
            detail = str(getattr(error, "message", error))
            return Filled(problem="template_broken", detail=detail)
        if len(value) > parameter.max_length and text.names & NAME_FIELDS:
            value = value[: parameter.max_length - 1].rstrip() + "…"
        if len(value) > parameter.max_length:
            return Filled(
                problem="text_too_long",
                detail=_("The text of “%(place)s” is too long for Zalo.")
                % {"place": parameter.name},
            )
        filled.data[parameter.name] = value
    return filled


def _clean(text: str) -> str:
    """Write letters as Zalo counts them (NFC), on one line, without control characters."""
    composed = unicodedata.normalize("NFC", _WHITESPACE.sub(" ", text))
    return "".join(c for c in composed if unicodedata.category(c)[0] != "C").strip()


def _put_in(line: str, data: Mapping[str, str]) -> str:
    """Fill in a line once: what a value contains is never looked at again."""
    return PLACE.sub(lambda place: data.get(place[1], place[0]), line)
