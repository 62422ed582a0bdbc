"""What the facts say: which tier members have reached, and how long it holds by itself.

Any number of members on any number of ladders costs at most four statements.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date
from decimal import Decimal
from typing import NamedTuple

from core.clock import programme_zone
from tiers.definition import Definition, Measure, Step, Window
from tiers.judging import Found
from tiers.measures import (
    OrderQuestion,
    PointsQuestion,
    measure_orders,
    measure_points,
    orders_suffice_since,
    points_suffice_since,
)
from tiers.models import Ladder
from tiers.windows import A_DAY, Span, can_fall, counts_through, period


class Asked(NamedTuple):
    """One member on one ladder on a day; ``number`` is the caller's name for it."""

    number: int
    member_id: int
    definition: Definition
    day: date
    joined_on: date
    spans: list[Span]


class Counted(NamedTuple):
    """What counts in each span, and the first day that does in the present one."""

    measures: list[Measure]
    first: date | None


def find(asked: Sequence[Asked]) -> dict[int, Found]:
    """Say what each has reached, by number."""
    counted = count(asked)
    targets = {one.number: _target(one, counted[one.number]) for one in asked}
    holding = _holding(asked, targets)
    return {
        one.number: Found(
            targets[one.number],
            _holds_until(one, counted[one.number], targets[one.number], holding),
            counted[one.number].measures[0],
            counted[one.number].first,
        )
        for one in asked
    }


def reached_by(definition: Definition, spans: Mapping[int, list[Span]]) -> dict[int, Step]:
    """Say which tier members have reached in spans, by member. At most two statements."""
    asked = [
        Asked(member_id, member_id, definition, present[0].last, present[0].last, present)
        for member_id, present in spans.items()
    ]
    counted = count(asked)
    return {one.number: _target(one, counted[one.number]) for one in asked}


def count(asked: Sequence[Asked]) -> dict[int, Counted]:
    """Add up what counts, by number. At most two statements."""
    slots = _slots(asked)
    purchases = measure_orders(
        [
            OrderQuestion(one.member_id, slots[one.number] + i, span)
            for one in asked
            if one.definition.asks_orders
            for i, span in enumerate(one.spans)
        ]
    )
    earned = measure_points(
        [
            PointsQuestion(
                one.member_id, slots[one.number] + i, span, one.definition.wallet_id
            )
            for one in asked
            if one.definition.asks_points and one.definition.wallet_id
            for i, span in enumerate(one.spans)
        ]
    )
    zone = programme_zone()
    found = {}
    for one in asked:
        measures, days = [], []
        for i in range(len(one.spans)):
            key = (one.member_id, slots[one.number] + i)
            bought, points = purchases.get(key), earned.get(key)
            measures.append(
                Measure(
                    bought.spend if bought else Decimal(0),
                    points.points if points else 0,
                    bought.orders if bought else 0,
                )
            )
            if i == 0:
                days += [bought.first_on] if bought else []
                days += [points.first_at.astimezone(zone).date()] if points else []
        found[one.number] = Counted(measures, min(days, default=None))
    return found


def _slots(asked: Sequence[Asked]) -> dict[int, int]:
    """Give each question a number of its own, so that one statement can carry them all."""
    slots, following = {}, 0
    for one in asked:
        slots[one.number] = following
        following += len(one.spans)
    return slots


def _target(one: Asked, counted: Counted) -> Step:
    reached = (one.definition.reached(measure) for measure in counted.measures)
    return max(reached, key=lambda step: step.rank)


def _holds_until(
    one: Asked, counted: Counted, step: Step, holding: Mapping[int, date]
) -> date | None:
    """Return the last day on which a tier is met without another purchase."""
    definition = one.definition
    if step.rank == 0 or not can_fall(definition):
        return None
    if definition.window == Window.ROLLING:
        return holding[one.number]
    end = period(definition, one.day, one.joined_on).last
    if definition.meets(step, counted.measures[0]):
        return period(definition, end + A_DAY, one.joined_on).last
    return end


def _holding(asked: Sequence[Asked], targets: Mapping[int, Step]) -> dict[int, date]:
    """Say for rolling windows when the purchases that carry a tier have left."""
    rolling = [
        one
        for one in asked
        if targets[one.number].rank > 0
        and one.definition.window == Window.ROLLING
        and can_fall(one.definition)
    ]
    by_orders = orders_suffice_since(
        [
            OrderQuestion(
                one.member_id, one.number, one.spans[0], wanted.spend, wanted.orders
            )
            for one in rolling
            if (wanted := targets[one.number].threshold)
            and {"spend", "orders"} & {*wanted.asked}
        ]
    )
    by_points = points_suffice_since(
        [
            PointsQuestion(
                one.member_id, one.number, one.spans[0], wallet_id, wanted.points
            )
            for one in rolling
            if (wanted := targets[one.number].threshold).points is not None
            and (wallet_id := one.definition.wallet_id)
        ]
    )
    zone = programme_zone()
    ends = {}
    for one in rolling:
        key = (one.member_id, one.number)
        points_at = by_points.get(key)
        since = [*by_orders.get(key, ()), points_at and points_at.astimezone(zone).date()]
        days = [day for day in since if day is not None]
        choose = min if one.definition.combine == Ladder.Combine.ALL else max
        day = choose(days, default=one.day)
        ends[one.number] = counts_through(day, one.definition.months)
    return ends
