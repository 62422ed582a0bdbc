"""Questions about points: balance, what expires when, history. Constant queries each."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from itertools import chain
from typing import Any, NamedTuple

from django.db.models import Case, F, Max, Q, QuerySet, Sum, When

from core.clock import local_date
from members.merged import merged_ids
from members.models import Member
from points.expiry import ExpiryPolicy, last_day_of_undated
from points.models import Account, Hold, Lot, Reservation, Transfer, Wallet

# What points_wallet() finds, for a statement that needs no more of it than its id.
POINTS_WALLET = (
    "(SELECT id FROM points_wallet WHERE is_active "
    f"ORDER BY CASE kind WHEN '{Wallet.Kind.POINTS}' THEN 0 ELSE 1 END, id LIMIT 1)"
)


class Expiring(NamedTuple):
    """Points that can be used through a day and no longer."""

    expires_on: date
    points: int


@dataclass(frozen=True, slots=True)
class HistoryEntry:
    """One movement as its member sees it; ``amount`` is signed, in points."""

    id: int
    happened_at: datetime
    kind: str
    amount: int
    source_type: str
    source_id: int | None
    rule_name: str
    rule_version: int | None
    note: str
    taken_back: int

    @property
    def reversed(self) -> bool:
        """Tell whether all of it was undone, in one go or in parts."""
        return self.taken_back >= abs(self.amount)


def active_wallets() -> QuerySet[Wallet]:
    """Return the wallets in use, the one that members mean by "my points" first.

    That is the first wallet of points to spend; without one, the first of any kind.
    """
    spendable = Case(When(kind=Wallet.Kind.POINTS, then=0), default=1)
    return Wallet.objects.filter(is_active=True).order_by(spendable, "pk")


def points_wallet() -> Wallet | None:
    """Return the wallet that members mean by "my points"; None before set-up."""
    return active_wallets().first()


def balances(member_ids: Sequence[int], *, wallet: Wallet | None = None) -> dict[int, int]:
    """Return points by member id; who never earned has 0."""
    wallet = wallet or points_wallet()
    accounts = Account.objects.filter(wallet=wallet, member__in=member_ids)
    found = dict(accounts.values_list("member_id", "balance"))
    return {member_id: found.get(member_id, 0) for member_id in member_ids}


def expiring(
    member_ids: Sequence[int],
    *,
    at: datetime,
    within_days: int = 30,
    wallet: Wallet | None = None,
) -> dict[int, list[Expiring]]:
    """Return what expires in the coming days by member id, soonest first. Three queries."""
    wallet = wallet or points_wallet()
    if wallet is None:
        return {}
    today = local_date(at)
    horizon = today + timedelta(days=within_days)
    policy = ExpiryPolicy.of(wallet)
    lots = Lot.objects.filter(
        account__member__in=member_ids, account__wallet=wallet, remaining__gt=0
    ).filter(Q(expires_on__isnull=True) | Q(expires_on__range=(today, horizon)))
    sums = lots.values_list(
        "account__member_id", "expires_on", "account__active_on"
    ).annotate(points=Sum("remaining"))
    totals: dict[int, dict[date, int]] = defaultdict(lambda: defaultdict(int))
    for member_id, expires_on, active_on, points in sums:
        day = expires_on or last_day_of_undated(policy, active_on)
        if member_id and day and today <= day <= horizon:
            totals[member_id][day] += int(points)
    return {
        member_id: [Expiring(day, points) for day, points in sorted(days.items())]
        for member_id, days in totals.items()
    }


def expiring_by_wallet(
    member: Member, wallets: Sequence[Wallet], *, today: date, within_days: int
) -> dict[int, list[Expiring]]:
    """Return what of a member's wallets expires when, by wallet. One query."""
    horizon = today + timedelta(days=within_days)
    policies = {wallet.pk: ExpiryPolicy.of(wallet) for wallet in wallets}
    lots = Lot.objects.filter(
        account__member=member, account__wallet__in=policies, remaining__gt=0
    ).filter(Q(expires_on__isnull=True) | Q(expires_on__range=(today, horizon)))
    sums = lots.values_list(
        "account__wallet_id", "expires_on", "account__active_on"
    ).annotate(points=Sum("remaining"))
    totals: dict[int, dict[date, int]] = defaultdict(lambda: defaultdict(int))
    for wallet_id, expires_on, active_on, points in sums:
        day = expires_on or last_day_of_undated(policies[wallet_id], active_on)
        if day and today <= day <= horizon:
            totals[wallet_id][day] += int(points)
    return {
        wallet_id: [Expiring(day, points) for day, points in sorted(days.items())]
        for wallet_id, days in totals.items()
    }


def usable_points(member: Member, *, wallet: Wallet, on: date) -> int:
    """Return what a member can spend on a day: lots that are not past their last day."""
    account = Account.objects.filter(member=member, wallet=wallet).first()
    if account is None:
        return 0
    undated = last_day_of_undated(ExpiryPolicy.of(wallet), account.active_on)
    usable = Q(expires_on__gte=on)
    if undated is None or undated >= on:
        usable |= Q(expires_on__isnull=True)
    total = account.lots.filter(usable, remaining__gt=0).aggregate(sum=Sum("remaining"))
    return int(total["sum"] or 0)


def balance_as_of(member: Member, *, wallet: Wallet, at: datetime) -> int:
    """Return the balance that movements up to a business time come to."""
    account = Account.objects.filter(member=member, wallet=wallet).first()
    if account is None:
        return 0
    moved = Transfer.objects.filter(happened_at__lte=at)
    # Two queries: asked about both ends in one, the database reads the whole ledger.
    received, given = (
        side.aggregate(sum=Sum("amount"))["sum"] or 0
        for side in (moved.filter(to_account=account), moved.filter(from_account=account))
    )
    return int(received) - int(given)


@dataclass(frozen=True, slots=True)
class Pending:
    """Held points that become usable on a day; None waits for delivery."""

    usable_from: date | None
    points: int


@dataclass(frozen=True, slots=True)
class Holding:
    """What a member has in one wallet: usable, held for later, reserved at a till.

    ``reserved_until`` is when the last till gives back what it did not spend.
    """

    wallet: Wallet
    balance: int
    held: int
    reserved: int
    pending: list[Pending] = field(default_factory=list)
    reserved_until: datetime | None = None


def holdings(member: Member) -> list[Holding]:
    """Return what a member has in every active wallet, points first. Five queries.

    What waits for somebody who was merged into them waits for them.
    """
    accounts = {a.wallet_id: a for a in Account.objects.filter(member=member)}
    pending: dict[int, list[Pending]] = defaultdict(list)
    by_day = (
        _waiting_for(member)
        .values_list("account__wallet_id", "matures_on")
        .annotate(points=Sum("remaining"))
        .order_by(F("matures_on").asc(nulls_last=True))
    )
    for wallet_id, day, points in by_day:
        pending[wallet_id].append(Pending(day, int(points)))
    open_ones = Reservation.objects.filter(
        transfer__from_account__member=member, state=Reservation.State.OPEN
    )
    reserved = {
        wallet_id: (int(points), until)
        for wallet_id, points, until in open_ones.values_list(
            "transfer__from_account__wallet_id"
        ).annotate(points=Sum("amount"), until=Max("expires_at"))
    }
    return [
        _holding(wallet, accounts.get(wallet.pk), pending[wallet.pk], reserved)
        for wallet in active_wallets()
    ]


def _waiting_for(member: Member) -> QuerySet[Hold]:
    """Return the holds that a member waits for, those of who was merged into them too."""
    if member.is_merged:
        return Hold.objects.none()
    own = {member.pk, *merged_ids([member.pk]).get(member.pk, ())}
    return Hold.objects.filter(account__member__in=own, remaining__gt=0)


def _holding(
    wallet: Wallet,
    account: Account | None,
    pending: list[Pending],
    reserved: Mapping[int, tuple[int, datetime]],
) -> Holding:
    points, until = reserved.get(wallet.pk, (0, None))
    return Holding(
        wallet=wallet,
        balance=account.balance if account else 0,
        held=sum(entry.points for entry in pending),
        reserved=points,
        pending=pending,
        reserved_until=until,
    )


class Earned(NamedTuple):
    """What an order gave in one wallet when it was recorded, held amounts included."""

    wallet: Wallet
    amount: int


def earned_by_order(order_id: int, *, wallets: Sequence[Wallet]) -> list[Earned]:
    """Return what an order gave in these wallets, in their order. One query."""
    rows: Any = (
        Transfer.objects.filter(
            source_type="order", source_id=order_id, kind=Transfer.Kind.EARN
        )
        .values_list("from_account__wallet")
        .annotate(sum=Sum("amount"))
    )
    sums = dict(rows)
    return [Earned(one, int(sums[one.pk])) for one in wallets if one.pk in sums]


@dataclass(frozen=True, slots=True)
class OnTheirWay:
    """Held points of one cause: the day they become usable (None waits for delivery)."""

    usable_from: date | None
    points: int
    source_type: str
    source_id: int | None
    rule_name: str


def on_their_way(member: Member, *, wallet: Wallet) -> list[OnTheirWay]:
    """Return what a member is waiting for, soonest first, and for what. Two queries."""
    holds = _waiting_for(member).filter(account__wallet=wallet)
    cause = ("transfer__source_type", "transfer__source_id", "transfer__rule__name")
    rows = (
        holds.values_list("matures_on", *cause)
        .annotate(points=Sum("remaining"), newest=Max("pk"))
        .order_by(F("matures_on").asc(nulls_last=True), "-newest")
    )
    return [
        OnTheirWay(day, int(points), source_type, source_id, rule_name or "")
        for day, source_type, source_id, rule_name, points, _newest in rows
    ]


def history(
    member: Member,
    *,
    before_id: int | None = None,
    limit: int = 30,
    wallet: Wallet | None = None,
) -> list[HistoryEntry]:
    """Return a member's movements, newest first, from below ``before_id``.

    Three queries, and one more where the wallet is not given.
    """
    wallet = wallet or points_wallet()
    account = Account.objects.filter(member=member, wallet=wallet).first()
    if account is None:
        return []
    undone = F("taken_back__amount")
    transfers = Transfer.objects.select_related("rule").annotate(undone=undone)
    if before_id is not None:
        transfers = transfers.filter(pk__lt=before_id)
    # The newest of each end by its own index: no index answers for both in this order.
    ends = (transfers.filter(from_account=account), transfers.filter(to_account=account))
    newest = chain.from_iterable(end.order_by("-pk")[:limit] for end in ends)
    ordered = sorted(newest, key=lambda transfer: transfer.pk, reverse=True)
    return [_entry(transfer, account) for transfer in ordered[:limit]]


def _entry(transfer: Transfer, account: Account) -> HistoryEntry:
    sign = 1 if transfer.to_account_id == account.pk else -1
    return HistoryEntry(
        id=transfer.pk,
        happened_at=transfer.happened_at,
        kind=transfer.kind,
        amount=sign * transfer.amount,
        source_type=transfer.source_type,
        source_id=transfer.source_id,
        rule_name=transfer.rule.name if transfer.rule else "",
        rule_version=transfer.rule_version,
        note=transfer.note,
        taken_back=transfer.undone or 0,  # type: ignore[attr-defined]
    )
