"""Selling: what a sale comes to, and the sale itself, once."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from django.db import transaction
from django.utils import formats, timezone
from django.utils.translation import gettext as _

from activities.models import Order
from activities.services import OrderFact
from core.models import Programme
from core.money import format_money
from core.retry import retry_on_conflict
from flows.record import NEW, Recorded, record
from members.models import Member
from members.services import kept_member
from points.models import Reservation, Wallet
from points.services import (
    capture_points,
    default_wallet,
    quote_payment,
    reserve_points,
)
from rewards.models import VoucherUse
from rewards.offers import Lock
from rewards.services import check_vouchers, hold_vouchers, use_vouchers
from till.access import Desk
from till.acts import claim
from till.errors import OrderKnown, SaleChanged, SaleRefused
from till.limits import count_order
from till.models import TillAct
from till.sales import NOTHING, Sale
from till.serving import Serving, check_may_serve, require_proof

# How often an order number may be told again after it was undone.
MOST_TELLINGS = 9
# How many points shall pay, where nobody said a number.
AS_MANY_AS_POSSIBLE = -1


@dataclass(frozen=True, slots=True)
class SaleQuote:
    """What a sale comes to: taken off, paid with points, left to pay.

    ``refusal`` says why the voucher takes nothing off, ``reason`` why points pay nothing,
    or less than was asked for.
    """

    total: Decimal
    taken: Decimal = NOTHING
    points: int = 0
    points_value: Decimal = NOTHING
    notes: tuple[str, ...] = ()
    refusal: Lock | None = None
    reason: str = ""

    @property
    def owed(self) -> Decimal:
        return self.total - self.taken

    @property
    def to_pay(self) -> Decimal:
        return self.owed - self.points_value

    @property
    def print(self) -> str:
        """Everything that was agreed on when it was shown."""
        return f"{self.total:.2f} {self.taken:.2f} {self.points} {self.points_value:.2f}"


def member_of(sale: Sale) -> Member | None:
    """Return whose sale it is, who was kept of merged members."""
    if sale.member_id is None:
        return None
    return kept_member(Member.objects.get(pk=sale.member_id))


def quote_sale(desk: Desk, sale: Sale, *, at: datetime) -> SaleQuote:
    """Say what a sale comes to; nothing is held.

    Raises what forbids to serve this member: MembershipClosed, OwnMembership, NotProved.
    """
    member = member_of(sale)
    if member is not None:
        check_may_serve(desk, member)
    quote = SaleQuote(sale.total)
    if sale.code:
        quote = _with_voucher(desk, sale, member, at)
    if sale.points and member is not None and quote.refusal is None:
        _require_proof(sale, member, at)
        quote = _with_points(quote, sale, member, at)
    return quote


@retry_on_conflict
@transaction.atomic
def sell(*, desk: Desk, token: str, sale: Sale, shown: str, at: datetime) -> TillAct:
    """Make a sale that was shown and confirmed; a repeat answers what was done then.

    1 the row of the act, by its token
    2 what it comes to must be what was ``shown``
    3 the voucher is held, points are reserved
    4 the purchase is recorded: it uses the voucher and earns; the points are spent

    Raises SaleChanged, SaleRefused, OrderKnown, ServedTooOften, and what vouchers, points
    and serving refuse; then nothing happened.
    """
    act, is_new = claim(
        desk,
        token,
        TillAct.Kind.SALE,
        member_id=sale.member_id,
        proof=sale.proof,
        at=at,
    )
    if not is_new:
        return act
    quote = quote_sale(desk, sale, at=at)
    if quote.refusal is not None:
        raise SaleRefused(quote.refusal.sentence)
    if quote.print != shown:
        raise SaleChanged
    act.total, act.discount, act.to_pay = quote.total, quote.taken, quote.to_pay
    act.paid_points, act.points_value = quote.points, quote.points_value
    if sale.records:
        _record(desk, act, sale, quote, at)
    else:
        act.voucher_use = _use(desk, sale, token, at)
    act.save()
    return act


def _with_voucher(desk: Desk, sale: Sale, member: Member | None, at: datetime) -> SaleQuote:
    checkout = sale.checkout(desk)
    answer = check_vouchers(
        codes=[sale.code], checkout=checkout, member=member, at=at
    ).answers[0]
    notes = answer.priced.notes if answer.priced else ()
    return SaleQuote(sale.total, answer.taken, notes=notes, refusal=answer.refusal)


def _with_points(quote: SaleQuote, sale: Sale, member: Member, at: datetime) -> SaleQuote:
    offer = quote_payment(
        member=member,
        order_total=quote.owed,
        wallet=wallet_of(sale),
        points=None if sale.points == AS_MANY_AS_POSSIBLE else sale.points,
        at=at,
    )
    return SaleQuote(
        quote.total,
        quote.taken,
        points=offer.points,
        points_value=offer.value,
        notes=quote.notes,
        reason=offer.reason,
    )


def wallet_of(sale: Sale) -> Wallet:
    """Return the wallet that pays; "my points" where none was chosen."""
    found = Wallet.objects.filter(code=sale.wallet, is_active=True).first()
    return found or default_wallet()


def _require_proof(sale: Sale, member: Member, at: datetime) -> None:
    since = datetime.fromisoformat(sale.since) if sale.since else at
    require_proof(Serving("", member, sale.proof, since), at=at)


def _use(desk: Desk, sale: Sale, token: str, at: datetime) -> VoucherUse:
    (use,) = use_vouchers(
        source=desk.source,
        reference=token,
        codes=[sale.code],
        checkout=sale.checkout(desk),
        member=member_of(sale),
        at=at,
        actor=desk.actor,
    )
    return use


def _record(desk: Desk, act: TillAct, sale: Sale, quote: SaleQuote, at: datetime) -> None:
    """Record the purchase with everything that belongs to it."""
    member = member_of(sale)
    assert member is not None, "only a member's purchase is recorded"
    count_order(desk, member.pk, at=at)
    number = _free_number(desk, sale.number or act.token)
    if sale.code:
        act.voucher_use = _hold(desk, sale, member, number, at)
    reservation = _reserve(desk, act, sale, quote, at)
    recorded = _record_order(_fact(desk, sale, quote, member, number, at), at)
    if reservation is not None:
        capture_points(
            reservation=reservation, at=at, order_id=recorded.order_id, actor=desk.actor
        )
    act.order_id, act.earned_points = recorded.order_id, recorded.points


def _hold(desk: Desk, sale: Sale, member: Member, number: str, at: datetime) -> VoucherUse:
    (use,) = hold_vouchers(
        source=desk.source,
        reference=number,
        codes=[sale.code],
        checkout=sale.checkout(desk),
        member=member,
        at=at,
        actor=desk.actor,
    )
    return use


def _reserve(
    desk: Desk, act: TillAct, sale: Sale, quote: SaleQuote, at: datetime
) -> Reservation | None:
    member = member_of(sale)
    if not quote.points or member is None:
        return None
    return reserve_points(
        member=member,
        wallet=wallet_of(sale),
        amount=quote.points,
        source=desk.source,
        reference=act.token,
        value=quote.points_value,
        at=at,
        actor=desk.actor,
    )


def _fact(
    desk: Desk, sale: Sale, quote: SaleQuote, member: Member, number: str, at: datetime
) -> OrderFact:
    return OrderFact(
        source=desk.source,
        external_id=number,
        member_id=member.pk,
        placed_at=at,
        total=quote.owed,
        currency=Programme.current().currency,
        store_id=desk.store.pk,
        lines=tuple(line.fact for line in sale.lines),
        voucher_discount=quote.taken,
        delivery_fee=sale.delivery_fee,
        points_amount=quote.points_value,
        payment_method=sale.payment_method,
        vouchers=(sale.code,) if sale.code else (),
    )


def _record_order(fact: OrderFact, at: datetime) -> Recorded:
    recorded = record([fact], at=at)[0]
    if recorded.outcome == NEW:
        return recorded
    if recorded.order_id or recorded.code == "conflict":
        # Two tills of one store told the same number in this moment.
        raise _known(Order.objects.get(source=fact.source, external_id=fact.external_id))
    raise SaleRefused(recorded.reason)


def _free_number(desk: Desk, number: str) -> str:
    """Return the number to record under: its own, or one more telling of what was undone.

    Raises OrderKnown.
    """
    tries = [number, *(f"{number}/{nth}" for nth in range(2, MOST_TELLINGS + 1))]
    orders = Order.objects.filter(source=desk.source, external_id__in=tries)
    known = {order.external_id: order for order in orders}
    undone = set(
        TillAct.objects.filter(
            order__in=[order.pk for order in known.values()], undone_at__isnull=False
        ).values_list("order_id", flat=True)
    )
    for name in tries:
        if name not in known:
            return name
        if known[name].pk not in undone:
            raise _known(known[name])
    raise SaleRefused(_("This order number was undone too often. Give another one."))


def _known(order: Order) -> OrderKnown:
    text = _(
        "Order %(number)s was recorded before: %(when)s, %(total)s. Nothing was recorded "
        "again."
    )
    facts = {
        "number": order.external_id,
        "when": formats.localize(timezone.localtime(order.placed_at)),
        "total": format_money(order.total, order.currency),
    }
    return OrderKnown(text % facts)
