"""What happens to members, told by the apps that know it to the apps that wait for it.

An app registers the kinds it can tell and announces each one inside the transaction that
made it true; an app above listens. Nobody below knows who listens.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from django.utils.functional import Promise

Text = str | Promise
Listener = Callable[[Sequence["Happened"]], None]


@dataclass(frozen=True, slots=True)
class Happened:
    """One event of one member; the kind and ``reference`` together name it for good.

    ``names`` are the numbers under which those outside know it.
    """

    kind: str
    member_id: int
    reference: str
    at: datetime
    names: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class HappeningKind:
    """Something that can happen, as staff choose it from a list."""

    code: str
    label: Text
    group: Text


KindSource = Callable[[], Iterable[HappeningKind]]

_sources: list[KindSource] = []
_listeners: list[Listener] = []


def register_happenings(source: KindSource) -> None:
    """Offer kinds; asked anew each time, since some come from tables that staff fill."""
    if source not in _sources:
        _sources.append(source)


def register_listener(listener: Listener) -> None:
    if listener not in _listeners:
        _listeners.append(listener)


def happening_kinds() -> dict[str, HappeningKind]:
    """Return everything that can happen, by code, in the order of the apps."""
    return {kind.code: kind for source in _sources for kind in source()}


def announce(happened: Sequence[Happened]) -> None:
    """Tell those who listen; part of the transaction that made it true."""
    if happened:
        for listener in _listeners:
            listener(happened)
