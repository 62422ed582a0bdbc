"""What every channel knows: how to send a parcel, what an answer means, how to pause."""

from __future__ import annotations

from abc import ABC, abstractmethod
from concurrent.futures import Future
from dataclasses import dataclass
from datetime import datetime

from messaging.channels.answers import Answer, Fault
from messaging.models import Message, SendingChannel


@dataclass(slots=True)
class Parcel:
    """A message ready to go: where to, with what, at what price, by which token."""

    message: Message
    address: str
    data: dict[str, str]
    cost: int = 0
    token: str = ""
    is_second_try: bool = False


class Sender(ABC):
    """A relay's hold on the channels of one provider, for the length of a run.

    Everything is called by the relay's own thread, which waits for no provider.
    """

    channels: tuple[str, ...]

    def open(self) -> str:
        """Say why nothing can go this way now; an empty text when it can."""
        return ""

    @abstractmethod
    def close(self) -> None:
        """Let connections go."""

    def make_ready(self, parcel: Parcel) -> str:
        """Get what the request needs, or say why this provider must be left alone."""
        return ""

    @abstractmethod
    def send(self, parcel: Parcel) -> Future[Answer]:
        """Begin to talk to the provider, without waiting and without the database."""

    @abstractmethod
    def explain(self, parcel: Parcel, answer: Answer) -> Fault:
        """Say what a refusal means."""

    def wants_again(self, parcel: Parcel, answer: Answer) -> bool:
        """Tell whether to send at once a second time, after making it ready for that."""
        return False

    def held(self, at: datetime) -> frozenset[str]:
        """Name the channels whose offers must wait, beside those whose row says so."""
        return frozenset()

    def hold(self, channel: str, until: datetime) -> None:
        """Let a channel rest: its quota is used up, or we were too fast."""
        SendingChannel.objects.filter(channel=channel).update(held_until=until)

    def stop(self, error: str) -> None:
        """Send nothing more until a person has looked."""
        ours = SendingChannel.objects.filter(channel__in=self.channels)
        ours.update(stopped_because=error[:300])


def tracking_id(message_id: int) -> str:
    """Return our name for a message, which providers' receipts repeat."""
    return f"m{message_id}"
