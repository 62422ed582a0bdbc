"""Held points: earned, not usable yet; they mature by date or after delivery."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from django.db import transaction

from activities.models import Order
from core.batch import CHUNK, Column, execute, fetch_all, rows_source, sql_value
from core.clock import local_date
from core.retry import retry_on_conflict
from points.ledger import Posting, as_date, post
from points.models import Hold, Transfer
from points.services.merging import lock_with_kept, pass_on


@dataclass(frozen=True, slots=True)
class Matured:
    """What became usable: how many holds, how many points."""

    holds: int = 0
    points: int = 0


def mature_points(*, at: datetime, chunk: int = CHUNK) -> Matured:
    """Release every hold whose day has come. Restartable, in bounded memory."""
    today = local_date(at)
    total = Matured()
    while due := _due_holds(today, chunk):
        holds, points = _mature_chunk(due, at=at)
        total = Matured(total.holds + holds, total.points + points)
    return total


@retry_on_conflict
@transaction.atomic
def deliver_orders(order_ids: Sequence[int], *, at: datetime) -> Matured:
    """Note that orders were delivered; points that waited for it begin their last wait.

    What becomes usable on that very day is released at once. A second notice changes
    nothing.
    """
    Order.objects.filter(pk__in=order_ids, delivered_at__isnull=True).update(
        delivered_at=at
    )
    today = local_date(at)
    waiting = Hold.objects.filter(
        transfer__source_type="order",
        transfer__source_id__in=order_ids,
        matures_on__isnull=True,
        remaining__gt=0,
    )
    rows = [
        (pk, today + timedelta(days=days or 0))
        for pk, days in waiting.order_by("pk").values_list("pk", "days_after_delivery")
    ]
    if not rows:
        return Matured()
    columns = [Column("id", "bigint"), Column("matures_on", "date")]
    source, parameters = rows_source(columns, rows)
    execute(
        f"UPDATE points_hold SET matures_on = r.matures_on FROM {source} "
        "WHERE points_hold.transfer_id = r.id AND points_hold.matures_on IS NULL",
        parameters,
    )
    due = _holds_with_accounts([pk for pk, day in rows if day <= today])
    return Matured(*_mature_chunk(due, at=at)) if due else Matured()


def lower_holds(amounts: Mapping[int, int]) -> None:
    """Take amounts out of holds; the caller has locked the accounts they are for."""
    if not amounts:
        return
    columns = [Column("id", "bigint"), Column("amount", "bigint")]
    source, parameters = rows_source(columns, sorted(amounts.items()))
    changed = execute(
        "UPDATE points_hold SET remaining = points_hold.remaining - r.amount "
        f"FROM {source} WHERE points_hold.transfer_id = r.id "
        "AND points_hold.remaining >= r.amount",
        parameters,
    )
    assert changed == len(amounts), "holds changed outside the lock of their account"


def _due_holds(today: date, limit: int) -> list[tuple[int, int]]:
    """Find holds whose day has come: (transfer, account)."""
    return [
        (row[0], row[1])
        for row in fetch_all(
            "SELECT transfer_id, account_id FROM points_hold "
            "WHERE remaining > 0 AND matures_on <= %s "
            "ORDER BY matures_on, transfer_id LIMIT %s",
            [sql_value(today), limit],
        )
    ]


def _holds_with_accounts(pks: Sequence[int]) -> list[tuple[int, int]]:
    return list(Hold.objects.filter(pk__in=pks).values_list("pk", "account_id"))


@retry_on_conflict
@transaction.atomic
def _mature_chunk(due: Sequence[tuple[int, int]], *, at: datetime) -> tuple[int, int]:
    """Release holds that still hold something once their accounts are locked.

    What was held for a member who was merged since passes on to who was kept.
    """
    _accounts, chains = lock_with_kept({account_id for _pk, account_id in due})
    source, parameters = rows_source([Column("id", "bigint")], [[pk] for pk, _a in due])
    rows = fetch_all(
        "SELECT h.transfer_id, h.account_id, h.remaining, h.expires_on, t.to_account_id, "
        "t.source_type, t.source_id, t.rule_id, t.rule_version, t.funder_id "
        f"FROM points_hold h JOIN {source} ON r.id = h.transfer_id "
        "JOIN points_transfer t ON t.id = h.transfer_id WHERE h.remaining > 0",
        parameters,
    )
    postings = [
        Posting(
            key=f"mature:{row[0]}",
            kind=Transfer.Kind.MATURE.value,
            from_account=row[4],
            to_account=row[1],
            amount=row[2],
            happened_at=at,
            source_type=row[5],
            source_id=row[6],
            rule_id=row[7],
            rule_version=row[8],
            funder_id=row[9],
            expires_on=as_date(row[3]),
        )
        for row in rows
    ]
    lower_holds({row[0]: row[2] for row in rows})
    post(postings)
    pass_on(chains, at=at)
    return len(postings), sum(posting.amount for posting in postings)
