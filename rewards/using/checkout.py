"""An order as it stands at a till before vouchers, and the basket the engine reads."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from decimal import Decimal

from activities.services import OrderLineFact
from rewards.discounts.amounts import spread, to_money, to_units
from rewards.discounts.basket import Basket, Line

NOTHING = Decimal(0)


@dataclass(frozen=True, slots=True)
class Checkout:
    """What is to be paid, and how; vouchers are asked about it.

    ``total`` is what the customer would pay without vouchers, with ``delivery_fee`` in it.
    ``order_id`` is the order itself where it was recorded already: it is then not an
    earlier one.
    """

    total: Decimal
    lines: tuple[OrderLineFact, ...] = ()
    delivery_fee: Decimal = NOTHING
    store_id: int | None = None
    channel: str = ""
    payment_method: str = ""
    order_id: int | None = field(default=None, compare=False)


def fingerprint(codes: Iterable[str], checkout: Checkout) -> str:
    """Fingerprint what was asked for, but for who asked and when."""
    lines = [
        (
            *(line.sku, line.category, line.brand, *line.labels),
            *(f"{line.quantity:.3f}", f"{line.discount:.2f}", f"{line.total:.2f}"),
        )
        for line in checkout.lines
    ]
    text = (
        f"{sorted(codes)!r}|{checkout.total:.2f}|{checkout.delivery_fee:.2f}|"
        f"{checkout.store_id}|{checkout.channel}|{checkout.payment_method}|{lines!r}"
    )
    return hashlib.sha256(text.encode()).hexdigest()


def basket_of(
    checkout: Checkout, lines: Sequence[OrderLineFact], *, decimals: int
) -> Basket:
    """Return the basket; a line's key is its place among those that were told, from 1.

    Without lines the order is one. What comes back, or is given away, is no line that a
    voucher could take from. Where the lines come to more than the total, the difference
    is a discount of the shop, spread over them.
    """
    fee = min(checkout.delivery_fee, checkout.total)
    goods = checkout.total - fee
    if not lines:
        whole = Line(key="0", price=goods)
        return Basket((whole,) if goods else (), fee)
    bought = [
        _line(place, line)
        for place, line in enumerate(lines, start=1)
        if line.total > 0 and line.quantity > 0
    ]
    return Basket(tuple(_discounted(bought, goods, decimals)), fee)


def _line(place: int, told: OrderLineFact) -> Line:
    return Line(
        key=str(place),
        sku=told.sku,
        category=told.category,
        brand=told.brand,
        labels=told.labels,
        quantity=told.quantity,
        unit_price=told.unit_price or NOTHING,
        price=told.total + told.discount,
        discount=told.discount,
        name=told.product,
    )


def _discounted(lines: Sequence[Line], goods: Decimal, decimals: int) -> Iterable[Line]:
    prices = [line.full_price - line.discount for line in lines]
    beyond = to_units(sum(prices, NOTHING) - goods, decimals)
    if beyond <= 0:
        return lines
    units = [to_units(price, decimals) for price in prices]
    parts = spread(min(beyond, sum(units)), units, units)
    return [
        replace(line, discount=min(line.full_price, line.discount + to_money(p, decimals)))
        for line, p in zip(lines, parts, strict=True)
    ]
