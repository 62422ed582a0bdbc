"""A member's tier as the member pages show it: all in words, nothing left to compute."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from core.colors import parse_hex, readable_under_white, to_hex
from core.models import Programme
from members.models import Member
from portal.tier_gifts import PerkLine, lines_of
from tiers.definition import Step
from tiers.queries import Standing, standing, standings
from tiers.sentence import (
    describe_keeping,
    describe_perk,
    describe_progress,
    describe_threshold,
)


@dataclass(frozen=True, slots=True)
class TierCard:
    """The tier on the first page, with the bar to the next one."""

    name: str
    color: str
    next_name: str
    percent: int
    progress: str
    keeping: str


@dataclass(frozen=True, slots=True)
class TierLine:
    """One tier of a ladder on its own page."""

    name: str
    color: str
    asks: str
    perks: list[PerkLine]
    is_mine: bool
    is_reached: bool


@dataclass(frozen=True, slots=True)
class LadderPage:
    name: str
    card: TierCard
    tiers: list[TierLine]


def tier_card(member: Member, *, programme: Programme, at: datetime) -> TierCard | None:
    """Return the tier of the first page; None while the programme has no tiers."""
    found = standing(member, at=at)
    return _card(found, str(programme.currency)) if found else None


def tier_pages(member: Member, *, programme: Programme, at: datetime) -> list[LadderPage]:
    """Return every ladder from low to high, the main one first."""
    currency = str(programme.currency)
    ladders = list(standings(member, at=at))
    tier_ids = {step.tier_id for found in ladders for step in found.ladder.steps}
    more = lines_of(tier_ids, programme=programme, at=at)
    return [
        LadderPage(
            found.ladder.name,
            _card(found, currency),
            [
                _line(step, found, currency, more.get(step.tier_id, ()))
                for step in found.ladder.steps
            ],
        )
        for found in ladders
    ]


def _card(found: Standing, currency: str) -> TierCard:
    return TierCard(
        name=found.step.name,
        color=_readable(found.step.color),
        next_name=found.next.step.name if found.next else "",
        percent=found.next.percent if found.next else 100,
        progress=describe_progress(found, currency=currency),
        keeping=describe_keeping(found, currency=currency),
    )


def _line(step: Step, found: Standing, currency: str, more: Sequence[PerkLine]) -> TierLine:
    perks = []
    for perk in step.perks:
        sentence = describe_perk(perk, currency=currency)
        perks.append(PerkLine(perk.name, "" if sentence == perk.name else sentence))
    return TierLine(
        name=step.name,
        color=_readable(step.color),
        asks=describe_threshold(step, found.ladder, currency=currency),
        perks=[*perks, *more],
        is_mine=step.tier_id == found.step.tier_id,
        is_reached=step.rank <= found.step.rank,
    )


def _readable(color: str) -> str:
    """White text stands on it, whatever colour staff have chosen."""
    return to_hex(readable_under_white(parse_hex(color)))
