"""How a message looks on a phone: the same picture on every page that shows one."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from messaging.models import ZALO_CHANNELS, Message, MessageTemplate
from messaging.texts import PLACE, shown_letter


@dataclass(frozen=True, slots=True)
class Phone:
    """What stands on the screen; ``error`` says why there is nothing to show."""

    title: str = ""
    paragraphs: list[str] = field(default_factory=list)
    button: str = ""
    error: str = ""
    # Of an SMS: how many parts the gateway bills.
    parts: int = 0


def phone_of(preview: dict[str, Any]) -> Phone:
    """Return the picture of a preview."""
    return Phone(
        preview["title"],
        preview["paragraphs"],
        preview["button"],
        parts=preview.get("parts", 0),
    )


def phone_of_message(message: Message) -> Phone | None:
    """Return the picture of what was really sent; None when nothing was."""
    if not message.payload:
        return None
    if message.channel not in ZALO_CHANNELS:
        return phone_of(shown_letter(message.payload))
    template: MessageTemplate = message.template
    lines = [line.strip() for line in template.body.splitlines() if line.strip()]
    shown = [
        PLACE.sub(lambda place: str(message.payload.get(place[1], place[0])), line)
        for line in lines
    ]
    return Phone(shown[0] if shown else "", shown[1:], template.button_title)
