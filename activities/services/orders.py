"""Orders: each is saved once, for ever, whoever tells it and however often."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

from django.db import transaction
from django.utils.translation import gettext as _

from activities.models import Order, Product
from activities.services.moving import told_before_merge
from core.batch import (
    Column,
    execute,
    fetch_all,
    insert_new,
    insert_rows,
    is_postgresql,
    rows_source,
)
from core.clock import programme_zone

NEW = "new"
KNOWN = "known"
REFUSED = "refused"

MAX_TOTAL = Decimal(10) ** 13
# Clocks of tills run ahead; further than this it is a typing error.
FUTURE_TOLERANCE = timedelta(days=1)

ORDER_COLUMNS = (
    Column("source", "text"),
    Column("external_id", "text"),
    Column("member_id", "bigint"),
    Column("store_id", "bigint"),
    Column("channel", "text"),
    Column("status", "text"),
    Column("placed_at", "timestamptz"),
    Column("placed_on", "date"),
    Column("total", "numeric"),
    Column("currency", "text"),
    Column("content_hash", "text"),
)
# What only some tills tell; a batch without any of it writes the columns above.
PART_COLUMNS = (
    Column("discount", "numeric"),
    Column("voucher_discount", "numeric"),
    Column("tax", "numeric"),
    Column("delivery_fee", "numeric"),
    Column("points_amount", "numeric"),
    Column("payment_method", "text"),
    Column("promo_code", "text"),
)
LINE_COLUMNS = (
    Column("order_id", "bigint"),
    Column("position", "int"),
    Column("sku", "text"),
    Column("product", "text"),
    Column("category", "text"),
    Column("quantity", "numeric"),
    Column("unit_price", "numeric"),
    Column("discount", "numeric"),
    Column("total", "numeric"),
    Column("brand", "text"),
    Column("labels", "jsonb"),
)
SUMMARY_COLUMNS = (
    Column("member_id", "bigint"),
    Column("first_order_on", "date"),
    Column("last_order_on", "date"),
    Column("last_order_at", "timestamptz"),
    Column("num_orders", "int"),
    Column("spend", "numeric"),
)
COMPLETED = Order.Status.COMPLETED.value
STATUSES = frozenset(Order.Status.values)
CHANNELS = frozenset(Order.Channel.values)


class OrderLineFact(NamedTuple):
    """One product on an order; money in the programme's currency."""

    sku: str = ""
    product: str = ""
    category: str = ""
    quantity: Decimal = Decimal(1)
    unit_price: Decimal | None = None
    discount: Decimal = Decimal(0)
    total: Decimal = Decimal(0)
    brand: str = ""
    labels: tuple[str, ...] = ()


class OrderFact(NamedTuple):
    """A purchase as a source tells it; ``placed_at`` carries its time zone."""

    source: str
    external_id: str
    member_id: int
    placed_at: datetime
    total: Decimal
    currency: str = "VND"
    status: str = Order.Status.COMPLETED.value
    channel: str = Order.Channel.STORE.value
    store_id: int | None = None
    lines: tuple[OrderLineFact, ...] = ()
    discount: Decimal = Decimal(0)
    voucher_discount: Decimal = Decimal(0)
    tax: Decimal = Decimal(0)
    delivery_fee: Decimal = Decimal(0)
    points_amount: Decimal = Decimal(0)
    payment_method: str = ""
    promo_code: str = ""
    # Codes as they were typed; what became of them is not the order's business.
    vouchers: tuple[str, ...] = ()

    @property
    def parts(self) -> tuple[Decimal | str, ...]:
        """How the total came about, in the order of the columns; nothing when untold."""
        told = self[10:17]
        return told if any(told) else ()


@dataclass(slots=True)
class SavedOrder:
    """What became of a fact: ``new``, ``known`` (told before) or ``refused`` with why.

    ``cancels``: a purchase that stood is told again as cancelled.
    """

    fact: OrderFact
    outcome: str
    placed_on: date
    content_hash: str = ""
    order_id: int | None = None
    code: str = ""
    reason: str = ""
    cancels: bool = False

    @property
    def is_new(self) -> bool:
        return self.outcome == NEW

    @property
    def counts(self) -> bool:
        """Whether this is a new purchase that stands."""
        return self.outcome == NEW and self.fact.status == COMPLETED

    @property
    def member_id(self) -> int:
        return self.fact.member_id

    @property
    def placed_at(self) -> datetime:
        return self.fact.placed_at


@transaction.atomic
def save_orders(facts: Sequence[OrderFact], *, at: datetime) -> list[SavedOrder]:
    """Save the facts that are new, in order; the answer has one entry for each fact.

    The same number with the same content is ``known``; with other content it is
    ``refused`` and what stands is not touched.
    """
    zone = programme_zone()
    saved = [_check(fact, zone=zone, at=at) for fact in facts]
    _name_products(saved)
    first = _first_of_each(saved)
    fresh = list(first.values())
    _insert_orders(fresh)
    _compare_with_stored([s for s in fresh if s.outcome == KNOWN])
    for later in saved:
        if later.outcome != REFUSED and later is not (one := first[_identity(later)]):
            _repeat_of(one, later)
    _insert_lines([s for s in fresh if s.is_new])
    _update_summaries([s for s in fresh if s.counts])
    return saved


def _check(fact: OrderFact, *, zone: ZoneInfo, at: datetime) -> SavedOrder:
    """Refuse what no database should see; everything else is taken for new."""
    placed_on = fact.placed_at.astimezone(zone).date()
    saved = SavedOrder(fact, NEW, placed_on)
    if refusal := _refusal(fact, at):
        saved.outcome = REFUSED
        saved.code, saved.reason = refusal
        return saved
    saved.content_hash = _content_hash(fact)
    return saved


def _refusal(fact: OrderFact, at: datetime) -> tuple[str, str] | None:
    if not fact.external_id or len(fact.external_id) > 80 or "\0" in fact.external_id:
        return "invalid_order_id", _("The order number must have 1 to 80 characters.")
    if not fact.total.is_finite() or fact.total < 0:
        return "negative_total", _("The total must be zero or more.")
    if fact.total > MAX_TOTAL:
        return "total_too_large", _("The total is too large to be true.")
    if fact.total != round(fact.total, 2):
        return "invalid_total", _("The total has more than two decimals.")
    if fact.placed_at > at + FUTURE_TOLERANCE:
        return "in_the_future", _("The order lies in the future; check its date.")
    if fact.status not in STATUSES:
        return "unknown_status", _("The status must be “completed” or “cancelled”.")
    if fact.channel not in CHANNELS:
        return "unknown_channel", _("The channel must be one of: %(channels)s.") % {
            "channels": ", ".join(sorted(CHANNELS))
        }
    return None


def _content_hash(fact: OrderFact) -> str:
    """Fingerprint everything that was told except the number itself."""
    text = (
        f"{fact.member_id}|{fact.placed_at.timestamp()}|{fact.total:.2f}|{fact.currency}|"
        f"{fact.status}|{fact.channel}|{fact.store_id}"
    )
    if fact.parts:
        # Orders told without them keep the fingerprint that they have always had.
        told = [f"{p:.2f}" if isinstance(p, Decimal) else p for p in fact.parts]
        text += f"|{told!r}"
    if fact.vouchers:
        text += f"|vouchers {sorted(fact.vouchers)!r}"
    if not fact.lines:
        return hashlib.sha256(text.encode()).hexdigest()
    parts = [
        (
            line.sku,
            line.product,
            line.category,
            f"{line.quantity:.3f}",
            None if line.unit_price is None else f"{line.unit_price:.2f}",
            f"{line.discount:.2f}",
            f"{line.total:.2f}",
            *((line.brand, *line.labels) if line.brand or line.labels else ()),
        )
        for line in fact.lines
    ]
    return hashlib.sha256(f"{text}|{parts!r}".encode()).hexdigest()


def name_lines(lines: Sequence[OrderLineFact]) -> tuple[OrderLineFact, ...]:
    """Return lines with what a till left out, from the product catalogue. One query."""
    products = _products({line.sku for line in lines if line.sku})
    return tuple(_named(line, products) for line in lines)


def _name_products(saved: Sequence[SavedOrder]) -> None:
    """Fill what a till leaves out of a line from the product catalogue. One query."""
    products = _products({line.sku for one in saved for line in one.fact.lines if line.sku})
    if not products:
        return
    for one in saved:
        if any(line.sku in products for line in one.fact.lines):
            lines = tuple(_named(line, products) for line in one.fact.lines)
            one.fact = one.fact._replace(lines=lines)


def _products(skus: Collection[str]) -> dict[str, Product]:
    if not skus:
        return {}
    return {product.sku: product for product in Product.objects.filter(sku__in=skus)}


def _named(line: OrderLineFact, products: Mapping[str, Product]) -> OrderLineFact:
    product = products.get(line.sku)
    if product is None:
        return line
    return line._replace(
        product=line.product or product.name,
        category=line.category or product.category,
        brand=line.brand or product.brand,
        labels=line.labels or tuple(product.labels),
    )


def _identity(saved: SavedOrder) -> tuple[str, str]:
    return saved.fact.source, saved.fact.external_id


def _first_of_each(saved: Sequence[SavedOrder]) -> dict[tuple[str, str], SavedOrder]:
    """Keep the first telling of each order, sorted so that two batches cannot deadlock."""
    first: dict[tuple[str, str], SavedOrder] = {}
    for one in saved:
        if one.outcome != REFUSED:
            first.setdefault(_identity(one), one)
    return dict(sorted(first.items()))


def _insert_orders(fresh: Sequence[SavedOrder]) -> None:
    has_parts = any(saved.fact.parts for saved in fresh)
    rows = [
        (
            fact.source,
            fact.external_id,
            fact.member_id,
            fact.store_id,
            fact.channel,
            fact.status,
            fact.placed_at,
            saved.placed_on,
            fact.total,
            fact.currency,
            saved.content_hash,
            *(fact[10:17] if has_parts else ()),
        )
        for saved in fresh
        if (fact := saved.fact)
    ]
    new = insert_new(
        "activities_order",
        (*ORDER_COLUMNS, *PART_COLUMNS) if has_parts else ORDER_COLUMNS,
        rows,
        conflict="source, external_id",
        returning="source, external_id, id",
    )
    ids = {(source, external_id): order_id for source, external_id, order_id in new}
    for saved in fresh:
        saved.order_id = ids.get(_identity(saved))
        saved.outcome = NEW if saved.order_id else KNOWN


def _compare_with_stored(known: Sequence[SavedOrder]) -> None:
    """Tell an honest repeat from the same number with other content."""
    if not known:
        return
    columns = [Column("source", "text"), Column("external_id", "text")]
    source, parameters = rows_source(columns, [_identity(saved) for saved in known])
    stored = {
        (row[0], row[1]): (row[2], row[3])
        for row in fetch_all(
            "SELECT o.source, o.external_id, o.id, o.content_hash "
            f"FROM activities_order o JOIN {source} "
            "ON r.source = o.source AND r.external_id = o.external_id",
            parameters,
        )
    }
    for saved in known:
        saved.order_id, content_hash = stored[_identity(saved)]
        if _is_same(saved.fact, content_hash):
            continue
        completed = saved.fact._replace(status=COMPLETED)
        if saved.fact.status != COMPLETED and _is_same(completed, content_hash):
            # The same purchase, called off since.
            saved.cancels = True
        else:
            _refuse_conflict(saved)


def _is_same(fact: OrderFact, content_hash: str) -> bool:
    return content_hash == _content_hash(fact) or told_before_merge(
        fact.member_id, content_hash, lambda pk: _content_hash(fact._replace(member_id=pk))
    )


def _repeat_of(first: SavedOrder, later: SavedOrder) -> None:
    """Settle an order that was told twice within one batch."""
    later.order_id = first.order_id
    later.outcome = KNOWN
    if first.outcome == REFUSED or first.content_hash != later.content_hash:
        _refuse_conflict(later)


def _refuse_conflict(saved: SavedOrder) -> None:
    saved.outcome = REFUSED
    saved.code = "conflict"
    saved.reason = _(
        "Order %(order)s was recorded before with other content. What stands is kept; "
        "give a changed order a number of its own."
    ) % {"order": saved.fact.external_id}


def _insert_lines(fresh: Sequence[SavedOrder]) -> None:
    rows = [
        (saved.order_id, position, *line[:-1], json.dumps(line.labels, ensure_ascii=False))
        for saved in fresh
        for position, line in enumerate(saved.fact.lines, start=1)
    ]
    insert_rows("activities_orderline", LINE_COLUMNS, rows)


def _update_summaries(orders: Sequence[SavedOrder]) -> None:
    """Add new purchases to what is known of their members, by one statement."""
    if not orders:
        return
    sums: dict[int, tuple[Any, ...]] = {}
    for saved in orders:
        one = (
            saved.member_id,
            saved.placed_on,
            saved.placed_on,
            saved.placed_at,
            1,
            saved.fact.total,
        )
        before = sums.get(saved.member_id)
        sums[saved.member_id] = _merged(before, one) if before else one
    source, parameters = rows_source(SUMMARY_COLUMNS, [sums[m] for m in sorted(sums)])
    names = ", ".join(column.name for column in SUMMARY_COLUMNS)
    least, greatest = ("LEAST", "GREATEST") if is_postgresql() else ("MIN", "MAX")
    # Whose every purchase went back has a row without days.
    day, last, moment = (
        f"COALESCE(s.{name}, excluded.{name})"
        for name in ("first_order_on", "last_order_on", "last_order_at")
    )
    execute(
        f"INSERT INTO activities_purchasesummary AS s ({names}) "
        f"SELECT {names} FROM {source} WHERE true "
        "ON CONFLICT (member_id) DO UPDATE SET "
        f"first_order_on = {least}({day}, excluded.first_order_on), "
        f"last_order_on = {greatest}({last}, excluded.last_order_on), "
        f"last_order_at = {greatest}({moment}, excluded.last_order_at), "
        "num_orders = s.num_orders + excluded.num_orders, "
        "spend = s.spend + excluded.spend",
        parameters,
    )


def _merged(a: tuple[Any, ...], b: tuple[Any, ...]) -> tuple[Any, ...]:
    return (
        a[0],
        min(a[1], b[1]),
        max(a[2], b[2]),
        max(a[3], b[3]),
        a[4] + b[4],
        a[5] + b[5],
    )
