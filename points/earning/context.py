"""What rules need to know beyond the basket, read for a whole batch at once."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

from core.batch import Column, fetch_all, rows_source
from core.models import Holiday, Programme
from members.models import Member, Segment
from members.segments import Occasion, occasions_matching
from points.amounts import Unit
from points.earning.basket import ORDER, Basket
from points.models import EarnRule

if TYPE_CHECKING:
    from points.earning.definition import Definition


@dataclass(frozen=True, slots=True)
class Context:
    """Facts about members and days; only what the rules at hand ask for is filled."""

    zone: ZoneInfo = field(default_factory=lambda: ZoneInfo("UTC"))
    currency: str = "VND"
    # By group: the baskets whose member was in it.
    segments: Mapping[int, Collection[int]] = field(default_factory=dict)
    order_numbers: Mapping[int, int] = field(default_factory=dict)
    birthdays: Mapping[int, date] = field(default_factory=dict)
    holidays: Collection[date] = ()
    # Whoever gets nothing, with the state that they are in.
    barred: Mapping[int, str] = field(default_factory=dict)
    # How much of the smallest unit makes one of the currency: 10 ** decimals.
    decimals: int = 0
    # For explanations: how an amount of each wallet is written, what a group is called.
    units: Mapping[int, Unit] = field(default_factory=dict)
    groups: Mapping[int, str] = field(default_factory=dict)


def load_context(
    baskets: Sequence[Basket],
    definitions: Sequence[Definition],
    *,
    judged_at: datetime | None = None,
) -> Context:
    """Read what these rules ask about these baskets; one query for each kind of question.

    Groups of members cost queries of their own. ``judged_at`` is the moment as of which
    they are judged; without it, that of each basket.
    """
    programme = Programme.current()
    member_ids = {basket.member_id for basket in baskets}
    segments, groups = _segments(baskets, definitions, judged_at)
    return Context(
        zone=programme.zone,
        currency=str(programme.currency),
        decimals=programme.decimals,
        segments=segments,
        groups=groups,
        barred=_barred(member_ids),
        order_numbers=(
            order_numbers([b.id for b in baskets if b.trigger == ORDER])
            if any(d.nth_order for d in definitions)
            else {}
        ),
        birthdays=(
            _birthdays(member_ids)
            if any(d.birthday != EarnRule.Birthday.ANY for d in definitions)
            else {}
        ),
        holidays=(
            frozenset(
                Holiday.objects.filter(day__in={b.day for b in baskets}).values_list(
                    "day", flat=True
                )
            )
            if any(d.holidays != EarnRule.Holidays.ANY for d in definitions)
            else ()
        ),
    )


def _segments(
    baskets: Sequence[Basket],
    definitions: Sequence[Definition],
    judged_at: datetime | None,
) -> tuple[dict[int, Collection[int]], dict[int, str]]:
    """Say which baskets are of members of the groups that rules name, and the names.

    A tier is that of the purchase's own moment, however late it is told. What keeps no
    history is judged at the latest moment of the batch: facts come as they happen.
    """
    wanted = {d.segment_id for d in definitions if d.segment_id}
    if not wanted or not baskets:
        return {}, {}
    occasions = [
        Occasion(b.id, b.member_id, judged_at, "")
        if judged_at
        else Occasion(b.id, b.member_id, b.happened_at, b.trigger)
        for b in baskets
    ]
    segments = list(Segment.objects.filter(pk__in=wanted))
    met = {s.pk: occasions_matching(s.conditions, occasions) for s in segments}
    return dict(met), {segment.pk: segment.name for segment in segments}


def _barred(member_ids: Collection[int]) -> dict[int, str]:
    """Return who of these gets nothing, and their state: blocked, or gone."""
    barred = Member.objects.filter(pk__in=member_ids).exclude(state=Member.State.ACTIVE)
    return dict(barred.values_list("pk", "state"))


def _birthdays(member_ids: Collection[int]) -> dict[int, date]:
    found = Member.objects.filter(pk__in=member_ids, birth_date__isnull=False)
    return {pk: born for pk, born in found.values_list("pk", "birth_date") if born}


def order_numbers(order_ids: Sequence[int]) -> dict[int, int]:
    """Return which order of its member each is, by business time, starting with 1."""
    if not order_ids:
        return {}
    source, parameters = rows_source([Column("id", "bigint")], [[i] for i in order_ids])
    rows = fetch_all(
        "SELECT o.id, (SELECT COUNT(*) FROM activities_order p "
        "WHERE p.member_id = o.member_id AND p.status = 'completed' "
        "AND (p.placed_at < o.placed_at OR (p.placed_at = o.placed_at AND p.id <= o.id))) "
        f"FROM {source} CROSS JOIN activities_order o WHERE o.id = r.id",
        parameters,
    )
    return {row[0]: row[1] for row in rows}
