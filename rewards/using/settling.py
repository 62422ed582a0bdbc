"""An order is told and names its vouchers: facts are facts.

The till has given the discount already, so an order is never refused for its vouchers.
What it held is used now and belongs to the order; what it did not hold is used if it can
be, else the answer says why not. What it held and does not name goes back.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from django.db import transaction
from django.utils.translation import gettext as _

from core.errors import InvalidInput
from members.models import Member
from rewards.codes import normalise_code
from rewards.errors import VoucherRefused
from rewards.models import Voucher, VoucherUse
from rewards.offers import Lock
from rewards.using.checking import UNUSABLE, Found, check, look_up, neutral
from rewards.using.checkout import Checkout, fingerprint
from rewards.using.claiming import Claim, claim_uses
from rewards.using.counting import end_uses
from rewards.using.groups import (
    LIVE,
    State,
    locked_uses,
    mark_used,
    use_of_closed,
    uses_of,
)

CANCELLED = "order_cancelled"


@dataclass(frozen=True, slots=True)
class OrderVouchers:
    """The codes that a recorded order names, and the order as it was before them.

    ``happened_at`` is when the vouchers were given: a voucher that was good then is good.
    """

    order_id: int
    source: str
    number: str
    member_id: int
    happened_at: datetime
    codes: tuple[str, ...]
    checkout: Checkout
    is_cancelled: bool = False


@dataclass(frozen=True, slots=True)
class Settled:
    """What became of one code: its use, or why there is none, as the reader may know it."""

    code: str
    use: VoucherUse | None = None
    refusal: Lock | None = None

    @property
    def is_miss(self) -> bool:
        return self.refusal is not None and self.refusal.code == UNUSABLE


@transaction.atomic
def settle_vouchers(order: OrderVouchers, *, at: datetime) -> list[Settled]:
    """Settle the vouchers of an order that was recorded just now, code by code."""
    found = _look_up(order.codes)
    if order.is_cancelled:
        _let_go(locked_uses(order.source, order.number), at=at)
        lock = Lock(CANCELLED, _("The order was cancelled."))
        return [Settled(one.typed, refusal=lock) for one in found]
    settling = _Settling(order, found, at)
    settling.use_what_is_held()
    settling.use_the_rest()
    return [settling.settled[one.typed] for one in found]


def settled_before(
    orders: Collection[tuple[int, Sequence[str]]],
) -> dict[int, list[Settled]]:
    """Say what became of the codes of orders that were recorded before. One query."""
    if not orders:
        return {}
    uses = VoucherUse.objects.filter(order__in=[order_id for order_id, _codes in orders])
    by_code = {
        (use.order_id, use.voucher.code): use
        for use in uses.select_related("voucher__voucher_type")
    }
    return {
        order_id: [
            Settled(typed, use=use) if use else Settled(typed, refusal=neutral())
            for typed in _once(codes)
            for use in [by_code.get((order_id, normalise_code(typed)))]
        ]
        for order_id, codes in orders
    }


@dataclass(slots=True)
class _Settling:
    """One order's vouchers on their way."""

    order: OrderVouchers
    found: Sequence[Found]
    at: datetime
    settled: dict[str, Settled] = field(default_factory=dict)
    beside: list[Voucher] = field(default_factory=list)

    def use_what_is_held(self) -> None:
        """Let the holds that the order names be its uses, and the others go."""
        self.beside = []
        group = locked_uses(self.order.source, self.order.number)
        named = {one.voucher.pk: one for one in self.found if one.voucher}
        ours = [use for use in group if use.voucher_id in named]
        _let_go([use for use in group if use.voucher_id not in named], at=self.at)
        moment, order_id = self.order.happened_at, self.order.order_id
        held = [use for use in ours if use.state == State.HELD]
        mark_used(held, at=moment, order_id=order_id)
        VoucherUse.objects.filter(
            pk__in=[use.pk for use in ours], state=State.USED, order=None
        ).update(order=order_id)
        for use in ours:
            typed = named[use.voucher_id].typed
            if use.state == State.USED:
                self.settled[typed] = Settled(typed, use=use)
                self.beside.append(use.voucher)
            elif use.state == State.ROLLED_BACK:
                error = use_of_closed(State.ROLLED_BACK)
                lock = Lock(error.code, str(error.message))
                self.settled[typed] = Settled(typed, refusal=lock)

    def use_the_rest(self) -> None:
        """Use what was not held, as far as it can be."""
        while rest := [one for one in self.found if one.typed not in self.settled]:
            try:
                with transaction.atomic():
                    # Read after the lock: what was held when we began may be free now.
                    self._use(look_up([one.typed for one in rest]))
            except VoucherRefused as refusal:
                self._note(refusal)
            except InvalidInput as refusal:
                lock = Lock(refusal.code, str(refusal.message))
                self.settled |= {one.typed: Settled(one.typed, None, lock) for one in rest}

    def _use(self, rest: Sequence[Found]) -> None:
        order, moment = self.order, self.order.happened_at
        member = Member.objects.get(pk=order.member_id)
        quote = check(rest, order.checkout, member=member, at=moment, beside=self.beside)
        refused = [answer for answer in quote.answers if not answer.is_usable]
        if refused and self._stands_meanwhile(rest):
            # The till used them under this very number in this very moment.
            self.use_what_is_held()
            return
        for answer in refused:
            typed = answer.found.typed
            self.settled[typed] = Settled(typed, refusal=answer.told)
        usable = [answer for answer in quote.answers if answer.is_usable]
        if not usable:
            return
        claim = Claim(
            order.source, order.number, order.codes, order.checkout, member, moment
        )
        uses = claim_uses(
            claim,
            usable,
            State.USED,
            group=locked_uses(order.source, order.number),
            print_=fingerprint((one.code for one in self.found), order.checkout),
            order_id=order.order_id,
        )
        if uses is None:
            # The till held some under this very number in this very moment.
            self.use_what_is_held()
            return
        by_voucher = {use.voucher_id: use for use in uses}
        for answer in usable:
            typed = answer.found.typed
            self.settled[typed] = Settled(typed, use=by_voucher[answer.voucher.pk])

    def _stands_meanwhile(self, rest: Sequence[Found]) -> bool:
        """Tell whether the order's own number has taken any of these since."""
        group = uses_of(self.order.source, self.order.number).filter(state__in=LIVE)
        named = [one.voucher.pk for one in rest if one.voucher]
        return group.filter(voucher__in=named).exists()

    def _note(self, refusal: VoucherRefused) -> None:
        """Keep why codes were refused that looked usable a moment ago."""
        for told in refusal.extra["vouchers"]:
            lock = Lock(told["reason"], told["sentence"])
            self.settled[told["code"]] = Settled(told["code"], refusal=lock)


def _let_go(uses: Sequence[VoucherUse], *, at: datetime) -> None:
    end_uses([use for use in uses if use.state == State.HELD], State.RELEASED, at=at)


def _look_up(codes: Sequence[str]) -> list[Found]:
    return look_up(_once(codes))


def _once(codes: Sequence[str]) -> list[str]:
    """Return each code once, however it was typed."""
    once: dict[str, str] = {}
    for typed in codes:
        once.setdefault(normalise_code(typed), typed)
    return list(once.values())
