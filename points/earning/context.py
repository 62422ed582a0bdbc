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
from members.segments import members_matching
from points.earning.basket import ORDER, Basket
from points.models import EarnRule

if TYPE_CHECKING:
    from points.earning.definition import Definition


@dataclass(frozen=True, slots=True)
class Context:
    """Facts about members and days; only what the rules at hand ask for is filled."""

    zone: ZoneInfo = field(default_factory=lambda: ZoneInfo("UTC"))
    currency: str = "VND"
    segments: Mapping[int, Collection[int]] = field(default_factory=dict)
    order_numbers: Mapping[int, int] = field(default_factory=dict)
    birthdays: Mapping[int, date] = field(default_factory=dict)
    holidays: Collection[date] = ()


def load_context(
    baskets: Sequence[Basket],
    definitions: Sequence[Definition],
    *,
    judged_at: datetime | None = None,
) -> Context:
    """Read what these rules ask about these baskets; one query for each kind of question.

    A segment costs one query of its own. ``judged_at`` is the moment as of which groups of
    members are judged; without it, that of the latest basket.
    """
    programme = Programme.current()
    member_ids = {basket.member_id for basket in baskets}
    return Context(
        zone=programme.zone,
        currency=str(programme.currency),
        segments=_segments(baskets, member_ids, definitions, judged_at),
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
    member_ids: Collection[int],
    definitions: Sequence[Definition],
    judged_at: datetime | None,
) -> dict[int, Collection[int]]:
    """Say which of these members are in the groups that rules name, as of the purchase.

    A batch is judged at its latest moment: facts come as they happen, and a group is a
    question about now.
    """
    wanted = {d.segment_id for d in definitions if d.segment_id}
    if not wanted or not baskets:
        return {}
    at = judged_at or max(basket.happened_at for basket in baskets)
    return {
        segment.pk: set(
            members_matching(segment.conditions, at=at)
            .filter(pk__in=member_ids)
            .values_list("pk", flat=True)
        )
        for segment in Segment.objects.filter(pk__in=wanted)
    }


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
