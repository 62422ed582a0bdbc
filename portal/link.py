"""What a link from a message knows: whose it is. It opens nothing by itself."""

from __future__ import annotations

from members.models import Identifier
from messaging.links import read_link
from messaging.models import Message


def linked_member_id(message_id: int) -> int | None:
    """Return whom the message was written to."""
    return Message.objects.filter(pk=message_id).values_list("member_id", flat=True).first()


def linked_member_phone(token: str) -> str:
    """Return the phone (E.164) of the member a link was sent to, or an empty text."""
    message_id = read_link(token)
    if message_id is None:
        return ""
    phones = Identifier.objects.filter(
        kind=Identifier.Kind.PHONE, member__messages=message_id
    )
    return phones.order_by("pk").values_list("value", flat=True).first() or ""
