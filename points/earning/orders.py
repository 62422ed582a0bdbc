"""Stored orders as baskets, whole or as refunds have left them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from decimal import Decimal
from typing import Any

from activities.models import Order, OrderLine
from points.earning.basket import Basket, BasketLine

ORDER_FIELDS = (
    "pk",
    "member_id",
    "placed_at",
    "placed_on",
    "total",
    "refunded",
    "discount",
    "voucher_discount",
    "tax",
    "delivery_fee",
    "points_amount",
    "store_id",
    "channel",
    "payment_method",
    "promo_code",
)
LINE_FIELDS = (
    "order_id",
    "sku",
    "category",
    "brand",
    "labels",
    "product",
    "quantity",
    "total",
    "refunded",
    "refunded_quantity",
)


def baskets_of_orders(order_ids: Sequence[int]) -> dict[int, Basket]:
    """Return stored orders as they were bought, by id. Two queries."""
    orders = Order.objects.in_bulk(order_ids)
    lines = _lines(order_ids)
    return {pk: _basket(order, lines[pk]) for pk, order in orders.items()}


def remaining_baskets(order_ids: Sequence[int]) -> dict[int, Basket]:
    """Return what refunds have left of stored orders, by id. Two queries."""
    orders = Order.objects.in_bulk(order_ids)
    lines = _lines(order_ids)
    return {pk: _remaining(order, lines[pk]) for pk, order in orders.items()}


def kept_baskets(order_ids: Sequence[int], *, with_lines: bool = True) -> list[Basket]:
    """Return what customers kept of stored orders, in the order of time. Two queries.

    An order that went back as a whole is left out; one of which nothing went back is as it
    was bought, with what was free of charge. ``with_lines`` may be left out when no rule
    looks at products; it is half of the work.
    """
    # Plain rows: a model instance for each line costs more than all its rules.
    orders: Any = Order.objects.filter(pk__in=order_ids)
    lines: dict[int, list[Any]] = defaultdict(list)
    if with_lines:
        found: Any = OrderLine.objects.filter(order__in=order_ids).order_by("position")
        for line in found.values_list(*LINE_FIELDS, named=True):
            lines[line.order_id].append(line)
    kept = [
        _remaining(order, lines[order.pk])
        if order.refunded
        else _basket(order, lines[order.pk])
        for order in orders.values_list(*ORDER_FIELDS, named=True)
        if not order.refunded or order.total > order.refunded
    ]
    return sorted(kept, key=lambda basket: (basket.happened_at, basket.id))


def _remaining(order: Order, lines: Sequence[OrderLine]) -> Basket:
    left = tuple(
        _line(line, quantity=line.quantity - line.refunded_quantity, rest=True)
        for line in lines
        if line.total > line.refunded
    )
    return _basket(order, lines).remaining(order.total - order.refunded, left)


def _lines(order_ids: Sequence[int]) -> dict[int, list[OrderLine]]:
    lines: dict[int, list[OrderLine]] = defaultdict(list)
    for line in OrderLine.objects.filter(order__in=order_ids).order_by("position"):
        lines[line.order_id].append(line)
    return lines


def _basket(order: Order, lines: Sequence[OrderLine]) -> Basket:
    return Basket(
        id=order.pk,
        member_id=order.member_id,
        happened_at=order.placed_at,
        day=order.placed_on,
        total=order.total,
        discount=order.discount,
        voucher_discount=order.voucher_discount,
        tax=order.tax,
        delivery_fee=order.delivery_fee,
        points_amount=order.points_amount,
        store_id=order.store_id,
        channel=order.channel,
        payment_method=order.payment_method,
        promo_code=order.promo_code,
        lines=tuple(_line(line, quantity=line.quantity) for line in lines),
    )


def _line(line: OrderLine, *, quantity: Decimal, rest: bool = False) -> BasketLine:
    return BasketLine(
        sku=line.sku,
        category=line.category,
        brand=line.brand,
        labels=tuple(line.labels),
        quantity=quantity,
        total=line.total - line.refunded if rest else line.total,
        product=line.product,
    )
