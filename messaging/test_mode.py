"""Test mode: nothing reaches a customer but who stands on a list.

The environment decides over the console, so that a copy of the real data on another
machine stays silent whatever its database says.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from django.conf import settings

from core.phones import InvalidPhone, normalise_phone
from messaging.models import SendingPolicy


@dataclass(frozen=True, slots=True)
class TestMode:
    """Whether it is on, and who still gets messages."""

    # pytest looks for tests by name.
    __test__ = False

    is_on: bool
    addresses: frozenset[str]

    def lets_pass(self, address: str) -> bool:
        return not self.is_on or _written(address) in self.addresses


def current_test_mode(policy: SendingPolicy) -> TestMode:
    """Return the test mode in force; the environment's word counts before the policy's."""
    told = settings.MESSAGES_TEST_MODE
    lines = [*policy.test_addresses.splitlines(), *settings.MESSAGES_TEST_ADDRESSES]
    return TestMode(policy.test_mode if told is None else told, _all_written(lines))


def _all_written(lines: Iterable[str]) -> frozenset[str]:
    return frozenset(_written(line) for line in lines if line.strip())


def _written(address: str) -> str:
    """Write an address as messages name it: phones as +84…, the rest in small letters."""
    text = address.strip()
    if "@" in text:
        return text.lower()
    try:
        return normalise_phone(text)
    except InvalidPhone:
        return text
