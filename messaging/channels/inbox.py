"""The member's own page: a message is there as soon as its row says so."""

from __future__ import annotations

from messaging.channels.answers import Answer, Fault, Kind, Outcome
from messaging.channels.base import Parcel, Sender
from messaging.models import Channel


class InboxSender(Sender):
    channels = (Channel.INBOX.value,)

    def __init__(self, *, connections: int) -> None:
        pass

    def close(self) -> None:
        pass

    def send(self, parcel: Parcel) -> Answer:
        return Answer(Outcome.ACCEPTED)

    def explain(self, parcel: Parcel, answer: Answer) -> Fault:
        return Fault(answer.code, Kind.PAYLOAD, "nothing refuses here")
