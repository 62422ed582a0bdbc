"""Points of two members who are one, and how they part again.

A merged member's account stays in the ledger, because what was earned on it can only be
taken back from it; but it holds nothing. What comes to it moves on to who was kept, and
what it has to pay is fetched from there, each by a movement of kind MERGE that names the
merge. A movement first undoes those that went the other way, so that at any time what
stands between the two accounts goes in one direction, and undoing the merge reverses it.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from django.db.models import Sum
from django.utils.translation import gettext as _

from core.clock import local_date
from points.earning.caps import shift_uses
from points.errors import PointsReserved
from points.ledger import Held, Posting, lock_accounts, post
from points.links import Link, links_of
from points.models import (
    Account,
    EarnUse,
    LotDraw,
    Reservation,
    TakenBack,
    Transfer,
    Wallet,
)
from points.services.accounts import expiry_day, own_accounts

MERGE = "merge"
Chain = list[Link]


@dataclass(frozen=True, slots=True)
class Origin:
    """Where points that are fetched were earned: the movement, and their last day."""

    transfer_id: int
    expires_on: date | None


@dataclass(frozen=True, slots=True)
class GoingBack:
    """What undoing a merge does in one wallet, in its units.

    ``back`` returns to the merged member (below zero: to the kept one), ``short`` was spent
    meanwhile and cannot be given back, ``expired`` ended meanwhile.
    """

    wallet: Wallet
    back: int = 0
    short: int = 0
    expired: int = 0


# --- Movements along a merge --------------------------------------------------------------


def lock_with_kept(
    account_ids: Collection[int],
) -> tuple[dict[int, Held], dict[int, Chain]]:
    """Lock members' accounts, and after them those of who was kept.

    Returns the locked accounts and, for accounts of merged members, the links up to the
    account that stands for them now.
    """
    accounts: dict[int, Held] = {}
    chains: dict[int, Chain] = {}
    last = {pk: pk for pk in account_ids}
    while last:
        accounts |= lock_accounts(set(last.values()) - accounts.keys())
        # Only now: a merge holds both accounts until it has committed.
        links = links_of(set(last.values()))
        for first, now in last.items():
            if link := links.get(now):
                chains.setdefault(first, []).append(link)
        last = {first: links[now].kept for first, now in last.items() if now in links}
    return accounts, chains


def fetch_points(
    chain: Chain, amount: int, *, at: datetime, origin: Origin | None = None
) -> None:
    """Bring points down to a merged member's account, those of their origin first."""
    for link in reversed(chain):
        _move(link.merge_id, link.merged, link.kept, link.merged, amount, at, origin)


def pass_on(chains: Mapping[int, Chain], *, at: datetime) -> None:
    """Move on what came to accounts of merged members; their debts are paid from above."""
    for link in {link: None for chain in chains.values() for link in chain}:
        balance = Account.objects.values_list("balance", flat=True).get(pk=link.merged)
        settle(link, balance, at=at)


def settle(link: Link, balance: int, *, at: datetime) -> None:
    """Bring a merged member's account to zero."""
    source, target = link.merged, link.kept
    if balance < 0:
        source, target = target, source
    if balance:
        _move(link.merge_id, link.merged, source, target, abs(balance), at, None)


def _move(
    merge_id: int,
    merged: int,
    source: int,
    target: int,
    amount: int,
    at: datetime,
    origin: Origin | None,
) -> None:
    """Write a movement between the accounts of a merge, undoing the other way first."""
    # Every movement of the merged account raises its version, so the key is new.
    version = Account.objects.values_list("version", flat=True).get(pk=merged)
    key = f"{MERGE}:{merge_id}:{merged}:{version}"
    movement = Posting(
        key=key,
        kind=Transfer.Kind.MERGE.value,
        from_account=source,
        to_account=target,
        amount=amount,
        happened_at=at,
        source_type=MERGE,
        source_id=merge_id,
        expires_on=origin.expires_on if origin else None,
    )
    postings = []
    for transfer, left in _outstanding(merge_id, source=target, target=source):
        if part := min(left, amount):
            lot_id = _lot_of(transfer, origin) if origin else None
            postings.append(
                movement._replace(
                    key=f"{key}:{transfer.pk}",
                    kind=Transfer.Kind.REVERSE.value,
                    reverses_id=transfer.pk,
                    amount=part,
                    lot_id=lot_id,
                )
            )
            amount -= part
    if amount:
        postings.append(movement._replace(amount=amount))
    post(postings)


def _outstanding(
    merge_id: int, *, source: int, target: int
) -> Iterable[tuple[Transfer, int]]:
    """Yield what moved between two accounts with a merge and was not taken back."""
    moved = Transfer.objects.filter(
        source_type=MERGE,
        source_id=merge_id,
        kind=Transfer.Kind.MERGE,
        from_account=source,
        to_account=target,
    ).order_by("pk")
    counts = TakenBack.objects.filter(transfer__in=moved)
    undone = dict(counts.values_list("transfer_id", "amount"))
    for transfer in moved:
        if left := transfer.amount - undone.get(transfer.pk, 0):
            yield transfer, left


def _lot_of(transfer: Transfer, origin: Origin) -> int | None:
    """Find the lot that a movement had drawn on and that the fetched points came from."""
    draws = LotDraw.objects.filter(
        transfer=transfer,
        lot__account_id=transfer.from_account_id,
        lot__expires_on=origin.expires_on,
    )
    lots = draws.values_list("lot_id", "lot__transfer_id")
    ordered = sorted(lots, key=lambda lot: (lot[1] != origin.transfer_id, lot[0]))
    return ordered[0][0] if ordered else None


# --- Merge --------------------------------------------------------------------------------


def merge_points(
    *, merge_id: int, kept_id: int, merged_id: int, at: datetime
) -> dict[str, Any]:
    """Move every wallet of a merged member to the kept one; returns what moved.

    Balances move with the last days of their lots, a debt moves too. Held points stay
    where they wait and pass on when their day comes. Raises PointsReserved while a till
    holds points of either.
    """
    limits = _join_limits(kept_id, merged_id)
    pairs = _pairs(kept_id, merged_id)
    accounts = lock_accounts([pk for pair in pairs for pk in pair[1:]])
    _refuse_while_reserved(accounts)
    wallets, active = [], []
    for wallet, merged, kept in pairs:
        active += _join_activity(accounts[merged], accounts[kept])
        settle(Link(merge_id, merged, kept), accounts[merged].balance, at=at)
        wallets.append([wallet.pk, accounts[merged].balance])
    return {"wallets": wallets, "limits": limits, "active_on": active}


def _pairs(kept_id: int, merged_id: int) -> list[tuple[Wallet, int, int]]:
    """Return the accounts of both in every wallet of the merged member, made if missing."""
    owned = Account.objects.filter(member=merged_id).select_related("wallet")
    return [
        (account.wallet, account.pk, own_accounts(account.wallet, [kept_id])[kept_id])
        for account in owned.order_by("pk")
    ]


def _refuse_while_reserved(accounts: Collection[int]) -> None:
    held = Reservation.objects.filter(
        state=Reservation.State.OPEN, transfer__from_account__in=list(accounts)
    )
    if first := held.first():
        raise PointsReserved(
            _(
                "A till is holding points of one of them (reference %(reference)s). "
                "Try again when the payment is through."
            )
            % {"reference": first.reference}
        )


def _join_activity(merged: Held, kept: Held) -> list[list[Any]]:
    """Let no point end sooner: the later of the two last activities counts."""
    if merged.active_on is None or (kept.active_on and kept.active_on >= merged.active_on):
        return []
    Account.objects.filter(pk=kept.id).update(active_on=merged.active_on)
    before = kept.active_on.isoformat() if kept.active_on else None
    return [[kept.id, before, merged.active_on.isoformat()]]


def _join_limits(kept_id: int, merged_id: int) -> list[list[Any]]:
    """Count what rules gave to the merged member among what they gave to the kept one."""
    uses = EarnUse.objects.filter(member=merged_id).order_by("pk")
    rows = list(uses.values_list("rule_id", "period", "starts_on", "points", "times"))
    shift_uses({(rule, kept_id, period, day): (p, t) for rule, period, day, p, t in rows})
    return [[rule, period, day.isoformat(), p, t] for rule, period, day, p, t in rows]


# --- Un-merge -----------------------------------------------------------------------------


def plan_unmerge(*, merge_id: int, kept_id: int, merged_id: int) -> list[GoingBack]:
    """Say what undoing a merge would move in each wallet now."""
    pairs = _pairs(kept_id, merged_id)
    held = Account.objects.in_bulk([pk for pair in pairs for pk in pair[1:]])
    return [
        _plan(wallet, _Between(merge_id, merged, kept), held)[0]
        for wallet, merged, kept in pairs
    ]


def unmerge_points(
    *,
    merge_id: int,
    kept_id: int,
    merged_id: int,
    moved: Mapping[str, Any],
    at: datetime,
) -> list[GoingBack]:
    """Send back what a merge moved, into its own lots.

    What the kept member spent meanwhile becomes their debt or, where the wallet allows
    none, stays missing. Raises PointsReserved.
    """
    shift_uses(
        {
            (rule, kept_id, period, date.fromisoformat(day)): (-points, -times)
            for rule, period, day, points, times in moved["limits"]
        }
    )
    pairs = _pairs(kept_id, merged_id)
    lock_accounts([pk for pair in pairs for pk in pair[1:]])
    held = Account.objects.in_bulk([pk for pair in pairs for pk in pair[1:]])
    _refuse_while_reserved(held)
    outcomes = []
    for wallet, merged, kept in pairs:
        outcome, parts = _plan(wallet, _Between(merge_id, merged, kept), held)
        day = expiry_day(wallet, local_date(at))
        post([_send_back(transfer, part, at, day) for transfer, part in parts])
        outcomes.append(outcome)
    _part_activity(moved["active_on"])
    return outcomes


@dataclass(frozen=True, slots=True)
class _Between:
    """The two accounts of a merge in one wallet."""

    merge_id: int
    merged: int
    kept: int


def _plan(
    wallet: Wallet, between: _Between, held: Mapping[int, Account]
) -> tuple[GoingBack, list[tuple[Transfer, int]]]:
    """Work out what goes back of every movement that stands; one direction has none."""
    outcome, parts = GoingBack(wallet), []
    for source, target, sign in (
        (between.merged, between.kept, 1),
        (between.kept, between.merged, -1),
    ):
        payer = held[target]
        usable = max(payer.balance, 0)
        moved = list(_outstanding(between.merge_id, source=source, target=target))
        for transfer, left in moved:
            expired = min(left, _expired(transfer))
            wanted = left - expired
            part = wanted if payer.may_go_negative else min(wanted, usable)
            usable -= part
            outcome = GoingBack(
                wallet,
                outcome.back + sign * part,
                outcome.short + wanted - part,
                outcome.expired + expired,
            )
            if part:
                parts.append((transfer, part))
    return outcome, parts


def _expired(transfer: Transfer) -> int:
    """Return how much of what a movement brought has expired where it went."""
    draws = LotDraw.objects.filter(
        lot__transfer=transfer, transfer__kind=Transfer.Kind.EXPIRE
    )
    return int(draws.aggregate(sum=Sum("amount"))["sum"] or 0)


def _send_back(transfer: Transfer, amount: int, at: datetime, day: date | None) -> Posting:
    return Posting(
        key=f"unmerge:{transfer.pk}",
        kind=Transfer.Kind.REVERSE.value,
        from_account=transfer.to_account_id,
        to_account=transfer.from_account_id,
        amount=amount,
        happened_at=at,
        source_type=MERGE,
        source_id=transfer.source_id,
        reverses_id=transfer.pk,
        expires_on=day,
    )


def _part_activity(joined: Sequence[Sequence[Any]]) -> None:
    """Take the other's last activity away again, unless the member was active since."""
    for pk, before, after in joined:
        unchanged = Account.objects.filter(pk=pk, active_on=date.fromisoformat(after))
        unchanged.update(active_on=date.fromisoformat(before) if before else None)
