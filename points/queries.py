"""Questions about points: balance, what expires when, history. Constant queries each."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import NamedTuple

from django.db.models import Exists, OuterRef, Q, Sum

from core.clock import local_date
from members.models import Member
from points.models import Account, Lot, Transfer, Wallet


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
    reversed: bool


def points_wallet() -> Wallet | None:
    """Return the wallet that members mean by "my points"; None before set-up."""
    return Wallet.objects.filter(is_active=True).order_by("pk").first()


def balances(member_ids: Sequence[int], *, wallet: Wallet | None = None) -> dict[int, int]:
    """Return points by member id; who never earned has 0."""
    wallet = wallet or points_wallet()
    accounts = Account.objects.filter(wallet=wallet, member__in=member_ids)
    found = dict(accounts.values_list("member_id", "balance"))
    return {member_id: found.get(member_id, 0) for member_id in member_ids}


def expiring(
    member_ids: Sequence[int], *, at: datetime, within_days: int = 30
) -> dict[int, list[Expiring]]:
    """Return what expires in the coming days by member id, soonest first."""
    today = local_date(at)
    lots = (
        Lot.objects.filter(account__member__in=member_ids, remaining__gt=0)
        .filter(account__wallet=points_wallet())
        .filter(expires_on__gte=today)
        .filter(expires_on__lte=today + timedelta(days=within_days))
        .values("account__member_id", "expires_on")
        .annotate(points=Sum("remaining"))
        .order_by("account__member_id", "expires_on")
    )
    result: dict[int, list[Expiring]] = defaultdict(list)
    for row in lots:
        result[row["account__member_id"]].append(
            # The filter above has left out the lots that never expire.
            Expiring(row["expires_on"], int(row["points"]))  # type: ignore[arg-type]
        )
    return dict(result)


def history(
    member: Member, *, before_id: int | None = None, limit: int = 30
) -> list[HistoryEntry]:
    """Return a member's movements, newest first, from below ``before_id``. Two queries."""
    account = Account.objects.filter(member=member, wallet=points_wallet()).first()
    if account is None:
        return []
    transfers = Transfer.objects.filter(Q(from_account=account) | Q(to_account=account))
    if before_id is not None:
        transfers = transfers.filter(pk__lt=before_id)
    reversals = Transfer.objects.filter(reverses=OuterRef("pk"))
    transfers = transfers.select_related("rule").annotate(undone=Exists(reversals))
    return [_entry(transfer, account) for transfer in transfers.order_by("-pk")[:limit]]


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
        reversed=bool(transfer.undone),  # type: ignore[attr-defined]
    )
