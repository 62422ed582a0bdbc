"""What one pass of a campaign came to."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field, fields
from typing import Any


@dataclass(slots=True)
class Counts:
    """The numbers of a run; the same for a dry run as for the run that follows it."""

    entered: int = 0
    left: int = 0
    tagged: int = 0
    untagged: int = 0
    messages: int = 0
    by_channel: Counter[str] = field(default_factory=Counter)
    given: int = 0
    held_out: int = 0
    advanced: int = 0
    finished: int = 0
    skipped_reasons: Counter[str] = field(default_factory=Counter)

    def add(self, other: Counts) -> None:
        """Add what one more chunk came to, once it is committed."""
        for one in fields(self):
            mine, theirs = getattr(self, one.name), getattr(other, one.name)
            setattr(self, one.name, mine + theirs)

    def expect(self, number: int) -> None:
        """Hear how many members are about to be taken in; a run tells those who wait."""

    def as_json(self) -> dict[str, Any]:
        return {
            "entered": self.entered,
            "left": self.left,
            "tagged": self.tagged,
            "untagged": self.untagged,
            "messages": self.messages,
            "by_channel": dict(sorted(self.by_channel.items())),
            "given": self.given,
            "held_out": self.held_out,
            "advanced": self.advanced,
            "finished": self.finished,
            "skipped": self.skipped_reasons.total(),
            "skipped_reasons": dict(sorted(self.skipped_reasons.items())),
        }
