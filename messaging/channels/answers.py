"""How a provider's answer is told to the outbox, whatever the channel.

The caller must know three things apart: the provider said no (it was not sent), we never
reached it (it was not sent), and anything else (it may have been sent).

A  refresh the access token and try once more      Q  quota: later
H  a person must act; the channel stops            N  night: at the next opening
R  transient: try again with a growing pause       P  never on this channel for this person
D  the template is at fault; it stops              X  never with this content
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any


class Outcome(StrEnum):
    ACCEPTED = "accepted"
    REFUSED = "refused"
    # Nothing left this machine.
    NOT_SENT = "not_sent"
    # The request may have had its effect.
    AMBIGUOUS = "ambiguous"


@dataclass(frozen=True, slots=True)
class Answer:
    """How a call ended; ``code`` is the provider's error, ``data`` the body's ``data``."""

    outcome: Outcome
    code: int = 0
    data: Mapping[str, Any] | None = None

    @property
    def provider_id(self) -> str:
        data = self.data or {}
        return str(data.get("message_id") or data.get("msg_id") or "")[:60]


class Kind(StrEnum):
    TOKEN = "A"
    HUMAN = "H"
    RETRY = "R"
    QUOTA = "Q"
    NIGHT = "N"
    PERSON = "P"
    TEMPLATE = "D"
    PAYLOAD = "X"


class Note(StrEnum):
    """What else an error tells us about the person, the address or the account."""

    NONE = ""
    WHOLE_ACCOUNT = "whole_account"  # not this message's fault: the whole channel waits
    BAD_ADDRESS = "bad_address"
    NOT_FOLLOWING = "not_following"
    REFUSES_KIND = "refuses_kind"
    REFUSES_CHANNEL = "refuses_channel"
    NOT_BY_UID = "not_by_uid"


@dataclass(frozen=True, slots=True)
class Fault:
    """One error of a provider, and what it means for us."""

    code: int
    kind: Kind
    meaning: str
    note: Note = Note.NONE


A, H, R, Q, N, P, D, X = (Kind(letter) for letter in "AHRQNPDX")


def fault_table(
    *rows: tuple[int, Kind, str] | tuple[int, Kind, str, Note],
) -> dict[int, Fault]:
    return {row[0]: Fault(*row) for row in rows}
