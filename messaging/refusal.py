"""Refusing offers by the link that every advertisement carries."""

from __future__ import annotations

from datetime import datetime

from members.merged import kept_member
from members.models import Consent
from members.services import set_consent
from messaging.models import Message

SOURCE = "opt_out_link"


def refuse_offers(*, message_id: int, at: datetime) -> Message | None:
    """Let no more offers go by the channel of this message; return the message.

    Safe to repeat. A test names no member, so it changes nothing.
    """
    message = Message.objects.select_related("member").filter(pk=message_id).first()
    if message is None or message.member is None:
        return message
    set_consent(
        member_ids=[kept_member(message.member).pk],
        purpose=Consent.Purpose.MARKETING,
        channel=message.channel,
        is_given=False,
        source=SOURCE,
        at=at,
    )
    return message
