"""Donations: the row of what was given is the promise; the report adds them up by cause."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime

from core.errors import DomainError
from rewards.giving import Gift, Kind
from rewards.models import Benefit, GivenBenefit


def _give(
    benefit: Benefit, gifts: Sequence[Gift], at: datetime
) -> Mapping[int, DomainError]:
    return {}


def _take_back(given: GivenBenefit, at: datetime, actor: str) -> None:
    """Nothing to undo: what was taken back is not counted."""


DONATION = Kind(Benefit.Kind.DONATION.value, _give, _take_back)
