"""The programme days of the ledger, each added up once when it is long over.

A movement counts on the day on which it was **written**. The ledger is only added to, so
what a day came to can never change afterwards: a purchase that is told late stands on the
day on which it was told, and its business time is another column.

A transfer is stamped when its statement begins and seen when its transaction commits. So a
day is closed only when it has been over for longer than any transaction lasts; the one or
two days before now are added up from the ledger itself each time.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, datetime, timedelta
from typing import Any, NamedTuple

from django.db import transaction
from django.db.models import (
    BooleanField,
    Count,
    ExpressionWrapper,
    F,
    Min,
    Q,
    QuerySet,
    Sum,
    Value,
)
from django.db.models.functions import Coalesce, TruncDate
from django.utils import timezone

from core.clock import local_date, programme_zone, start_of_day
from core.id_ranges import first_id_since
from points.models import DayTotal, Transfer, Wallet

LONGEST_TRANSACTION = timedelta(days=1)
# A month of a large programme is added up in seconds; each is its own transaction.
DAYS_AT_ONCE = 31
ONE_DAY = timedelta(days=1)
WAY_FIELDS = ("kind", "of_kind", "giver", "taker", "by_rule")


class Way(NamedTuple):
    """How points moved: what happened (or what of it was taken back), from where, to where.

    ``giver`` and ``taker`` are kinds of accounts.
    """

    kind: str
    of_kind: str
    giver: str
    taker: str
    by_rule: bool


class Moved(NamedTuple):
    """What moved in one way in one wallet on one day; ``amount`` in the wallet's units."""

    wallet_id: int
    day: date
    way: Way
    amount: int
    moves: int


def close_days(*, at: datetime) -> int:
    """Write down every day that is long over; returns how many days. Safe to repeat."""
    # Rows are stamped by the clock of the database: a day that is replayed for a moment to
    # come must not close days that still go on.
    long_over = min(at, timezone.now()) - LONGEST_TRANSACTION
    last = local_date(long_over) - ONE_DAY
    first = _first_open_day()
    if first is None:
        return 0
    closed = 0
    while first <= last:
        end = min(last, first + timedelta(days=DAYS_AT_ONCE - 1))
        _close(first, end)
        closed += (end - first).days + 1
        first = end + ONE_DAY
    return closed


def closed_through() -> date | None:
    """Return the last day that is written down, in the programme's time zone."""
    days = DayTotal.objects.filter(zone=programme_zone().key)
    return days.order_by("-day").values_list("day", flat=True).first()


def _first_open_day() -> date | None:
    """Return the day after the last closed one, or that of the first transfer of all."""
    if closed := closed_through():
        return closed + ONE_DAY
    # The whole table once, on the first night of a programme.
    first = Transfer.objects.aggregate(first=Min("created_at"))["first"]
    return local_date(first) if first else None


@transaction.atomic
def _close(first: date, last: date) -> None:
    zone = programme_zone().key
    DayTotal.objects.bulk_create(
        [
            DayTotal(
                wallet_id=moved.wallet_id,
                zone=zone,
                day=moved.day,
                amount=moved.amount,
                moves=moved.moves,
                **moved.way._asdict(),
            )
            for moved in sum_ledger(first=first, last=last)
        ],
        # Two nights at once add up the same rows.
        ignore_conflicts=True,
    )


def sum_ledger(
    *, first: date | None = None, last: date | None = None, wallet: Wallet | None = None
) -> list[Moved]:
    """Add up the ledger itself by day and way, both days included. One large statement."""
    zone = programme_zone()
    rows = written_between(first, last)
    if wallet is not None:
        rows = rows.filter(from_account__wallet=wallet)
    has_rule = ExpressionWrapper(Q(rule__isnull=False), output_field=BooleanField())
    sums: Any = (
        rows.annotate(
            wallet_id=F("from_account__wallet_id"),
            day=TruncDate("created_at", tzinfo=zone),
            of_kind=Coalesce("reverses__kind", Value("")),
            giver=F("from_account__kind"),
            taker=F("to_account__kind"),
            by_rule=has_rule,
        )
        .values_list("wallet_id", "day", *WAY_FIELDS)
        .annotate(total=Sum("amount"), moves=Count("pk"))
    )
    return [
        Moved(wallet_id, day, Way(kind, of, giver, taker, bool(by_rule)), int(total), moves)
        for wallet_id, day, kind, of, giver, taker, by_rule, total, moves in sums
    ]


def written_between(
    first: date | None = None, last: date | None = None
) -> QuerySet[Transfer]:
    """Return what was written from one day through another; an open end is open.

    The rows are looked for among the ids that were given out around those days.
    """
    zone = programme_zone()
    rows = Transfer.objects.all()
    if first is not None:
        start = start_of_day(first, zone)
        rows = rows.filter(pk__gte=_id_around(start - LONGEST_TRANSACTION))
        rows = rows.filter(created_at__gte=start)
    if last is not None:
        end = start_of_day(last + ONE_DAY, zone)
        if bound := _id_around(end + LONGEST_TRANSACTION):
            rows = rows.filter(pk__lt=bound)
        rows = rows.filter(created_at__lt=end)
    return rows


def _id_around(moment: datetime) -> int:
    """Return the first id since a moment; 0 where the table is too small to look."""
    return first_id_since(Transfer, "created_at", moment)


# --- the proof --------------------------------------------------------------------------


def prove_days(*, first: date | None = None) -> list[dict[str, Any]]:
    """Add up the closed days again and name each total that is not the ledger's."""
    last = closed_through()
    if last is None:
        return []
    totals = DayTotal.objects.filter(zone=programme_zone().key)
    if first is not None:
        totals = totals.filter(day__gte=first)
    written = {
        (total.wallet_id, total.day, _way_of(total)): (total.amount, total.moves)
        for total in totals.iterator()
    }
    added = {
        (moved.wallet_id, moved.day, moved.way): (moved.amount, moved.moves)
        for moved in sum_ledger(first=first, last=last)
    }
    return list(_unequal(written, added))


def _unequal(written: dict[Any, Any], added: dict[Any, Any]) -> Iterator[dict[str, Any]]:
    nothing = (0, 0)
    for key in sorted(written.keys() | added.keys()):
        if written.get(key) == added.get(key):
            continue
        wallet_id, day, way = key
        yield {
            "rule": "what is written down of a closed day is what the ledger adds up to",
            "wallet": wallet_id,
            "day": day.isoformat(),
            **way._asdict(),
            "written_down": written.get(key, nothing)[0],
            "ledger": added.get(key, nothing)[0],
        }


def _way_of(total: DayTotal) -> Way:
    return Way(total.kind, total.of_kind, total.giver, total.taker, total.by_rule)


@transaction.atomic
def rebuild_days(*, at: datetime) -> int:
    """Forget what is written down and add every day up anew; returns how many days."""
    DayTotal.objects.all().delete()
    return close_days(at=at)
