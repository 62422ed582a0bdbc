"""A published ladder, word for word: frozen in a version, and read from it again."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from typing import Any, NamedTuple

from tiers.models import Ladder, LadderVersion, Tier

Window = Ladder.Window
Downgrade = Ladder.Downgrade

COPIED = (
    "name",
    "window",
    "months",
    "combine",
    "wallet_id",
    "downgrade",
    "grace_days",
    "falls_on_refund",
)


class Measure(NamedTuple):
    """What a member has come to in a span: money, points earned, orders."""

    spend: Decimal = Decimal(0)
    points: int = 0
    orders: int = 0


class Threshold(NamedTuple):
    """What a tier asks for; None is not asked for."""

    spend: Decimal | None = None
    points: int | None = None
    orders: int | None = None

    @property
    def asked(self) -> list[str]:
        return [name for name in self._fields if getattr(self, name) is not None]


@dataclass(frozen=True, slots=True)
class PerkTold:
    """A perk as members and tills are told it."""

    kind: str
    name: str
    sentence: str = ""
    percent: Decimal | None = None
    amount: Decimal | None = None


@dataclass(frozen=True, slots=True)
class Step:
    """One tier of a published ladder; rank 0 is the lowest."""

    tier_id: int
    code: str
    name: str
    color: str
    rank: int
    threshold: Threshold
    perks: tuple[PerkTold, ...] = ()


@dataclass(frozen=True, slots=True)
class Definition:
    """One version of a ladder; the meaning of each field is that of ``Ladder``."""

    ladder_id: int
    code: str
    version: int
    steps: tuple[Step, ...]
    name: str = ""
    window: str = Window.ROLLING.value
    months: int = 12
    combine: str = Ladder.Combine.ANY.value
    wallet_id: int | None = None
    downgrade: str = Downgrade.BY_MEASURE.value
    grace_days: int = 0
    falls_on_refund: bool = True

    @property
    def lowest(self) -> Step:
        return self.steps[0]

    @property
    def asks_points(self) -> bool:
        return any(step.threshold.points is not None for step in self.steps)

    @property
    def asks_orders(self) -> bool:
        """Tell whether purchases count, as money or as a number."""
        asked = {name for step in self.steps for name in step.threshold.asked}
        return bool(asked & {"spend", "orders"})

    @property
    def in_periods(self) -> bool:
        return self.window in (Window.CALENDAR, Window.ANNIVERSARY)

    def step(self, tier_id: int) -> Step | None:
        return next((step for step in self.steps if step.tier_id == tier_id), None)

    def above(self, step: Step) -> Step | None:
        """Return the next tier, or None at the top."""
        return self.steps[step.rank + 1] if step.rank + 1 < len(self.steps) else None

    def reached(self, measure: Measure) -> Step:
        """Return the highest tier whose thresholds are met; at a threshold is met."""
        return next(s for s in reversed(self.steps) if self.meets(s, measure))

    def meets(self, step: Step, measure: Measure) -> bool:
        asked = step.threshold.asked
        if step.rank == 0 or not asked:
            return True
        met = (getattr(measure, n) >= getattr(step.threshold, n) for n in asked)
        return all(met) if self.combine == Ladder.Combine.ALL else any(met)

    def missing(self, step: Step, measure: Measure) -> Measure | None:
        """Return what is still missing to a tier, by what it asks for; None when met."""
        if self.meets(step, measure):
            return None
        wanted = step.threshold
        return Measure(
            max((wanted.spend or Decimal(0)) - measure.spend, Decimal(0)),
            max((wanted.points or 0) - measure.points, 0),
            max((wanted.orders or 0) - measure.orders, 0),
        )

    @classmethod
    def from_json(
        cls, ladder_id: int, code: str, version: int, data: dict[str, Any]
    ) -> Definition:
        told = {name: data[name] for name in COPIED if name in data}
        steps = tuple(_step(rank, row) for rank, row in enumerate(data["tiers"]))
        return cls(ladder_id=ladder_id, code=code, version=version, steps=steps, **told)


def _step(rank: int, row: dict[str, Any]) -> Step:
    spend = row.get("spend")
    threshold = Threshold(
        None if spend is None else Decimal(spend), row.get("points"), row.get("orders")
    )
    return Step(
        tier_id=row["id"],
        code=row["code"],
        name=row["name"],
        color=row["color"],
        rank=rank,
        threshold=threshold,
        perks=tuple(_perk(perk) for perk in row.get("perks") or ()),
    )


def _perk(row: dict[str, Any]) -> PerkTold:
    percent, amount = row.get("percent"), row.get("amount")
    return PerkTold(
        kind=row["kind"],
        name=row["name"],
        sentence=row.get("sentence", ""),
        percent=None if percent is None else Decimal(percent),
        amount=None if amount is None else Decimal(amount),
    )


def definition_of(ladder: Ladder) -> dict[str, Any]:
    """Copy a ladder as it is written now, its tiers from low to high. Two queries."""
    data: dict[str, Any] = {name: getattr(ladder, name) for name in COPIED}
    tiers = ladder.tiers.filter(is_active=True).prefetch_related("perks")
    data["tiers"] = [_tier_json(tier) for tier in sorted(tiers, key=_height)]
    return data


def _height(tier: Tier) -> tuple[Decimal, int, int, int]:
    return (tier.spend or Decimal(0), tier.points or 0, tier.orders or 0, tier.pk)


def _tier_json(tier: Tier) -> dict[str, Any]:
    return {
        "id": tier.pk,
        "code": tier.code,
        "name": tier.name,
        "color": tier.color,
        "spend": _plain(tier.spend),
        "points": tier.points,
        "orders": tier.orders,
        "perks": [
            {
                "kind": perk.kind,
                "name": perk.name,
                "sentence": perk.sentence,
                "percent": _plain(perk.percent),
                "amount": _plain(perk.amount),
            }
            for perk in tier.perks.all()
        ],
    }


def _plain(number: Decimal | None) -> str | None:
    return None if number is None else f"{Decimal(number).normalize():f}"


def draft_definition(ladder: Ladder) -> Definition:
    """Return the ladder as it would be if it were published now."""
    number = ladder.version + 1
    return Definition.from_json(ladder.pk, ladder.code, number, definition_of(ladder))


def definition_of_version(version: LadderVersion) -> Definition:
    """Read a stored version; its ladder must be loaded."""
    ladder: Ladder = version.ladder
    return Definition.from_json(ladder.pk, ladder.code, version.number, version.definition)
