"""Proving that a member stands there: a code goes to their phone and comes back.

The app that sends codes says here how, when it starts; whoever needs a proof asks here and
need not know that app.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from members.models import Member


@dataclass(frozen=True, slots=True)
class Prover:
    """How a code is sent and checked; it opens nothing but what it was bound to.

    ``send`` gets the member, what the code is bound to, the asking address and the time,
    and returns the phone as it may be shown. ``check`` gets the member, what it was bound
    to, what was typed and the time. Both raise DomainError with what to do.
    """

    send: Callable[[Member, str, str | None, datetime], str]
    check: Callable[[Member, str, str, datetime], None]


PROVERS: dict[str, Prover] = {}
BY_CODE = "code"


def register_prover(prover: Prover) -> None:
    """Let an app prove members by a code; again replaces it."""
    PROVERS[BY_CODE] = prover


def send_proof(member: Member, *, bound_to: str, ip: str | None, at: datetime) -> str:
    """Send a code to a member's phone; returns the phone as it may be shown."""
    return PROVERS[BY_CODE].send(member, bound_to, ip, at)


def check_proof(member: Member, *, bound_to: str, code: str, at: datetime) -> None:
    """Accept a code once, or refuse it."""
    PROVERS[BY_CODE].check(member, bound_to, code, at)
