"""Points on their way: when they become usable, and what they are for."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from datetime import date

from django.utils.translation import gettext as _

from activities.models import Order
from core.models import Programme
from members.models import Member
from points.models import Wallet
from points.queries import OnTheirWay, on_their_way
from points.services import ORDER
from portal.history import place_of


@dataclass(frozen=True, slots=True)
class Waiting:
    """Points of one cause that become usable on a day; None waits for delivery."""

    usable_from: date | None
    points: int
    what: str


def waiting_points(
    member: Member, *, wallet: Wallet | None, programme: Programme
) -> list[Waiting]:
    """Return what is on its way in a wallet, soonest first. Two queries at most."""
    if wallet is None:
        return []
    rows = on_their_way(member, wallet=wallet)
    ids = {row.source_id for row in rows if row.source_type == ORDER and row.source_id}
    orders = member.orders.filter(pk__in=ids).select_related("store").in_bulk()
    sums: dict[tuple[date | None, int | None, str], int] = defaultdict(int)
    # Two rules for one purchase are one line.
    for row in rows:
        sums[row.usable_from, row.source_id, _what(row, orders, programme)] += row.points
    return [Waiting(day, points, what) for (day, _id, what), points in sums.items()]


def _what(row: OnTheirWay, orders: dict[int, Order], programme: Programme) -> str:
    is_order = row.source_type == ORDER and row.source_id is not None
    order = orders.get(row.source_id or 0) if is_order else None
    if order is None:
        return row.rule_name or _("Points earned")
    day = order.placed_at.astimezone(programme.zone)
    return _("Purchase on %(day)s · %(place)s") % {
        "day": f"{day:%d/%m/%Y}",
        "place": place_of(order),
    }
