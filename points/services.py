"""The verbs of the ledger: earn, grant, adjust, spend, reverse, expire."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from functools import lru_cache
from typing import NamedTuple

from django.db import transaction
from django.utils.translation import gettext as _

from core.batch import CHUNK, Column, fetch_all, insert_new, rows_source, sql_value
from core.clock import add_months, local_date
from core.retry import retry_on_conflict
from members.models import Member
from points.errors import AlreadyReversed, AmountOutOfRange, NoWallet
from points.ledger import Posting, as_date, lock_accounts, post
from points.models import Account, EarnRule, Transfer, Wallet
from points.rules import active_rules, applies, points_for

ORDER = "order"
# What a campaign gives to a member who comes back; its number is the enrolment's.
RETURN = "return"
ACCOUNT_COLUMNS = (
    Column("wallet_id", "bigint"),
    Column("kind", "text"),
    Column("member_id", "bigint"),
    Column("balance", "bigint"),
    Column("may_go_negative", "boolean"),
    Column("version", "bigint"),
)


class EarningOrder(NamedTuple):
    """What the rules need to know of an order; ``placed_on`` is its local day."""

    order_id: int
    member_id: int
    total: Decimal
    placed_at: datetime
    placed_on: date


@dataclass(frozen=True, slots=True)
class Grant:
    """Points given outside any rule, such as an opening balance."""

    member_id: int
    amount: int
    key: str
    expires_on: date | None = None
    kind: str = Transfer.Kind.OPENING
    note: str = ""
    actor: str = ""
    source_type: str = ""
    source_id: int | None = None


@dataclass(frozen=True, slots=True)
class Expired:
    """What one pass of expiry took: lots emptied, points, members concerned."""

    lots: int = 0
    points: int = 0
    members: int = 0


def default_wallet() -> Wallet:
    """Return the wallet that members mean by "my points", or raise NoWallet."""
    wallet = Wallet.objects.filter(is_active=True).order_by("pk").first()
    if wallet is None:
        raise NoWallet(_("There is no wallet yet. Run setup_programme first."))
    return wallet


def programme_account(wallet: Wallet, kind: str) -> int:
    """Return the id of one of the programme's own accounts, made when first needed."""
    account, _created = Account.objects.get_or_create(wallet=wallet, kind=kind, member=None)
    return account.pk


def member_accounts(wallet: Wallet, member_ids: Sequence[int]) -> dict[int, int]:
    """Return account ids by member id; missing accounts are made, also under a race."""
    wanted = sorted(set(member_ids))
    found = _read_accounts(wallet, wanted)
    missing = [member_id for member_id in wanted if member_id not in found]
    if not missing:
        return found
    kind, debt = Account.Kind.MEMBER.value, wallet.allows_debt
    new = insert_new(
        "points_account",
        ACCOUNT_COLUMNS,
        [(wallet.pk, kind, member_id, 0, debt, 0) for member_id in missing],
        conflict="wallet_id, member_id",
        conflict_where="WHERE member_id IS NOT NULL",
        returning="member_id, id",
    )
    found |= dict(new)
    rest = [member_id for member_id in missing if member_id not in found]
    return found | _read_accounts(wallet, rest) if rest else found


def _read_accounts(wallet: Wallet, member_ids: Sequence[int]) -> dict[int, int]:
    source, parameters = rows_source([Column("id", "bigint")], [[i] for i in member_ids])
    # CROSS JOIN is SQLite's word for "in this order": it would rather read the whole wallet
    # and look every account up in the list.
    rows = fetch_all(
        f"SELECT a.member_id, a.id FROM {source} CROSS JOIN points_account a "
        "WHERE a.member_id = r.id AND a.wallet_id = %s",
        [*parameters, wallet.pk],
    )
    return dict(rows)


@lru_cache(maxsize=4096)
def expiry_day(earned_on: date, months: int | None) -> date | None:
    """Return the last day on which points earned that day can be used; None is never."""
    return None if months is None else add_months(earned_on, months)


@transaction.atomic
def earn_points(orders: Sequence[EarningOrder]) -> dict[int, int]:
    """Give the points that the rules in force grant for orders.

    Returns points by order id for every order that earns; repeating it gives the same
    answer and changes nothing.
    """
    earned: dict[int, int] = defaultdict(int)
    postings: list[Posting] = []
    for rule in active_rules():
        for order_id, posting in _earnings(rule, orders).items():
            earned[order_id] += posting.amount
            postings.append(posting)
    # All rules in one batch: the accounts of all are locked once and in one order.
    post(postings)
    return dict(earned)


def _earnings(rule: EarnRule, orders: Sequence[EarningOrder]) -> dict[int, Posting]:
    """Return what one rule gives, by order id; orders that earn nothing are left out."""
    earning = [
        (order, points)
        for order in orders
        if applies(rule, total=order.total, placed_at=order.placed_at)
        and (points := points_for(rule, order.total))
    ]
    if not earning:
        return {}
    issued = programme_account(rule.wallet, Account.Kind.ISSUED)
    accounts = member_accounts(rule.wallet, [order.member_id for order, _p in earning])
    months = rule.wallet.expiry_months
    return {
        order.order_id: Posting(
            key=f"order:{order.order_id}:{rule.code}",
            kind=Transfer.Kind.EARN.value,
            from_account=issued,
            to_account=accounts[order.member_id],
            amount=points,
            happened_at=order.placed_at,
            source_type=ORDER,
            source_id=order.order_id,
            rule_id=rule.pk,
            rule_version=rule.version,
            expires_on=expiry_day(order.placed_on, months),
        )
        for order, points in earning
    }


def points_of_orders(order_ids: Sequence[int]) -> dict[int, int]:
    """Return how many points orders were given when they were first recorded."""
    source, parameters = rows_source([Column("id", "bigint")], [[i] for i in order_ids])
    # In this order, or SQLite looks every transfer of every order up in the list.
    rows = fetch_all(
        f"SELECT t.source_id, SUM(t.amount) FROM {source} CROSS JOIN points_transfer t "
        "WHERE t.source_id = r.id AND t.source_type = %s AND t.kind = %s "
        "GROUP BY t.source_id",
        [*parameters, ORDER, Transfer.Kind.EARN.value],
    )
    return {order_id: int(points) for order_id, points in rows}


@retry_on_conflict
@transaction.atomic
def grant_points(*, grants: Sequence[Grant], at: datetime) -> int:
    """Give points outside any rule; returns how many points this call really gave."""
    wallet = default_wallet()
    accounts = member_accounts(wallet, [grant.member_id for grant in grants])
    sources = {
        kind: programme_account(wallet, Account.Kind(kind))
        for kind in {_counterpart(grant.kind) for grant in grants}
    }
    postings = [
        Posting(
            key=grant.key,
            kind=str(grant.kind),
            from_account=sources[_counterpart(grant.kind)],
            to_account=accounts[grant.member_id],
            amount=grant.amount,
            happened_at=at,
            source_type=grant.source_type,
            source_id=grant.source_id,
            expires_on=grant.expires_on,
            note=grant.note,
            actor=grant.actor,
        )
        for grant in grants
    ]
    posted = post(postings)
    fresh = {p.key: p.amount for p in postings if posted[p.key].is_new}
    return sum(fresh.values())


def _counterpart(kind: str) -> str:
    """Name the programme account from which a kind of grant comes."""
    if kind == Transfer.Kind.OPENING:
        return Account.Kind.OPENING.value
    if kind == Transfer.Kind.ADJUST:
        return Account.Kind.ADJUSTED.value
    return Account.Kind.ISSUED.value


@retry_on_conflict
@transaction.atomic
def adjust_points(
    *, member: Member, amount: int, key: str, at: datetime, note: str, actor: str
) -> Transfer:
    """Correct a member's points by hand; ``amount`` below zero takes points away.

    Raises NotEnoughPoints, KeyReused, AmountOutOfRange.
    """
    if not amount or not note.strip():
        raise AmountOutOfRange(_("Give a number of points and a reason."))
    wallet = default_wallet()
    programme = programme_account(wallet, Account.Kind.ADJUSTED)
    account = member_accounts(wallet, [member.pk])[member.pk]
    posting = Posting(
        key=key,
        kind=Transfer.Kind.ADJUST.value,
        from_account=programme if amount > 0 else account,
        to_account=account if amount > 0 else programme,
        amount=abs(amount),
        happened_at=at,
        expires_on=expiry_day(local_date(at), wallet.expiry_months),
        note=note,
        actor=actor,
    )
    return Transfer.objects.get(pk=post([posting])[key].transfer_id)


@retry_on_conflict
@transaction.atomic
def spend_points(
    *,
    member: Member,
    amount: int,
    key: str,
    at: datetime,
    wallet: Wallet | None = None,
    note: str = "",
    actor: str = "",
) -> Transfer:
    """Take points from a member, first-expiring first, or raise NotEnoughPoints.

    A repeat of the same key gives back the first transfer; the same key for another
    amount raises KeyReused.
    """
    wallet = wallet or default_wallet()
    posting = Posting(
        key=key,
        kind=Transfer.Kind.SPEND.value,
        from_account=member_accounts(wallet, [member.pk])[member.pk],
        to_account=programme_account(wallet, Account.Kind.REDEEMED),
        amount=amount,
        happened_at=at,
        note=note,
        actor=actor,
    )
    return Transfer.objects.get(pk=post([posting])[key].transfer_id)


@retry_on_conflict
@transaction.atomic
def reverse_transfer(
    *, transfer: Transfer, key: str, at: datetime, note: str = "", actor: str = ""
) -> Transfer:
    """Undo a transfer once; points that were drawn go back into their own lots.

    Raises AlreadyReversed when another key undid it before, NotEnoughPoints when the
    points are spent and the wallet allows no debt.
    """
    # The same lock order as every posting: the transfer's key row stands already, so its
    # accounts come first; two reversals of one transfer meet here.
    lock_accounts([transfer.from_account_id, transfer.to_account_id])
    earlier = Transfer.objects.filter(reverses=transfer).first()
    if earlier is not None and earlier.key != key:
        raise AlreadyReversed(_("This movement was taken back before."))
    posting = Posting(
        key=key,
        kind=Transfer.Kind.REVERSE.value,
        from_account=transfer.to_account_id,
        to_account=transfer.from_account_id,
        amount=transfer.amount,
        happened_at=at,
        source_type=transfer.source_type,
        source_id=transfer.source_id,
        reverses_id=transfer.pk,
        actor=actor,
        note=note,
    )
    return Transfer.objects.get(pk=post([posting])[key].transfer_id)


def expire_points(*, at: datetime, chunk: int = CHUNK) -> Expired:
    """Take back every lot whose last usable day is over. Restartable, in bounded memory."""
    today = local_date(at)
    total = Expired()
    members: set[int] = set()
    while due := _due_lots(today, chunk):
        lots, points = _expire_chunk(due, today=today, at=at)
        members.update(account_id for _lot, account_id, _wallet in due)
        total = Expired(total.lots + lots, total.points + points, len(members))
    return total


def _due_lots(today: date, limit: int) -> list[tuple[int, int, int]]:
    """Find lots past their last usable day: (lot, account, wallet)."""
    return [
        (row[0], row[1], row[2])
        for row in fetch_all(
            "SELECT l.id, l.account_id, a.wallet_id FROM points_lot l "
            "JOIN points_account a ON a.id = l.account_id "
            "WHERE l.remaining > 0 AND l.expires_on < %s "
            "ORDER BY l.expires_on, l.id LIMIT %s",
            [sql_value(today), limit],
        )
    ]


@retry_on_conflict
@transaction.atomic
def _expire_chunk(
    due: Sequence[tuple[int, int, int]], *, today: date, at: datetime
) -> tuple[int, int]:
    """Expire lots that are still due once their accounts are locked."""
    lock_accounts({account_id for _lot, account_id, _wallet in due})
    source, parameters = rows_source(
        [Column("id", "bigint")], [[lot_id] for lot_id, _account, _wallet in due]
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
    postings = [
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
        for lot_id, account_id, remaining, expires_on, version, wallet_id in rows
        if (as_date(expires_on) or today) < today
    ]
    posted = post(postings)
    fresh = [p.amount for p in postings if posted[p.key].is_new]
    return len(fresh), sum(fresh)
