"""A line on the terminal that says how far a long job is."""

import sys
import time
from types import TracebackType
from typing import TextIO

from core.money import group_digits

EVERY_SECONDS = 0.2


class Progress:
    """Write one line over itself on stderr; quiet when nobody watches."""

    def __init__(
        self, label: str, *, quiet: bool = False, stream: TextIO | None = None
    ) -> None:
        self.label = label
        self.stream = stream or sys.stderr
        self.is_shown = not quiet and self.stream.isatty()
        self.started = time.monotonic()
        self._written = 0.0

    def __enter__(self) -> "Progress":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self.is_shown and self._written:
            self.stream.write("\n")
            self.stream.flush()

    def update(self, count: int, part: float | None = None) -> None:
        """Say that ``count`` rows are done, and which part (0 to 1) of the whole."""
        now = time.monotonic()
        if not self.is_shown or now - self._written < EVERY_SECONDS:
            return
        self._written = now
        rate = int(count / max(now - self.started, 0.001))
        percent = "" if part is None else f"{min(part, 1):6.1%} · "
        self.stream.write(
            f"\r{self.label}: {percent}{group_digits(count)} · {group_digits(rate)}/s\x1b[K"
        )
        self.stream.flush()
