"""Taking back: what a transfer moved returns to where it came from, whole or in part."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import groupby
from typing import NamedTuple

from django.db import transaction
from django.utils.translation import gettext as _

from core.money import spread_whole
from core.retry import retry_on_conflict
from points.errors import AlreadyReversed, KeyReused, NotReversible
from points.ledger import Held, Posting, lock_accounts, post
from points.links import Link
from points.models import Hold, Lot, Reservation, TakenBack, Transfer
from points.services.holding import lower_holds
from points.services.merging import Origin, fetch_points, lock_with_kept, pass_on

# A reservation is released, what matured is undone with its earning, what moved with a
# merge when that is undone, and who wants a reversal undone posts anew.
UNDONE_ELSEWHERE = frozenset(
    (
        Transfer.Kind.RESERVE,
        Transfer.Kind.MATURE,
        Transfer.Kind.REVERSE,
        Transfer.Kind.MERGE,
    )
)


class TakeBack(NamedTuple):
    """A wish to undo ``amount`` (wallet units) of a transfer.

    ``clamp``: where the wallet allows no debt, take only what is still there. Neighbours
    of one ``share`` bear what is missing together, each by what was asked of it: what a
    partner and the brand have paid for one rule.
    """

    transfer_id: int
    amount: int
    key: str
    clamp: bool = False
    share: str = ""


class Taken(NamedTuple):
    """What was really undone of a transfer."""

    transfer_id: int
    amount: int


@retry_on_conflict
@transaction.atomic
def reverse_transfer(
    *, transfer: Transfer, key: str, at: datetime, note: str = "", actor: str = ""
) -> Transfer:
    """Undo a whole transfer once; points that were drawn go back into their own lots.

    Raises AlreadyReversed when any of it was undone under another key, NotEnoughPoints
    when the points are spent and the wallet allows no debt.
    """
    # The same lock order as every posting: the transfer's key row stands already, so its
    # accounts come first; two reversals of one transfer meet here.
    lock_accounts([transfer.from_account_id, transfer.to_account_id])
    earlier = Transfer.objects.filter(reverses=transfer).first()
    if earlier is not None and earlier.key != key:
        raise AlreadyReversed(_("This movement was taken back before."))
    take_back([TakeBack(transfer.pk, transfer.amount, key)], at=at, note=note, actor=actor)
    return Transfer.objects.get(key=key)


@retry_on_conflict
@transaction.atomic
def take_back(
    parts: Sequence[TakeBack], *, at: datetime, note: str = "", actor: str = ""
) -> list[Taken]:
    """Undo parts of transfers; the answer has one entry for each part, in order.

    What was earned and is still held leaves the hold first. What paid at a till as a
    reservation is undone through both of its transfers. What a member earned or spent
    before being merged is settled with who was kept. Repeating a key changes nothing and
    answers what it did. Raises AlreadyReversed when more would be undone than was
    moved, NotEnoughPoints where debt is not allowed and ``clamp`` not asked for,
    KeyReused, NotReversible.
    """
    undoing = _Undoing(parts, at=at, note=note, actor=actor)
    for share, some in groupby(parts, key=lambda part: part.share):
        if share:
            undoing.add_together(list(some))
        else:
            for part in some:
                undoing.add_together([part])
    lower_holds(undoing.from_holds)
    for chain, amount, origin in undoing.fetches:
        fetch_points(chain, amount, at=at, origin=origin)
    post(undoing.postings)
    pass_on(undoing.links, at=at)
    return [Taken(part.transfer_id, undoing.taken[part.key]) for part in parts]


@dataclass(slots=True)
class _Chain:
    """A transfer with what followed from it, read under the lock of its accounts."""

    transfer: Transfer
    left: int
    hold: Hold | None = None
    matured: Transfer | None = None
    reserve: Transfer | None = None


@dataclass(frozen=True, slots=True)
class _Plan:
    """How a part is undone: out of a hold, and the rest out of its payer's account."""

    part: TakeBack
    chain: _Chain
    amount: int
    still_held: int
    payer: int | None


class _Undoing:
    """Works out the postings that undo parts of transfers."""

    def __init__(
        self, parts: Sequence[TakeBack], *, at: datetime, note: str, actor: str
    ) -> None:
        self.at, self.note, self.actor = at, note, actor
        self.postings: list[Posting] = []
        self.from_holds: dict[int, int] = {}
        self.fetches: list[tuple[list[Link], int, Origin]] = []
        ids = [part.transfer_id for part in parts]
        self.accounts, self.links, self.chains = _read_chains(ids)
        self.usable = {pk: account.usable for pk, account in self.accounts.items()}
        keys = [part.key for part in parts]
        self.repeats = {t.key: t for t in Transfer.objects.filter(key__in=keys)}
        self.taken: dict[str, int] = {}

    def add_together(self, parts: Sequence[TakeBack]) -> None:
        """Undo parts that share what cannot be taken, but those that were undone before."""
        plans = [self._plan(part) for part in parts if not self._is_repeat(part)]
        for _payer, some in groupby(plans, key=lambda plan: plan.payer):
            group = list(some)
            wanted = [plan.amount - plan.still_held for plan in group]
            clamp = group[0].part.clamp
            found = self._available(group[0].payer, sum(wanted), clamp=clamp)
            for plan, amount in zip(group, spread_whole(found, wanted), strict=True):
                self._carry_out(plan, amount)

    def _is_repeat(self, part: TakeBack) -> bool:
        repeat = self.repeats.get(part.key)
        if repeat is None:
            return False
        if repeat.reverses_id != part.transfer_id:
            raise KeyReused(part.key)
        self.taken[part.key] = repeat.amount
        return True

    def _plan(self, part: TakeBack) -> _Plan:
        chain = self.chains[part.transfer_id]
        if chain.transfer.kind in UNDONE_ELSEWHERE:
            raise NotReversible(
                _("This movement is undone through the one that it belongs to.")
            )
        amount = min(part.amount, chain.left) if part.clamp else part.amount
        still_held = 0
        if chain.hold is not None:
            still_held = min(amount, chain.hold.remaining)
        payer = chain.matured.to_account_id if chain.matured else None
        if chain.hold is None:
            payer = chain.transfer.to_account_id
        return _Plan(part, chain, amount, still_held, payer)

    def _carry_out(self, plan: _Plan, from_member: int) -> None:
        part, chain, still_held = plan.part, plan.chain, plan.still_held
        if plan.payer in self.links and from_member:
            earned = chain.matured or chain.transfer
            self.fetches.append((self.links[plan.payer], from_member, _origin(earned)))
        amount = still_held + from_member
        self.taken[part.key] = amount
        if not amount:
            return
        chain.left -= amount
        if chain.hold is not None and still_held:
            chain.hold.remaining -= still_held
            pk = chain.hold.pk
            self.from_holds[pk] = self.from_holds.get(pk, 0) + still_held
        if chain.matured is not None and from_member:
            self._undo(chain.matured, from_member, f"{part.key}:matured")
        if chain.reserve is not None:
            self._undo(chain.reserve, amount, f"{part.key}:reserved")
        self._undo(chain.transfer, amount, part.key)

    def _available(self, payer: int | None, wanted: int, *, clamp: bool) -> int:
        """Say how much a member's account can give; the programme's can give anything."""
        if links := self.links.get(payer or 0):
            payer = links[-1].kept
        account = self.accounts.get(payer or 0)
        if account is None or not clamp or account.may_go_negative:
            return wanted
        given = min(wanted, self.usable[account.id])
        self.usable[account.id] -= given
        return given

    def _undo(self, transfer: Transfer, amount: int, key: str) -> None:
        self.postings.append(
            Posting(
                key=key,
                kind=Transfer.Kind.REVERSE.value,
                from_account=transfer.to_account_id,
                to_account=transfer.from_account_id,
                amount=amount,
                happened_at=self.at,
                source_type=transfer.source_type,
                source_id=transfer.source_id,
                rule_id=transfer.rule_id,
                rule_version=transfer.rule_version,
                reverses_id=transfer.pk,
                funder_id=transfer.funder_id,
                actor=self.actor,
                note=self.note,
            )
        )


def _read_chains(
    transfer_ids: Sequence[int],
) -> tuple[dict[int, Held], dict[int, list[Link]], dict[int, _Chain]]:
    """Lock every account that undoing could touch, then read what there is to undo."""
    transfers = Transfer.objects.in_bulk(set(transfer_ids))
    reserves = {
        r.capture_id: r.transfer
        for r in Reservation.objects.filter(capture__in=transfers).select_related(
            "transfer"
        )
    }
    owners = dict(Hold.objects.filter(pk__in=transfers).values_list("pk", "account_id"))
    touched = {*owners.values()}
    for transfer in (*transfers.values(), *reserves.values()):
        touched |= {transfer.from_account_id, transfer.to_account_id}
    accounts, links = lock_with_kept(touched)
    holds = Hold.objects.in_bulk(owners)
    matured = _matured(list(owners))
    undone: dict[int, int] = defaultdict(int)
    undone.update(
        TakenBack.objects.filter(pk__in=transfers).values_list("transfer_id", "amount")
    )
    chains = {
        pk: _Chain(
            transfer,
            transfer.amount - undone[pk],
            holds.get(pk),
            matured.get(pk),
            reserves.get(pk),
        )
        for pk, transfer in transfers.items()
    }
    return accounts, links, chains


def _origin(earned: Transfer) -> Origin:
    """Say in which lot points were earned that are taken back now."""
    lots = Lot.objects.filter(transfer=earned, account_id=earned.to_account_id)
    day = lots.order_by("pk").values_list("expires_on", flat=True).first()
    return Origin(earned.pk, day)


def _matured(earned_ids: Sequence[int]) -> dict[int, Transfer]:
    """Return the transfers that released held points, by the transfer that earned them."""
    keys = {f"mature:{pk}": pk for pk in earned_ids}
    found = Transfer.objects.filter(key__in=keys)
    return {keys[transfer.key]: transfer for transfer in found}
