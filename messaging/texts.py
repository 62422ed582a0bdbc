"""Texts: staff write them, members' data fills them in, and nothing in either is run.

A place of a template holds a small Liquid text. Its environment knows plain
values only: no objects, no loops, no other templates, a handful of filters.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import lru_cache
from typing import Any

from django.conf import settings
from django.utils.translation import gettext as _
from django.utils.translation import override
from liquid import BoundTemplate, Environment, StrictUndefined
from liquid.exceptions import LiquidError

from members.models import Member
from messaging.channels.sms_text import num_parts, unaccented
from messaging.errors import InvalidTemplate
from messaging.fields import FIELDS, SAMPLES, field_values
from messaging.links import member_link, opt_out_link
from messaging.models import (
    ZALO_CHANNELS,
    Channel,
    Message,
    MessageTemplate,
    SendingPolicy,
    TemplateParameter,
)

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
VIETNAMESE, ENGLISH = Member.Language.VIETNAMESE.value, Member.Language.ENGLISH.value
# The label that Decree 91/2020 asks for at the beginning of every advertisement.
ADVERTISING = "[QC]"
_WHITESPACE = re.compile(r"\s+")
# Most places hold one field and nothing else.
_LONE_FIELD = re.compile(r"\{\{\s*([a-z_]+)\s*\}\}")


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
    # The field, where the text is nothing but that.
    lone_field: str

    def fill(self, namespace: Mapping[str, str]) -> str:
        """Write the text with these values. Raises LiquidError."""
        if self.lone_field in namespace:
            return namespace[self.lone_field]
        return self.parsed.render(**namespace)


@dataclass(slots=True)
class Filled:
    """The places of one message filled in, or why that was impossible."""

    data: dict[str, str] = field(default_factory=dict)
    problem: str = ""
    detail: str = ""
    # Of an SMS: how many the gateway bills.
    parts: int = 1


@lru_cache(maxsize=2048)
def _parse(text: str) -> _Text:
    parsed = ENVIRONMENT.from_string(text)
    found = parsed.analyze()
    uses = {str(use) for uses in found.variables.values() for use in uses}
    names, filters = frozenset(found.variables), frozenset(found.filters)
    lone = _LONE_FIELD.fullmatch(text.strip())
    return _Text(parsed, names, frozenset(uses), filters, lone[1] if lone else "")


def validate_template(
    template: MessageTemplate, parameters: Sequence[TemplateParameter]
) -> None:
    """Refuse a template that could not be filled in when a message is sent."""
    places = {place for text in _all_texts(template) for place in PLACE.findall(text)}
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
        for value in filter(None, (parameter.value, parameter.value_en)):
            _validate_text(parameter, value)
    if not template.zalo_template_id and set(ZALO_CHANNELS) & set(template.channels):
        raise InvalidTemplate(
            _("Zalo sends approved templates only. Give the number, or take Zalo out.")
        )


def _all_texts(template: MessageTemplate) -> tuple[str, ...]:
    return (
        template.body,
        template.body_en,
        template.sms_text,
        template.sms_text_en,
        template.subject,
        template.subject_en,
    )


def _validate_text(parameter: TemplateParameter, value: str) -> None:
    place = parameter.name
    try:
        text = _parse(value)
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
    templates = {message.template_id: message.template for message in messages}
    names = frozenset[str]().union(*map(names_in, templates.values()))
    places = {pk: list(one.parameters.all()) for pk, one in templates.items()}
    member_ids = sorted({m.member_id for m in messages if m.member_id is not None})
    values = field_values(member_ids, names, at)
    letters = [m for m in messages if m.channel not in ZALO_CHANNELS]
    languages = _languages(letters)
    policy = SendingPolicy.current() if letters else None
    filled: dict[int, Filled] = {}
    for message in messages:
        namespace = _namespace(message, values.get(message.member_id or 0, {}))
        language = languages.get(message.pk, VIETNAMESE)
        found = _fill_one(places[message.template_id], namespace, language)
        if policy is not None and message.channel not in ZALO_CHANNELS:
            found = write_letter(
                message.channel,
                message.template,
                found,
                language,
                policy=policy,
                refusal=opt_out_link(message.pk),
            )
        filled[message.pk] = found
    return filled


def _languages(messages: Sequence[Message]) -> dict[int, str]:
    """Return the language of each letter. One query where someone could read English."""
    in_two = [message for message in messages if message.template.body_en]
    ids = {m.member_id for m in in_two if m.member_id is not None}
    members = Member.objects.filter(pk__in=ids).values_list("pk", "language")
    spoken: dict[int | None, str] = dict(members) if ids else {}
    return {
        m.pk: str(m.context.get("language") or spoken.get(m.member_id, VIETNAMESE))
        for m in in_two
    }


def preview_message(
    template: MessageTemplate,
    member: Member | None,
    at: datetime,
    offer: str = "",
    context: Mapping[str, Any] | None = None,
    *,
    channel: str = Channel.ZALO_PHONE.value,
    language: str = "",
) -> dict[str, Any]:
    """Return what a phone would show: title, paragraphs, button and link.

    Without a member the fields show samples; the language is the member's own unless
    another is asked for. An SMS has one paragraph, and ``parts``.
    """
    language = language or (member.language if member else VIETNAMESE)
    values = dict(SAMPLES)
    if member is not None:
        values |= field_values([member.pk], names_in(template), at)[member.pk]
    values |= {name: str(value) for name, value in (context or {}).items()}
    if offer:
        values["offer"] = offer
    is_approved = channel in ZALO_CHANNELS
    spoken = VIETNAMESE if is_approved else language
    places = template.parameters.all()
    filled = _fill_one(places, dict.fromkeys(FIELDS, "") | values, spoken)
    if not filled.problem and not is_approved:
        filled = write_letter(
            channel,
            template,
            filled,
            language,
            policy=SendingPolicy.current(),
            refusal=f"{settings.PUBLIC_URL}/o/…",
        )
    if filled.problem:
        raise InvalidTemplate(filled.detail or _("The text is too long for its place."))
    if not is_approved:
        extra = {"parts": filled.parts} if channel == Channel.SMS else {}
        return shown_letter(filled.data) | extra
    shown = lines_of(template.body, filled.data)
    return {
        "title": shown[0] if shown else "",
        "paragraphs": shown[1:],
        "button": template.button_title,
        "link": filled.data.get(template.button_parameter, ""),
    }


def names_in(template: MessageTemplate) -> frozenset[str]:
    names: frozenset[str] = frozenset()
    for parameter in template.parameters.all():
        try:
            for value in filter(None, (parameter.value, parameter.value_en)):
                names |= _parse(value).names
        except (LiquidError, RecursionError):
            continue  # filling in will say so
    return names


def _namespace(message: Message, member_values: Mapping[str, str]) -> dict[str, str]:
    """Lay what the planner knew over what is read now; a name without a value is empty."""
    context = {name: str(value) for name, value in message.context.items()}
    own = {"link": member_link(message.pk)}
    return dict.fromkeys(FIELDS, "") | dict(member_values) | own | context


def _fill_one(
    places: Iterable[TemplateParameter], namespace: Mapping[str, str], language: str
) -> Filled:
    filled = Filled()
    for parameter in places:
        own = parameter.value_en if language == ENGLISH else ""
        try:
            text = _parse(own or parameter.value)
            value = _clean(text.fill(namespace))
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
    if composed.isprintable():
        return composed.strip()
    return "".join(c for c in composed if unicodedata.category(c)[0] != "C").strip()


def lines_of(text: str, data: Mapping[str, str]) -> list[str]:
    """Fill in a text line by line; empty lines are left out."""
    lines = [line.strip() for line in text.splitlines()]
    return [_put_in(line, data) for line in lines if line]


def _put_in(line: str, data: Mapping[str, str]) -> str:
    """Fill in a line once: what a value contains is never looked at again."""
    return PLACE.sub(lambda place: data.get(place[1], place[0]), line)


# --- Letters: what goes by SMS, by e-mail and to the inbox -------------------------------


def write_letter(
    channel: str,
    template: MessageTemplate,
    places: Filled,
    language: str,
    *,
    policy: SendingPolicy,
    refusal: str,
) -> Filled:
    """Write the whole text that a channel without approved templates sends.

    Decree 91/2020 wants advertising marked, and a way to refuse it in every message that
    comes to a phone or a mailbox.
    """
    if places.problem:
        return places
    is_english = language == ENGLISH and bool(template.body_en)
    spoken = ENGLISH if is_english else VIETNAMESE
    lines = lines_of(template.body_en if is_english else template.body, places.data)
    link = places.data.get(template.button_parameter, "")
    is_offer = template.purpose == MessageTemplate.Purpose.MARKETING
    if channel == Channel.SMS:
        own = (template.sms_text_en if is_english else "") or template.sms_text
        text = _clean(_put_in(own, places.data)) or " ".join([*lines, link]).strip()
        if is_offer:
            with override(spoken):
                refuse = _("To refuse: %(link)s") % {"link": refusal}
            text = f"{ADVERTISING} {text} {refuse}"
        text = text if policy.sms_is_unicode else unaccented(text)
        return Filled({"text": text}, parts=num_parts(text))
    own = (template.subject_en if is_english else "") or template.subject
    title = _clean(_put_in(own, places.data)) or (lines[0] if lines else "")
    button = (template.button_title_en if is_english else "") or template.button_title
    letter = {
        "title": title,
        "text": "\n".join(lines),
        "button": button,
        "link": link,
        "language": spoken,
    }
    if channel == Channel.EMAIL and is_offer:
        letter |= {"title": f"{ADVERTISING} {title}", "opt_out": refusal}
    return Filled(letter)


def shown_letter(data: Mapping[str, str]) -> dict[str, Any]:
    """Return what a letter shows: title, paragraphs, button and link."""
    lines = [line for line in data.get("text", "").split("\n") if line]
    title = data.get("title", "")
    # A title that is the first line is shown once.
    return {
        "title": title,
        "paragraphs": lines[1:] if lines[:1] == [title] else lines,
        "button": data.get("button", ""),
        "link": data.get("link", ""),
    }
