"""Expiry: lots whose last usable day is over."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import NamedTuple

from django.db import transaction
from django.db.models import Max, Q

from core.batch import CHUNK, Column, fetch_all, rows_source, sql_value
from core.clock import add_months, local_date
from core.retry import retry_on_conflict
from points.expiry import INACTIVITY, ExpiryPolicy, last_day_of_undated
from points.ledger import Locked, Posting, as_date, lock_accounts, post
from points.models import Account, Lot, Transfer, Wallet
from points.services.accounts import programme_account


@dataclass(frozen=True, slots=True)
class Expired:
    """What one pass of expiry took: lots emptied, points, members concerned."""

    lots: int = 0
    points: int = 0
    members: int = 0


def expire_points(*, at: datetime, chunk: int = CHUNK) -> Expired:
    """Take back every lot whose last usable day is over. Restartable, in bounded memory."""
    today = local_date(at)
    newest = Transfer.objects.aggregate(id=Max("pk"))["id"] or 0
    lots = points = 0
    for find in (_due_lots, _due_undated_lots):
        last: Due | None = None
        while due := find(today, chunk, last):
            taken = _expire_chunk(due, today=today, at=at)
            lots, points = lots + taken[0], points + taken[1]
            # Whatever moved on under its lock is passed over; the next night looks again.
            last = due[-1]
    written = Transfer.objects.filter(
        pk__gt=newest, kind=Transfer.Kind.EXPIRE, happened_at=at
    )
    return Expired(lots, points, written.values("from_account").distinct().count())


class Due(NamedTuple):
    """A lot that is due, its account, and the last usable day that it carries itself."""

    lot_id: int
    account_id: int
    expires_on: date | None = None


def _due_lots(today: date, limit: int, after: Due | None) -> list[Due]:
    """Find lots past the last usable day that they carry, from behind the last one."""
    day, lot_id = (after.expires_on, after.lot_id) if after else (date.min, 0)
    return [
        Due(row[0], row[1], as_date(row[2]))
        for row in fetch_all(
            "SELECT l.id, l.account_id, l.expires_on FROM points_lot l "
            "WHERE l.remaining > 0 AND l.expires_on < %s "
            "AND (l.expires_on, l.id) > (%s, %s) "
            "ORDER BY l.expires_on, l.id LIMIT %s",
            [sql_value(today), sql_value(day), lot_id, limit],
        )
    ]


def _due_undated_lots(today: date, limit: int, after: Due | None) -> list[Due]:
    """Find lots without a day of their own whose wallet says that they are over."""
    over = Q(pk__in=[])
    for wallet in Wallet.objects.exclude(expiry_policy=Wallet.Expiry.NEVER):
        over |= _accounts_over(wallet, ExpiryPolicy.of(wallet), today)
    lots = (
        Lot.objects.filter(expires_on__isnull=True, remaining__gt=0)
        .filter(pk__gt=after.lot_id if after else 0)
        .filter(account__in=Account.objects.filter(over))
        .order_by("pk")
    )
    return [Due(*row) for row in lots.values_list("pk", "account_id")[:limit]]


def _accounts_over(wallet: Wallet, policy: ExpiryPolicy, today: date) -> Q:
    """Say which accounts of a wallet have undated points that are past their last day."""
    nobody = Q(pk__in=[])
    if policy.kind != INACTIVITY:
        day = last_day_of_undated(policy, None)
        return Q(wallet=wallet) if day and day < today else nobody
    newest = _newest_activity_over(policy.months, today)
    if policy.since and policy.since > newest:
        return nobody
    over = Q(active_on__lte=newest)
    if policy.since:
        over |= Q(active_on__isnull=True)
    return Q(wallet=wallet) & over


def _newest_activity_over(months: int, today: date) -> date:
    """Return the latest day of activity whose points ended before today.

    Months have different lengths, so a day is tried from above instead of computed.
    """
    day = add_months(today, -months) + timedelta(days=3)
    while add_months(day, months) >= today:
        day -= timedelta(days=1)
    return day


@retry_on_conflict
@transaction.atomic
def _expire_chunk(due: Sequence[Due], *, today: date, at: datetime) -> tuple[int, int]:
    """Expire lots that are still due once their accounts are locked."""
    held = lock_accounts({lot.account_id for lot in due})
    ids = [[lot.lot_id] for lot in due]
    source, parameters = rows_source([Column("id", "bigint")], ids)
    rows = fetch_all(
        "SELECT l.id, l.account_id, l.remaining, l.expires_on, a.version, a.wallet_id "
        f"FROM points_lot l JOIN {source} ON r.id = l.id "
        "JOIN points_account a ON a.id = l.account_id WHERE l.remaining > 0",
        parameters,
    )
    wallets = Wallet.objects.in_bulk({row[5] for row in rows})
    expired = {
        pk: programme_account(wallet, Account.Kind.EXPIRED)
        for pk, wallet in wallets.items()
    }
    postings = []
    for lot_id, account_id, remaining, expires_on, version, wallet_id in rows:
        account = held[account_id]
        day = as_date(expires_on) or last_day_of_undated(account.policy, account.active_on)
        if day is None or day >= today:
            continue
        postings.append(
            Posting(
                # The version makes the key new when points came back into the lot later.
                key=f"expire:{lot_id}:{version}",
                kind=Transfer.Kind.EXPIRE.value,
                from_account=account_id,
                to_account=expired[wallet_id],
                amount=remaining,
                happened_at=at,
                lot_id=lot_id,
            )
        )
    posted = post(postings, locked=Locked(held, expired.values()))
    fresh = [p.amount for p in postings if posted[p.key].is_new]
    return len(fresh), sum(fresh)
