"""Refunds: saved once, and held against the sales that they give back.

A refund that names its order is held against that order. One that does not is held against
the member's latest earlier sales of the same products, or of the same money when it names
no products. What no sale is known for stays on the refund as ``unmatched``; it is tried
again when a sale is told late.
"""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import ROUND_HALF_UP, Decimal
from typing import NamedTuple

from django.db import transaction
from django.db.models import Q
from django.utils.translation import gettext as _

from activities.models import (
    Order,
    OrderLine,
    Refund,
    RefundAllocation,
    RefundLine,
)
from activities.services.moving import told_before_merge
from activities.services.orders import (
    FUTURE_TOLERANCE,
    KNOWN,
    MAX_TOTAL,
    NEW,
    REFUSED,
)
from activities.services.summaries import recompute_summaries
from core.batch import Column, chunks, execute, insert_new, rows_source
from core.clock import programme_zone

CENT = Decimal("0.01")
COLUMNS = (
    Column("source", "text"),
    Column("external_id", "text"),
    Column("member_id", "bigint"),
    Column("order_number", "text"),
    Column("refunded_at", "timestamptz"),
    Column("refunded_on", "date"),
    Column("total", "numeric"),
    Column("unmatched", "numeric"),
    Column("points_taken", "bigint"),
    Column("points_short", "bigint"),
    Column("points_returned", "bigint"),
    Column("reason", "text"),
    Column("content_hash", "text"),
)


class RefundLineFact(NamedTuple):
    """One product that came back; quantity and money above zero."""

    sku: str = ""
    product: str = ""
    quantity: Decimal = Decimal(1)
    total: Decimal = Decimal(0)


class RefundFact(NamedTuple):
    """Goods returned as a source tells it; ``total`` is the money given back."""

    source: str
    external_id: str
    member_id: int
    refunded_at: datetime
    total: Decimal
    order_number: str = ""
    reason: str = ""
    lines: tuple[RefundLineFact, ...] = ()


@dataclass(slots=True)
class SavedRefund:
    """What became of a refund, and which orders it touched."""

    fact: RefundFact
    outcome: str
    refunded_on: date
    refund_id: int | None = None
    unmatched: Decimal = Decimal(0)
    order_ids: list[int] = field(default_factory=list)
    code: str = ""
    reason: str = ""

    @property
    def is_new(self) -> bool:
        return self.outcome == NEW

    @property
    def content_hash(self) -> str:
        return self.hash_for(self.fact.member_id)

    def hash_for(self, member_id: int) -> str:
        """Fingerprint what was told, as told of this member."""
        fact = self.fact
        lines = [
            (x.sku, x.product, f"{x.quantity:.3f}", f"{x.total:.2f}") for x in fact.lines
        ]
        text = (
            f"{member_id}|{fact.refunded_at.timestamp()}|{fact.total:.2f}|"
            f"{fact.order_number}|{lines!r}"
        )
        return hashlib.sha256(text.encode()).hexdigest()


@transaction.atomic
def save_refunds(facts: Sequence[RefundFact], *, at: datetime) -> list[SavedRefund]:
    """Save the refunds that are new and hold them against sales, earliest first.

    The answer has one entry for each fact: ``new``, ``known``, or ``refused`` with why.
    The orders that are touched stay locked until the transaction ends.
    """
    zone = programme_zone()
    saved = []
    for fact in facts:
        one = SavedRefund(fact, NEW, fact.refunded_at.astimezone(zone).date())
        if refusal := _refusal(fact, at):
            one.outcome = REFUSED
            one.code, one.reason = refusal
        saved.append(one)
    fresh = _insert_new(saved)
    if fresh:
        _insert_lines(fresh)
        wishes = [_Wish.of(one) for one in fresh]
        for one, wish in zip(fresh, _match(wishes), strict=True):
            one.unmatched, one.order_ids = wish.unmatched, wish.order_ids
        recompute_summaries({one.fact.member_id for one in fresh})
    return saved


@transaction.atomic
def match_late_sales(member_ids: Iterable[int]) -> dict[int, list[int]]:
    """Hold refunds that found no sale against sales told since.

    Returns the orders touched, by refund. Costs one query when nothing waits.
    """
    waiting = list(
        Refund.objects.filter(member__in=set(member_ids), unmatched__gt=0)
        .prefetch_related("lines")
        .order_by("refunded_at", "pk")
    )
    if not waiting:
        return {}
    wishes = [_Wish.again(refund) for refund in waiting]
    done = {wish.refund_id: wish.order_ids for wish in _match(wishes) if wish.order_ids}
    if done:
        recompute_summaries({w.member_id for w in wishes if w.refund_id in done})
    return done


def _refusal(fact: RefundFact, at: datetime) -> tuple[str, str] | None:
    if not fact.external_id or len(fact.external_id) > 80 or "\0" in fact.external_id:
        return "invalid_refund_id", _("The refund number must have 1 to 80 characters.")
    if not fact.total.is_finite() or not 0 <= fact.total <= MAX_TOTAL:
        return "invalid_total", _("What is given back must be zero or more.")
    if fact.total != round(fact.total, 2):
        return "invalid_total", _("The total has more than two decimals.")
    if fact.refunded_at > at + FUTURE_TOLERANCE:
        return "in_the_future", _("The refund lies in the future; check its date.")
    if any(line.quantity < 0 or line.total < 0 for line in fact.lines):
        return "invalid_line", _("Lines of a refund are written without a minus sign.")
    return None


def _insert_new(saved: Sequence[SavedRefund]) -> list[SavedRefund]:
    """Insert refunds told for the first time; settle repeats and conflicts."""
    first: dict[tuple[str, str], SavedRefund] = {}
    for one in saved:
        if one.outcome != REFUSED:
            first.setdefault((one.fact.source, one.fact.external_id), one)
    rows = []
    for key in sorted(first):
        one, fact = first[key], first[key].fact
        rows.append(
            (*key, fact.member_id, fact.order_number, fact.refunded_at, one.refunded_on)
            + (fact.total, fact.total, 0, 0, 0, fact.reason[:120], one.content_hash)
        )
    new = insert_new(
        "activities_refund",
        COLUMNS,
        rows,
        conflict="source, external_id",
        returning="source, external_id, id",
    )
    ids = {(row[0], row[1]): row[2] for row in new}
    repeats = []
    for one in saved:
        key = (one.fact.source, one.fact.external_id)
        if one.outcome == REFUSED:
            continue
        if first[key] is one and key in ids:
            one.refund_id = ids[key]
        else:
            repeats.append(one)
    _settle_repeats(repeats)
    return [first[key] for key in sorted(ids)]


def _settle_repeats(repeats: Sequence[SavedRefund]) -> None:
    """Compare refunds that were told before with what stands; a query for each chunk."""
    for some in chunks(repeats):
        stored = Refund.objects.filter(
            source__in={one.fact.source for one in some},
            external_id__in={one.fact.external_id for one in some},
        )
        by_key = {(refund.source, refund.external_id): refund for refund in stored}
        for one in some:
            _settle_repeat(one, by_key[one.fact.source, one.fact.external_id])


def _settle_repeat(one: SavedRefund, stored: Refund) -> None:
    one.refund_id, one.unmatched, one.outcome = stored.pk, stored.unmatched, KNOWN
    if stored.content_hash != one.content_hash and not told_before_merge(
        one.fact.member_id, stored.content_hash, one.hash_for
    ):
        one.outcome, one.code = REFUSED, "conflict"
        one.reason = _("Refund %(number)s was recorded before with other content.") % {
            "number": one.fact.external_id
        }


def _insert_lines(fresh: Sequence[SavedRefund]) -> None:
    RefundLine.objects.bulk_create(
        [
            RefundLine(
                refund_id=one.refund_id or 0,
                position=position,
                sku=line.sku[:60],
                product=line.product[:160],
                quantity=line.quantity,
                total=line.total,
            )
            for one in fresh
            for position, line in enumerate(one.fact.lines, start=1)
        ],
        batch_size=1000,
    )


# --- holding refunds against sales -------------------------------------------------------


@dataclass(slots=True)
class _Wish:
    """What a refund still looks a sale for."""

    refund_id: int
    member_id: int
    source: str
    order_number: str
    refunded_at: datetime
    unmatched: Decimal
    lines: list[RefundLineFact]
    order_ids: list[int] = field(default_factory=list)

    @classmethod
    def of(cls, saved: SavedRefund) -> _Wish:
        fact = saved.fact
        return cls(
            saved.refund_id or 0,
            fact.member_id,
            fact.source,
            fact.order_number,
            fact.refunded_at,
            fact.total,
            list(fact.lines),
        )

    @classmethod
    def again(cls, refund: Refund) -> _Wish:
        """Read what is left to match; lines shrink by the share that was matched."""
        share = refund.unmatched / refund.total
        lines = [
            RefundLineFact(
                line.sku, line.product, line.quantity * share, line.total * share
            )
            for line in refund.lines.all()
        ]
        return cls(
            refund.pk,
            refund.member_id,
            refund.source,
            refund.order_number,
            refund.refunded_at,
            refund.unmatched,
            lines,
        )

    def fits(self, order: Order) -> bool:
        """Tell whether an order may be what came back."""
        if self.order_number:
            return order.external_id == self.order_number and order.source == self.source
        return order.placed_at <= self.refunded_at


def _match(wishes: Sequence[_Wish]) -> Sequence[_Wish]:
    """Allocate refunds to sales in business time, then write what changed."""
    sales = _Sales(wishes)
    for wish in sorted(wishes, key=lambda w: (w.refunded_at, w.refund_id)):
        orders = [order for order in sales.of_member(wish.member_id) if wish.fits(order)]
        if wish.lines:
            for line in wish.lines:
                sales.return_line(wish, line, orders)
            if wish.order_number:
                # The money of a named sale beyond its lines: delivery, a price changed.
                sales.return_amount(wish, wish.unmatched, orders)
        else:
            sales.return_amount(wish, wish.unmatched, orders)
    sales.write(wishes)
    return wishes


class _Sales:
    """The open sales of some members, latest first, under lock."""

    def __init__(self, wishes: Sequence[_Wish]) -> None:
        members = {wish.member_id for wish in wishes}
        orders = Order.objects.filter(
            member__in=members, status=Order.Status.COMPLETED
        ).filter(Q(total__gt=0))
        locked = orders.order_by("pk").select_for_update(of=("self",))
        self._orders: dict[int, list[Order]] = defaultdict(list)
        for order in sorted(locked, key=lambda o: (o.placed_at, o.pk), reverse=True):
            self._orders[order.member_id].append(order)
        self._lines: dict[int, list[OrderLine]] = defaultdict(list)
        wanted = {line.sku for wish in wishes for line in wish.lines}
        named = {line.product for wish in wishes for line in wish.lines if not line.sku}
        lines = OrderLine.objects.filter(order__member__in=members).filter(
            Q(sku__in=wanted - {""}) | Q(sku="", product__in=named)
        )
        for line in lines.order_by("order_id", "position"):
            self._lines[line.order_id].append(line)
        self.allocations: list[RefundAllocation] = []
        self.touched_orders: dict[int, tuple[Order, Decimal]] = {}
        self.touched_lines: dict[int, tuple[OrderLine, Decimal, Decimal]] = {}

    def of_member(self, member_id: int) -> list[Order]:
        return self._orders[member_id]

    def return_line(
        self, wish: _Wish, line: RefundLineFact, orders: Sequence[Order]
    ) -> None:
        """Hold one product against the latest sales of it."""
        quantity, money = line.quantity, line.total
        for order in orders:
            for sold in self._lines[order.pk]:
                if quantity <= 0 or money <= 0:
                    return
                if sold.sku != line.sku or (not line.sku and sold.product != line.product):
                    continue
                pieces = min(quantity, sold.quantity - sold.refunded_quantity)
                if pieces <= 0:
                    continue
                share = (money * pieces / quantity).quantize(CENT, ROUND_HALF_UP)
                amount = min(
                    share, sold.total - sold.refunded, order.total - order.refunded
                )
                amount = min(max(amount, Decimal(0)), wish.unmatched)
                self._allocate(wish, order, amount, sold=sold, pieces=pieces)
                quantity -= pieces
                money -= share

    def return_amount(self, wish: _Wish, amount: Decimal, orders: Sequence[Order]) -> None:
        """Hold money against the latest sales, whatever was in them."""
        for order in orders:
            part = min(amount, order.total - order.refunded)
            if part > 0:
                self._allocate(wish, order, part)
                amount -= part

    def _allocate(
        self,
        wish: _Wish,
        order: Order,
        amount: Decimal,
        *,
        sold: OrderLine | None = None,
        pieces: Decimal = Decimal(0),
    ) -> None:
        wish.unmatched -= amount
        if order.pk not in wish.order_ids:
            wish.order_ids.append(order.pk)
        self.allocations.append(
            RefundAllocation(
                refund_id=wish.refund_id,
                order=order,
                order_line=sold,
                quantity=pieces,
                amount=amount,
            )
        )
        order.refunded += amount
        before = self.touched_orders.get(order.pk, (order, Decimal(0)))[1]
        self.touched_orders[order.pk] = (order, before + amount)
        if sold is not None:
            sold.refunded += amount
            sold.refunded_quantity += pieces
            _line, money, number = self.touched_lines.get(
                sold.pk, (sold, Decimal(0), Decimal(0))
            )
            self.touched_lines[sold.pk] = (sold, money + amount, number + pieces)

    def write(self, wishes: Sequence[_Wish]) -> None:
        """Write allocations and counters; each statement asks for the bounds once more."""
        RefundAllocation.objects.bulk_create(self.allocations, batch_size=1000)
        columns = [Column("id", "bigint"), Column("amount", "numeric")]
        rows = [(pk, amount) for pk, (_o, amount) in sorted(self.touched_orders.items())]
        if rows:
            source, parameters = rows_source(columns, rows)
            changed = execute(
                "UPDATE activities_order SET "
                f"refunded = activities_order.refunded + r.amount FROM {source} "
                "WHERE activities_order.id = r.id "
                "AND activities_order.refunded + r.amount <= activities_order.total",
                parameters,
            )
            assert changed == len(rows), "an order was refunded outside its lock"
        lines = [
            (pk, money, number)
            for pk, (_line, money, number) in sorted(self.touched_lines.items())
        ]
        if lines:
            source, parameters = rows_source([*columns, Column("pieces", "numeric")], lines)
            execute(
                "UPDATE activities_orderline SET "
                "refunded = activities_orderline.refunded + r.amount, "
                "refunded_quantity = activities_orderline.refunded_quantity + r.pieces "
                f"FROM {source} WHERE activities_orderline.id = r.id",
                parameters,
            )
        _write_unmatched(wishes)


def _write_unmatched(wishes: Sequence[_Wish]) -> None:
    columns = [Column("id", "bigint"), Column("unmatched", "numeric")]
    rows = sorted((wish.refund_id, wish.unmatched) for wish in wishes)
    source, parameters = rows_source(columns, rows)
    execute(
        f"UPDATE activities_refund SET unmatched = r.unmatched FROM {source} "
        "WHERE activities_refund.id = r.id",
        parameters,
    )
