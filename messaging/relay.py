"""One process' way of emptying the outbox."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime


@dataclass
class Dispatched:
    """What became of the messages that were due."""

    # How many messages ended this run in each state; "pending" ones wait for later.
    states: Counter[str] = field(default_factory=Counter)
    reasons: Counter[str] = field(default_factory=Counter)
    # Why nothing (more) could be sent: "", "not_connected", "grant_lost", "account_stopped".
    stopped: str = ""

    @property
    def total(self) -> int:
        return sum(self.states.values())


@dataclass
class Relay:
    at: datetime
    limit: int | None = None
    seconds: float | None = None
    on_progress: Callable[[int], None] | None = None

    def run(self) -> Dispatched:
        raise NotImplementedError
