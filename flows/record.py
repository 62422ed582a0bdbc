"""What happens when something happens.

A till, a web shop or a file tells purchases; this page is the whole story of what follows,
in one transaction. Every step takes a list: one order is a list of one, and a file of a
million goes through the same code in chunks.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TypeVar

from django.db import transaction
from django.db.models import F

from activities.happenings import ORDER, REFUND, activity_kind
from activities.models import Order, Refund
from activities.services import (
    KNOWN,
    NEW,
    REFUSED,
    ActivityFact,
    OrderFact,
    RefundFact,
    SavedActivity,
    SavedOrder,
    SavedRefund,
    match_late_sales,
    save_activities,
    save_orders,
    save_refunds,
)
from campaigns.services import notice_orders
from core.batch import CHUNK
from core.happenings import Happened, announce
from core.retry import retry_on_conflict
from members.services import kept_ids
from points.earning.basket import ACTIVITY, Basket, BasketLine
from points.services import (
    RefundedPoints,
    earn_points,
    points_of_orders,
    refund_points,
)
from rewards.services import (
    redeem_after,
    roll_back_orders,
    settle_vouchers,
    settled_before,
)
from rewards.using.checkout import Checkout
from rewards.using.settling import OrderVouchers, Settled
from tiers.models import TierChange
from tiers.services import Touch, refresh_tiers

Fact = TypeVar("Fact", OrderFact, RefundFact, ActivityFact)

__all__ = [
    "KNOWN",
    "NEW",
    "REFUSED",
    "Recorded",
    "RecordedActivity",
    "record",
    "record_activities",
    "record_refunds",
]

TierCause = TierChange.Cause


@dataclass(frozen=True, slots=True)
class Recorded:
    """The answer to one fact: what became of it, its points, and the codes it named."""

    fact: OrderFact
    outcome: str
    order_id: int | None
    points: int
    code: str = ""
    reason: str = ""
    vouchers: Sequence[Settled] = ()


@dataclass(frozen=True, slots=True)
class RecordedActivity:
    """The answer to one activity: what became of it and the points that it gave."""

    saved: SavedActivity
    points: int


@retry_on_conflict
@transaction.atomic
def record(facts: Sequence[OrderFact], *, at: datetime) -> list[Recorded]:
    """Record facts once each and do everything that follows from them.

    A repeat is ``known`` and answers the points that the first telling gave; a fact that
    cannot be is ``refused`` with a reason, and the others are kept.
    """
    saved = save_orders(_of_kept_members(facts), at=at)
    purchases = [order for order in saved if order.counts]
    points = earn_points([_basket(order) for order in purchases])
    vouchers = _settle_vouchers(saved, at=at)
    _match_late_sales(purchases, at=at)
    refresh_tiers(_touches(purchases), at=at)
    notice_orders(purchases, at=at)
    announce(
        [
            Happened(
                ORDER,
                order.member_id,
                str(order.order_id),
                order.placed_at,
                {"order_id": order.fact.external_id, "source": order.fact.source},
            )
            for order in purchases
        ]
    )
    if cancelled := [order for order in saved if order.cancels]:
        record_refunds(_cancellations(cancelled, at=at), at=at)
        roll_back_orders([order.order_id for order in cancelled if order.order_id], at=at)
    redeem_after({order.member_id for order in purchases}, at=at)
    return _answers(saved, points, vouchers)


@retry_on_conflict
@transaction.atomic
def record_refunds(facts: Sequence[RefundFact], *, at: datetime) -> list[SavedRefund]:
    """Record refunds once each, hold them against their sales and set the points right.

    The answer has one entry for each fact, with what found no sale as ``unmatched``.
    """
    saved = save_refunds(_of_kept_members(facts), at=at)
    touched = {
        one.refund_id: one.order_ids for one in saved if one.is_new and one.refund_id
    }
    _settle_points(touched, at=at)
    _give_vouchers_back(touched, at=at)
    refresh_tiers(
        [
            Touch(one.fact.member_id, one.fact.refunded_at, TierCause.REFUND, one.refund_id)
            for one in saved
            if one.is_new
        ],
        at=at,
    )
    announce(
        [
            Happened(
                REFUND,
                one.fact.member_id,
                str(one.refund_id),
                one.fact.refunded_at,
                {"refund_id": one.fact.external_id, "source": one.fact.source},
            )
            for one in saved
            if one.is_new
        ]
    )
    return saved


@retry_on_conflict
@transaction.atomic
def record_activities(
    facts: Sequence[ActivityFact], *, at: datetime
) -> list[RecordedActivity]:
    """Record activities once each and give the points that rules grant for them."""
    saved = save_activities(_of_kept_members(facts), at=at)
    baskets = [
        Basket(
            id=one.activity_id,
            member_id=one.fact.member_id,
            happened_at=one.fact.happened_at,
            day=one.happened_on,
            trigger=ACTIVITY,
            activity_type_id=one.type_id,
            quantity=one.fact.quantity,
        )
        for one in saved
        if one.outcome == NEW and one.activity_id
    ]
    points = earn_points(baskets)
    refresh_tiers(
        [
            Touch(one.member_id, one.happened_at, TierCause.ACTIVITY, one.id)
            for one in baskets
        ],
        at=at,
    )
    redeem_after({one.member_id for one in baskets}, at=at)
    announce(
        [
            Happened(
                activity_kind(one.fact.type),
                one.fact.member_id,
                str(one.activity_id),
                one.fact.happened_at,
                {"activity_id": one.fact.external_id, "source": one.fact.source},
            )
            for one in saved
            if one.outcome == NEW
        ]
    )
    return [RecordedActivity(one, points.get(one.activity_id or 0, 0)) for one in saved]


def _of_kept_members(facts: Sequence[Fact]) -> list[Fact]:
    """Let facts about merged members be facts about who was kept.

    From here on nobody is merged until these facts are saved: a merge waits, and takes
    them along.
    """
    kept = kept_ids({fact.member_id for fact in facts}, lock=True)
    return [
        fact._replace(member_id=kept[fact.member_id]) if fact.member_id in kept else fact
        for fact in facts
    ]


def _touches(purchases: Sequence[SavedOrder]) -> list[Touch]:
    return [
        Touch(order.member_id, order.placed_at, TierCause.ORDER, order.order_id)
        for order in purchases
    ]


def _match_late_sales(purchases: Sequence[SavedOrder], *, at: datetime) -> None:
    """Hold refunds that came before their sale against it."""
    touched = match_late_sales(order.member_id for order in purchases)
    _settle_points(touched, at=at)
    _give_vouchers_back(touched, at=at)


def _settle_vouchers(
    saved: Sequence[SavedOrder], *, at: datetime
) -> dict[int, list[Settled]]:
    """Use the vouchers that orders name, whatever they held; answers by order."""
    naming = [order for order in saved if order.fact.vouchers and order.outcome == NEW]
    told = [_order_vouchers(order, at) for order in naming]
    return {one.order_id: settle_vouchers(one, at=at) for one in told}


def _order_vouchers(order: SavedOrder, at: datetime) -> OrderVouchers:
    fact = order.fact
    return OrderVouchers(
        order_id=order.order_id or 0,
        source=fact.source,
        number=fact.external_id,
        member_id=fact.member_id,
        happened_at=min(fact.placed_at, at),
        codes=fact.vouchers,
        checkout=Checkout(
            total=fact.total + fact.voucher_discount,
            lines=fact.lines,
            delivery_fee=fact.delivery_fee,
            store_id=fact.store_id,
            channel=fact.channel,
            payment_method=fact.payment_method,
            order_id=order.order_id,
        ),
        is_cancelled=not order.counts,
    )


def _give_vouchers_back(touched: Mapping[int, Sequence[int]], *, at: datetime) -> None:
    """Let the vouchers of orders that came back wholly be used again; never for a part."""
    orders = {order_id for some in touched.values() for order_id in some}
    if orders:
        whole = Order.objects.filter(pk__in=orders, refunded=F("total"))
        roll_back_orders(list(whole.values_list("pk", flat=True)), at=at)


def _settle_points(touched: Mapping[int, Sequence[int]], *, at: datetime) -> None:
    """Bring points in line with what refunds left, and note on each refund what moved.

    Where two refunds of one batch touch one order, the later one carries what moved.
    """
    carriers = {order: refund for refund, orders in touched.items() for order in orders}
    if not carriers:
        return
    sums: dict[int, RefundedPoints] = defaultdict(RefundedPoints)
    for order_id, moved in refund_points(carriers, at=at).items():
        total = sums[carriers[order_id]]
        total.taken += moved.taken
        total.short += moved.short
        total.returned += moved.returned
    refunds = list(Refund.objects.filter(pk__in=sums))
    for refund in refunds:
        refund.points_taken += sums[refund.pk].taken
        refund.points_short += sums[refund.pk].short
        refund.points_returned += sums[refund.pk].returned
    told = ["points_taken", "points_short", "points_returned"]
    Refund.objects.bulk_update(refunds, told, batch_size=CHUNK)


def _cancellations(orders: Sequence[SavedOrder], *, at: datetime) -> list[RefundFact]:
    """Write orders that were called off as refunds of what is left of them."""
    stored = Order.objects.in_bulk([order.order_id for order in orders])
    return [
        RefundFact(
            source=order.fact.source,
            external_id=f"cancel:{order.fact.external_id}"[:80],
            member_id=order.member_id,
            refunded_at=max(at, order.placed_at),
            total=left,
            order_number=order.fact.external_id,
            reason="cancelled",
        )
        for order in orders
        if (one := stored[order.order_id or 0]) and (left := one.total - one.refunded) > 0
    ]


def _basket(order: SavedOrder) -> Basket:
    assert order.order_id is not None, "a saved order has an id"
    fact = order.fact
    return Basket(
        id=order.order_id,
        member_id=fact.member_id,
        happened_at=fact.placed_at,
        day=order.placed_on,
        total=fact.total,
        store_id=fact.store_id,
        channel=fact.channel,
        discount=fact.discount,
        voucher_discount=fact.voucher_discount,
        tax=fact.tax,
        delivery_fee=fact.delivery_fee,
        points_amount=fact.points_amount,
        payment_method=fact.payment_method,
        promo_code=fact.promo_code,
        lines=tuple(
            BasketLine(
                sku=line.sku,
                category=line.category,
                brand=line.brand,
                labels=line.labels,
                quantity=line.quantity,
                total=line.total,
                product=line.product,
            )
            for line in fact.lines
        ),
    )


def _answers(
    saved: Sequence[SavedOrder],
    points: dict[int, int],
    vouchers: dict[int, list[Settled]],
) -> list[Recorded]:
    known = [order.order_id for order in saved if order.outcome == KNOWN and order.order_id]
    if known:
        points = points_of_orders(known) | points
    vouchers = _settled_before(saved) | vouchers
    return [
        Recorded(
            fact=order.fact,
            outcome=order.outcome,
            order_id=order.order_id,
            points=0 if order.outcome == REFUSED else points.get(order.order_id or 0, 0),
            code=order.code,
            reason=order.reason,
            vouchers=[] if order.outcome == REFUSED else vouchers[order.order_id or 0],
        )
        for order in saved
    ]


def _settled_before(saved: Sequence[SavedOrder]) -> defaultdict[int, list[Settled]]:
    """Say what became of the codes of orders that are told once more."""
    naming = [
        (order.order_id, order.fact.vouchers)
        for order in saved
        if order.outcome == KNOWN and order.order_id and order.fact.vouchers
    ]
    return defaultdict(list, settled_before(naming))
