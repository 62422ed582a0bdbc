"""Random histories of every verb, told to the ledger and to the model side by side."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable, Sequence
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

from django.db import transaction

from core.errors import DomainError
from members.models import Member
from points.audit import verify_ledger
from points.ledger import Posting, post
from points.models import Account, Hold, Lot, Reservation, TakenBack, Transfer, Wallet
from points.rules import save_wallet
from points.services import (
    Grant,
    TakeBack,
    adjust_points,
    capture_points,
    deliver_orders,
    expire_points,
    gift_points,
    grant_points,
    mature_points,
    member_accounts,
    programme_account,
    release_points,
    release_stale,
    reserve_points,
    reverse_transfer,
    spend_points,
    take_back,
)
from tests.factories import make_member, make_wallet
from tests.points.helpers import hold
from tests.points.ledger_model import (
    GIFT_FEE_PERCENT,
    GIFT_LIMIT,
    REFUSED,
    Hand,
    Model,
    Move,
    Rules,
)

START = datetime(2026, 1, 29, 5, 0, tzinfo=UTC)
NUM_MEMBERS = 2

MEMBERS = range(NUM_MEMBERS)
# The first allows no debt, the second does.
WALLETS = (0, 1)
ANY = range(40)
# Short lives, so that histories meet last days and the nights after them.
LIVES = (None, None, None, 0, 1, 2, 5)
SOME = range(1, 41)
FEW = range(1, 10)

# What may happen: how often, and what each of its facts is chosen from.
VERBS: tuple[tuple[int, str, tuple[Sequence[Any], ...]], ...] = (
    (5, "grant", (MEMBERS, WALLETS, range(10, 120), LIVES)),
    (4, "spend", (MEMBERS, WALLETS, SOME, (0, 0, 3))),
    (1, "adjust", (MEMBERS, (-25, -3, 4, 30))),
    (3, "gift", (MEMBERS, WALLETS, SOME)),
    (2, "hold", (MEMBERS, WALLETS, SOME, (0, 1, 4), LIVES)),
    (1, "send", (MEMBERS, WALLETS, SOME, (0, 2), LIVES)),
    (1, "deliver", (ANY,)),
    (1, "mature", ()),
    (4, "reserve", (MEMBERS, WALLETS, SOME)),
    (2, "capture", (ANY, (None, *FEW))),
    (1, "release", (ANY,)),
    (1, "stale", ()),
    (3, "back", (ANY, SOME, (True, False))),
    (3, "back", (ANY, FEW, (True, False))),
    (3, "reverse", (ANY,)),
    (1, "again", (ANY,)),
    (1, "minutes", ((10, 15),)),
    (2, "night", ((1, 2, 3, 14, 30),)),
    (1, "switch", ((0, 1), ("never", "rolling", "inactivity"))),
)


class Play:
    """One history, told to the ledger and to the model; both must answer the same."""

    def __init__(self, model: type[Model]) -> None:
        self.people = [make_member(code=f"P{i}") for i in range(NUM_MEMBERS)]
        terms: dict[str, Any] = {
            "transfers_allowed": True,
            "transfer_fee_percent": Decimal(GIFT_FEE_PERCENT),
            "transfer_daily_limit": GIFT_LIMIT,
            "expiry_months": 1,
            "expiry_policy": "never",
        }
        self.wallets = [
            make_wallet(code="points", **terms),
            make_wallet(code="cash", kind="cashback", allows_debt=True, **terms),
        ]
        self.model = model(NUM_MEMBERS, [Rules(debt=False), Rules(debt=True)])
        self.at = START
        self.number = 0
        # What was done, to be asked again word by word.
        self.done: list[tuple[Callable[[], Any], Any]] = []
        self.outcomes: Counter[str] = Counter()

    @property
    def today(self) -> date:
        return (self.at + timedelta(hours=7)).date()

    @property
    def key(self) -> str:
        return f"k{self.number}"

    def tell(self, history: Sequence[tuple[Any, ...]]) -> None:
        for number, (verb, *facts) in enumerate(history):
            self.number = number
            getattr(self, f"_{verb}")(*facts)
            self.compare()
        audit = verify_ledger()
        assert audit.ok, audit.differences

    def expect(
        self, wanted: Any, ask: Callable[[], Any], *, repeatable: bool = True
    ) -> None:
        try:
            answer = ask()
        except DomainError:
            answer = REFUSED
        assert answer == wanted
        self.outcomes["refused" if wanted == REFUSED else "done"] += 1
        if wanted != REFUSED and repeatable:
            self.done.append((ask, wanted))

    def compare(self) -> None:
        """Hold balances, lots, holds, reservations and what was undone side by side."""
        real: dict[tuple[int, int], int] = {}
        rows = Account.objects.filter(kind="member")
        for wallet_id, member_id, balance in rows.values_list(
            "wallet_id", "member_id", "balance"
        ):
            real[wallet_id, member_id] = balance
        for wallet, hands in zip(self.wallets, self.model.hands, strict=True):
            for member, hand in zip(self.people, hands, strict=True):
                assert real.get((wallet.pk, member.pk), 0) == hand.balance
        lots = Lot.objects.values_list("transfer__key", "expires_on", "remaining")
        assert {(key, day): n for key, day, n in lots} == self.model.points_by_heap()
        waiting = Hold.objects.filter(remaining__gt=0)
        held = dict(waiting.values_list("transfer__key", "remaining"))
        assert held == {m.key: m.waiting for m in self.model.moves if m.waiting}
        states = dict(Reservation.objects.values_list("transfer__key", "state"))
        assert states == {r.key: r.state for r in self.model.reserves}
        undone = TakenBack.objects.filter(amount__gt=0).exclude(
            transfer__kind__in=["reserve", "mature"]
        )
        counted = dict(undone.values_list("transfer__key", "amount"))
        moves = self.model.moves
        assert counted == {m.key: m.amount - m.left for m in moves if m.left < m.amount}

    # Verbs: told to the model first, then to the ledger.

    def _who(self, member: int, wallet: int) -> tuple[Member, Wallet, Hand]:
        return (
            self.people[member],
            self.wallets[wallet],
            self.model.hands[wallet][member],
        )

    def _day(self, life: int | None) -> date | None:
        return None if life is None else self.today + timedelta(days=life)

    def _grant(self, member: int, wallet: int, amount: int, life: int | None) -> None:
        owner, purse, hand = self._who(member, wallet)
        key, at, ends = self.key, self.at, self._day(life)

        def ask() -> str:
            if wallet == 0:
                grant_points(grants=[Grant(owner.pk, amount, key, ends)], at=at)
                return key
            account = member_accounts(purse, [owner.pk])[owner.pk]
            issued = programme_account(purse, Account.Kind.ISSUED)
            terms = {"happened_at": at, "expires_on": ends}
            post([Posting(key, "earn", issued, account, amount, **terms)])
            return key

        self.expect(self.model.grant(hand, amount, key, ends, self.today), ask)

    def _spend(self, member: int, wallet: int, amount: int, late: int) -> None:
        owner, purse, hand = self._who(member, wallet)
        key, at = self.key, self.at - timedelta(days=late)
        day = self.today - timedelta(days=late)
        self.expect(
            self.model.spend(hand, amount, key, day),
            lambda: (
                spend_points(member=owner, amount=amount, key=key, at=at, wallet=purse).key
            ),
        )

    def _adjust(self, member: int, amount: int) -> None:
        owner, _purse, hand = self._who(member, 0)
        key, at = self.key, self.at
        why: dict[str, Any] = {"note": "Goodwill", "actor": "staff"}
        self.expect(
            self.model.adjust(hand, amount, key, self.today),
            lambda: adjust_points(member=owner, amount=amount, key=key, at=at, **why).key,
        )

    def _gift(self, member: int, wallet: int, amount: int) -> None:
        giver, purse, hand = self._who(member, wallet)
        receiver, _purse, taker = self._who(1 - member, wallet)
        facts: dict[str, Any] = {"amount": amount, "key": self.key, "at": self.at}
        self.expect(
            self.model.gift(hand, taker, amount, self.key, self.today),
            lambda: gift_points(giver=giver, receiver=receiver, wallet=purse, **facts).key,
        )

    def _hold(
        self, member: int, wallet: int, amount: int, days: int, life: int | None
    ) -> None:
        usable = self._day(days)
        self._keep(member, wallet, Move(self.key, amount, usable_from=usable), life)

    def _send(
        self, member: int, wallet: int, amount: int, days: int, life: int | None
    ) -> None:
        """Goods are on their way: their points wait for the delivery."""
        order = 1000 + self.number
        self._keep(member, wallet, Move(self.key, amount, order=order, days=days), life)

    def _keep(self, member: int, wallet: int, move: Move, life: int | None) -> None:
        owner, purse, hand = self._who(member, wallet)
        move.ends = self._day(life)
        at = self.at
        terms: dict[str, Any] = {
            "wallet": purse,
            "matures_on": move.usable_from,
            "days_after_delivery": move.days if move.order else None,
            "order_id": move.order,
            "ends": move.ends,
        }

        def ask() -> str:
            transfer = hold(owner, move.amount, move.key, at, **terms)
            move.matured_as = f"mature:{transfer.pk}"
            return transfer.key

        self.expect(self.model.hold(hand, move), ask)

    def _deliver(self, index: int) -> None:
        orders = [move.order for move in self.model.moves if move.order]
        if orders:
            order, at = orders[index % len(orders)], self.at
            self.expect(
                self.model.deliver(order, self.today),
                lambda: deliver_orders([order], at=at).points,
                repeatable=False,
            )

    def _mature(self) -> None:
        matured = self.model.mature(self.today)
        assert mature_points(at=self.at).points == matured

    def _reserve(self, member: int, wallet: int, amount: int) -> None:
        owner, purse, hand = self._who(member, wallet)
        key, at = self.key, self.at
        facts: dict[str, Any] = {"source": "till", "reference": key, "wallet": purse}
        self.expect(
            self.model.reserve(hand, amount, f"reserve:till:{key}", at, self.today),
            lambda: (
                reserve_points(member=owner, amount=amount, at=at, **facts).transfer.key
            ),
        )

    def _one_reserve(self, index: int) -> tuple[Move, Reservation] | None:
        if not self.model.reserves:
            return None
        move = self.model.reserves[index % len(self.model.reserves)]
        return move, Reservation.objects.get(transfer__key=move.key)

    def _capture(self, index: int, amount: int | None) -> None:
        if found := self._one_reserve(index):
            move, reservation = found
            wanted, at = amount or move.amount, self.at
            # Asking once more with the same amount is the repeat of the first.
            if move.state == "captured":
                return
            self.expect(
                self.model.capture(move, wanted, f"capture:{reservation.pk}", at),
                lambda: capture_points(reservation=reservation, amount=amount, at=at).state,
            )

    def _release(self, index: int) -> None:
        if found := self._one_reserve(index):
            move, reservation = found
            at = self.at
            self.expect(
                self.model.release(move),
                lambda: release_points(reservation=reservation, at=at).state,
            )

    def _stale(self) -> None:
        released = self.model.release_stale(self.at)
        assert release_stale(at=self.at) == released

    def _one_move(self, index: int) -> tuple[Move, Transfer] | None:
        if not self.model.moves:
            return None
        move = self.model.moves[index % len(self.model.moves)]
        return move, Transfer.objects.get(key=move.key)

    def _back(self, index: int, amount: int, clamp: bool) -> None:
        if found := self._one_move(index):
            move, transfer = found
            part, at = TakeBack(transfer.pk, amount, self.key, clamp), self.at
            wanted = self.model.take_back(move, amount, clamp=clamp)
            self.expect(
                wanted,
                lambda: take_back([part], at=at)[0].amount,
                # Nothing to take leaves nothing behind to be recognised by.
                repeatable=wanted != 0,
            )

    def _reverse(self, index: int) -> None:
        if found := self._one_move(index):
            move, transfer = found
            key, at = self.key, self.at
            wanted = self.model.take_back(move, move.amount, clamp=False)
            self.expect(
                wanted,
                lambda: reverse_transfer(transfer=transfer, key=key, at=at).amount,
            )

    def _again(self, index: int) -> None:
        if self.done:
            ask, answer = self.done[index % len(self.done)]
            assert ask() == answer

    def _minutes(self, number: int) -> None:
        self.at += timedelta(minutes=number)

    def _night(self, days: int) -> None:
        self.at += timedelta(days=days)
        lost = self.model.night(self.today)
        assert expire_points(at=self.at).points == lost

    def _switch(self, number: int, policy: str) -> None:
        wallet = Wallet.objects.get(pk=self.wallets[number].pk)
        wallet.expiry_policy = policy
        self.wallets[number] = save_wallet(wallet, at=self.at)
        self.model.switch(self.model.rules[number], policy, self.today)


def play(history: Sequence[tuple[Any, ...]], model: type[Model] = Model) -> Play:
    """Tell one history, compare after each step, and leave nothing behind."""
    with transaction.atomic():
        try:
            game = Play(model)
            game.tell(history)
        finally:
            transaction.set_rollback(True)
    return game


def play_seed(seed: int, length: int, model: type[Model] = Model) -> Play:
    """Play the history of a seed; whatever goes wrong names the seed."""
    try:
        return play(history_of(seed, length), model)
    except Exception as wrong:
        wrong.add_note(f"play_seed({seed}, {length})")
        raise


def history_of(seed: int, length: int) -> list[tuple[Any, ...]]:
    """Return the long history that follows from a seed."""
    chance = random.Random(seed)
    picked = chance.choices(VERBS, [weight for weight, *_rest in VERBS], k=length)
    return [(verb, *map(chance.choice, facts)) for _weight, verb, facts in picked]
