"""Every channel's sender; a new channel is a line here and a value of ``Channel``."""

from __future__ import annotations

from messaging.channels.base import Sender
from messaging.channels.email import EmailSender
from messaging.channels.inbox import InboxSender
from messaging.channels.sms import SmsSender
from messaging.channels.zalo import ZaloSender


def new_senders(*, connections: int) -> list[Sender]:
    """Make what one relay sends with, so many messages at once."""
    return [
        ZaloSender(connections=connections),
        SmsSender(connections=connections),
        EmailSender(),
        InboxSender(),
    ]
