"""How a template is edited: what of it decides who reads what, and how it is saved."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from django.utils.translation import gettext_lazy

from core.edits import Editable, Parts, register_editable
from messaging.models import Channel, MessageTemplate, TemplateParameter
from messaging.texts import validate_template

PLACE_FIELDS = ("name", "value", "value_en", "max_length")


def _put(template: MessageTemplate, changed: Collection[str]) -> None:
    """Save what was approved, where its places can be filled in still."""
    validate_template(template, list(template.parameters.all()))
    template.save(update_fields=changed)


def _read_places(template: MessageTemplate) -> list[dict[str, Any]]:
    return list(template.parameters.order_by("pk").values(*PLACE_FIELDS))


def _put_places(template: MessageTemplate, places: list[dict[str, Any]]) -> None:
    template.parameters.exclude(name__in=[place["name"] for place in places]).delete()
    for place in places:
        TemplateParameter.objects.update_or_create(
            template=template, name=place["name"], defaults=place
        )


def _word_places(places: list[dict[str, Any]]) -> str:
    return ", ".join(
        f"{place['name']}: {' / '.join(filter(None, (place['value'], place['value_en'])))}"
        for place in places
    )


def _word_channels(channels: list[str]) -> str:
    labels = dict(Channel.choices)
    return ", ".join(str(labels.get(one, one)) for one in channels) or "–"


def register() -> None:
    """Let a second person decide about a text that something sends by itself."""
    register_editable(
        Editable(
            model=MessageTemplate,
            label=gettext_lazy("Change of a message template"),
            permission="messaging.change_messagetemplate",
            decides=(
                *("body", "body_en", "sms_text", "sms_text_en", "subject", "subject_en"),
                *("button_title", "button_title_en", "button_parameter"),
                *("purpose", "channels", "zalo_template_id", "sends_by_uid", "is_active"),
            ),
            put=_put,
            switch="is_active",
            left_out=("last_error",),
            words={"channels": _word_channels},
            parts=Parts(
                "places",
                gettext_lazy("places in the text"),
                _read_places,
                _put_places,
                _word_places,
            ),
        )
    )
