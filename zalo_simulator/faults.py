"""Faults on request, deterministic for a seed and an order of requests."""

import hashlib
import random
import threading
from dataclasses import asdict, dataclass, field, fields
from typing import Any

KINDS = ("error", "http_500", "timeout", "slow", "reset", "html")
SENDS = "send"
EVERY_CALL = "all"

# After a timeout and a slow reply the message is on its way; after the others it is not,
# unless the rule says `accept`.
_ACCEPTING = ("timeout", "slow")
_SECONDS = {"timeout": 30.0, "slow": 2.0}


@dataclass(frozen=True)
class Fault:
    """One rule. Without `percent` and `next` it always applies.

    `to` is a phone (84…), a user id or "all". `calls` is "send", "all" or one path.
    `channel` narrows sends to "phone", "uid" or "sms". `stable` picks by recipient, not by
    chance, so that the same person always fails. `accept` says whether the message is taken
    before the fault shows.
    """

    kind: str
    percent: float | None = None
    next: int | None = None
    to: str = "all"
    calls: str = SENDS
    channel: str = ""
    code: int = -100
    message: str = ""
    seconds: float | None = None
    accept: bool | None = None
    stable: bool = False
    seed: int = 1

    @property
    def accepts(self) -> bool:
        return self.kind in _ACCEPTING if self.accept is None else self.accept

    @property
    def delay(self) -> float:
        return _SECONDS.get(self.kind, 0.0) if self.seconds is None else self.seconds


@dataclass
class _Rule:
    number: int
    fault: Fault
    chance: random.Random
    left: int | None
    hits: int = 0

    @property
    def is_spent(self) -> bool:
        return self.left is not None and self.left <= 0


@dataclass(frozen=True)
class Call:
    """What a rule can look at; `channel` is empty for calls that send nothing."""

    path: str
    recipient: str = ""
    channel: str = ""


@dataclass
class Faults:
    _rules: list[_Rule] = field(default_factory=list)
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _last_number: int = 0

    def add(self, kind: str, **settings: Any) -> int:
        """Add a rule (see `Fault`), return its number; raises ValueError for nonsense."""
        fault = fault_from_json({"kind": kind, **settings})
        with self._lock:
            self._last_number += 1
            rule = _Rule(self._last_number, fault, random.Random(fault.seed), fault.next)
            self._rules.append(rule)
            return rule.number

    def clear(self) -> None:
        with self._lock:
            self._rules.clear()

    def remove(self, number: int) -> None:
        with self._lock:
            self._rules = [rule for rule in self._rules if rule.number != number]

    def listed(self) -> list[dict[str, Any]]:
        with self._lock:
            return [_described(rule) for rule in self._rules]

    def is_empty(self) -> bool:
        return not self._rules

    def pick(self, call: Call, *, errors: bool) -> Fault | None:
        """Return the first rule that strikes; error codes are asked for separately."""
        with self._lock:
            for rule in self._rules:
                if (rule.fault.kind == "error") == errors and _strikes(rule, call):
                    return rule.fault
        return None


def fault_from_json(values: dict[str, Any]) -> Fault:
    unknown = set(values) - {known.name for known in fields(Fault)}
    if unknown:
        raise ValueError(f"Unknown setting: {', '.join(sorted(unknown))}")
    if values.get("kind") not in KINDS:
        raise ValueError(f"kind must be one of {', '.join(KINDS)}")
    fault = Fault(**values)
    numbers = (fault.percent, fault.next, fault.seconds, fault.code, fault.seed)
    if not all(value is None or isinstance(value, int | float) for value in numbers):
        raise ValueError("percent, next, seconds, code and seed are numbers")
    return fault


def _described(rule: _Rule) -> dict[str, Any]:
    return {"number": rule.number, "hits": rule.hits, "left": rule.left} | asdict(
        rule.fault
    )


def _strikes(rule: _Rule, call: Call) -> bool:
    if rule.is_spent or not _concerns(rule.fault, call) or not _by_chance(rule, call):
        return False
    rule.hits += 1
    if rule.left is not None:
        rule.left -= 1
    return True


def _concerns(fault: Fault, call: Call) -> bool:
    if fault.calls == SENDS and not call.channel:
        return False
    if fault.calls not in (SENDS, EVERY_CALL, call.path):
        return False
    if fault.channel and fault.channel != call.channel:
        return False
    return fault.to in ("all", call.recipient)


def _by_chance(rule: _Rule, call: Call) -> bool:
    percent = rule.fault.percent
    if percent is None:
        return True
    if rule.fault.stable:
        return _share_of(call.recipient, rule.fault.seed) < percent
    return rule.chance.random() * 100 < percent


def _share_of(recipient: str, seed: int) -> float:
    digest = hashlib.sha256(f"{seed}:{recipient}".encode()).digest()
    return int.from_bytes(digest[:4], "big") / 2**32 * 100
