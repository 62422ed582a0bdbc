"""Expiry: lots whose last usable day is over."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from django.db import transaction
from django.db.models import Q

from core.batch import CHUNK, Column, fetch_all, rows_source, sql_value
from core.clock import add_months, local_date
from core.retry import retry_on_conflict
from points.expiry import INACTIVITY, ExpiryPolicy, last_day_of_undated
from points.ledger import Posting, as_date, lock_accounts, post
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
    total = Expired()
    members: set[int] = set()
    for find in (_due_lots, _due_undated_lots):
        while due := find(today, chunk):
            lots, points = _expire_chunk(due, today=today, at=at)
            members.update(account_id for _lot, account_id in due)
            total = Expired(total.lots + lots, total.points + points, len(members))
            if not lots:
                # Whatever was due a moment ago moved on under its lock; the next night
                # looks again.
                break
    return total


def _due_lots(today: date, limit: int) -> list[tuple[int, int]]:
    """Find lots past the last usable day that they carry: (lot, account)."""
    return [
        (row[0], row[1])
        for row in fetch_all(
            "SELECT l.id, l.account_id FROM points_lot l "
            "WHERE l.remaining > 0 AND l.expires_on < %s "
            "ORDER BY l.expires_on, l.id LIMIT %s",
            [sql_value(today), limit],
        )
    ]


def _due_undated_lots(today: date, limit: int) -> list[tuple[int, int]]:
    """Find lots without a day of their own whose wallet says that they are over."""
    over = Q(pk__in=[])
    for wallet in Wallet.objects.exclude(expiry_policy=Wallet.Expiry.NEVER):
        over |= _accounts_over(wallet, ExpiryPolicy.of(wallet), today)
    lots = (
        Lot.objects.filter(expires_on__isnull=True, remaining__gt=0)
        .filter(account__in=Account.objects.filter(over))
        .order_by("pk")
    )
    return list(lots.values_list("pk", "account_id")[:limit])


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
def _expire_chunk(
    due: Sequence[tuple[int, int]], *, today: date, at: datetime
) -> tuple[int, int]:
    """Expire lots that are still due once their accounts are locked."""
    held = lock_accounts({account_id for _lot, account_id in due})
    source, parameters = rows_source(
        [Column("id", "bigint")], [[lot_id] for lot_id, _account in due]
    )
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
    posted = post(postings)
    fresh = [p.amount for p in postings if posted[p.key].is_new]
    return len(fresh), sum(fresh)
