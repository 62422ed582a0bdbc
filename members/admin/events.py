"""One line of a member's timeline."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any


@dataclass(frozen=True, slots=True)
class Event:
    """What happened when, with a sign before it and points or money behind it."""

    at: datetime
    icon: str
    title: Any
    detail: Any = ""
    amount: Any = ""
