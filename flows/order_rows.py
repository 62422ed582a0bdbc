"""Rows of a file as orders and refunds: what people write, understood or refused."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import ROUND_HALF_UP, Decimal
from zoneinfo import ZoneInfo

from django.utils.translation import gettext as _

from activities.models import Order
from activities.services import (
    OrderFact,
    OrderLineFact,
    RefundFact,
    RefundLineFact,
)
from core.errors import InvalidInput
from core.models import Programme
from core.phones import normalise_phone
from core.tabular import Row, parse_amount, parse_moment, parse_quantity

CENT = Decimal("0.01")
PRICE = re.compile(r"[0-9]{1,12}\.[0-9]{1,6}").fullmatch
REFUNDED = "refunded"

REQUIRED = ("order_id", "placed_at")
EITHER = ("member_id", "phone")
PART_FIELDS = (
    "order_discount",
    "voucher_discount",
    "tax",
    "delivery_fee",
    "points_amount",
    "payment_method",
    "promo_code",
)
LINE_FIELDS = ("sku", "product", "category", "quantity", "unit_price", "discount", "brand")
OPTIONAL = (
    "total",
    "status",
    "channel",
    "store",
    "currency",
    "refund_of",
    *PART_FIELDS,
    *LINE_FIELDS,
)
# Only these make a line worth keeping; a quantity alone says nothing about a product.
NAMING_FIELDS = frozenset(("sku", "product", "category", "unit_price"))

STATUSES = {
    **dict.fromkeys(
        ("", "completed", "complete", "paid", "done", "delivered", "hoàn thành"),
        Order.Status.COMPLETED.value,
    ),
    **dict.fromkeys(
        ("cancelled", "canceled", "void", "đã hủy", "đã huỷ", "hủy", "huỷ"),
        Order.Status.CANCELLED.value,
    ),
    **dict.fromkeys(
        ("refunded", "refund", "returned", "return", "trả hàng", "hoàn tiền"), REFUNDED
    ),
}


@dataclass(slots=True)
class Draft:
    """One order as its rows tell it, before anyone knows whose it is."""

    rows: list[Row]
    code: str = ""
    phone: str = ""
    store: str = ""
    fact: OrderFact | None = None
    refund: RefundFact | None = None
    problem: str = ""


class OrderReader:
    """Turns the rows of one order into a draft; knows the programme's zone and currency."""

    def __init__(self, programme: Programme, source: str, fields: Collection[str]) -> None:
        self.zone: ZoneInfo = programme.zone
        self.currency = str(programme.currency)
        self.source = source
        self.has_lines = not NAMING_FIELDS.isdisjoint(fields)

    def read(self, rows: list[Row]) -> Draft:
        draft = Draft(rows)
        try:
            self._fill(draft)
        except InvalidInput as error:
            draft.problem = str(error.message)
        return draft

    def _fill(self, draft: Draft) -> None:
        values = draft.rows[0].values
        get = values.get
        draft.code = get("member_id", "")
        draft.store = get("store", "")
        if phone := get("phone", ""):
            draft.phone = normalise_phone(phone)
        if not draft.code and not draft.phone:
            raise InvalidInput(_("The row names no member: give member_id or phone."))
        if len(draft.rows) > 1:
            self._check_agreement(draft.rows)
        status = self._status(get("status", ""))
        moments = [parse_moment(row.values["placed_at"], self.zone) for row in draft.rows]
        if status == REFUNDED or self._goes_back(draft.rows):
            draft.refund = self._refund(draft.rows, min(moments))
            return
        total, lines = self._amounts(draft.rows)
        draft.fact = OrderFact(
            source=self.source,
            external_id=values["order_id"],
            member_id=0,
            # Tills stamp each line; an order happened when its first line did.
            placed_at=min(moments),
            total=total,
            currency=self._currency(get("currency", "")),
            status=status,
            channel=get("channel", "").lower() or Order.Channel.STORE.value,
            lines=lines,
            discount=self._part(values, "order_discount"),
            voucher_discount=self._part(values, "voucher_discount"),
            tax=self._part(values, "tax"),
            delivery_fee=self._part(values, "delivery_fee"),
            points_amount=self._part(values, "points_amount"),
            payment_method=get("payment_method", "")[:20],
            promo_code=get("promo_code", "")[:40],
        )

    def _part(self, values: Mapping[str, str], name: str) -> Decimal:
        text = values.get(name, "")
        if not text:
            return Decimal(0)
        amount = parse_amount(text, name, currency=self.currency)
        if amount < 0:
            raise InvalidInput(_("%(field)s is below zero.") % {"field": name})
        return amount

    def _goes_back(self, rows: list[Row]) -> bool:
        """Tell whether these rows are goods that came back: all of them below zero."""
        signs = [self._sign(row.values) for row in rows]
        if all(sign <= 0 for sign in signs) and any(sign < 0 for sign in signs):
            return True
        if any(sign < 0 for sign in signs):
            raise InvalidInput(
                _("The rows sell and take back at once. Give the return its own number.")
            )
        return False

    def _sign(self, values: Mapping[str, str]) -> int:
        """Return -1 for a row below zero, 1 above; only a minus sign is looked for."""
        quantity = values.get("quantity", "").startswith("-")
        total = values.get("total", "").startswith("-")
        if quantity or total:
            return -1
        return 1

    def _refund(self, rows: list[Row], refunded_at: datetime) -> RefundFact:
        """Read goods that came back, whatever sign they were written with."""
        values = rows[0].values
        lines = []
        for row in rows:
            total = abs(self._total(row))
            if any(row.values.get(name) for name in ("sku", "product")):
                lines.append(
                    RefundLineFact(
                        sku=row.values.get("sku", "")[:60],
                        product=row.values.get("product", "")[:160],
                        quantity=abs(self._quantity(row.values)),
                        total=total,
                    )
                )
        return RefundFact(
            source=self.source,
            external_id=values["order_id"],
            member_id=0,
            refunded_at=refunded_at,
            total=sum((abs(self._total(row)) for row in rows), Decimal(0)),
            order_number=values.get("refund_of", "")[:80],
            lines=tuple(lines),
        )

    def _check_agreement(self, rows: list[Row]) -> None:
        """Rows of one order must tell one member and one shop."""
        first = rows[0].values
        for row in rows[1:]:
            for name in ("member_id", "phone", "store", "status", "channel"):
                if row.values.get(name) != first.get(name):
                    raise InvalidInput(
                        _("The rows of order %(order)s differ in %(column)s.")
                        % {"order": first["order_id"], "column": name}
                    )

    def _amounts(self, rows: list[Row]) -> tuple[Decimal, tuple[OrderLineFact, ...]]:
        """Return the order's total and its lines.

        A row's total is what the row costs, and the order costs their sum; only when the
        rows carry prices of their own that differ from it may one total, repeated on
        every row, stand for the whole order (after a discount on the order, say).
        """
        if not self.has_lines and len(rows) == 1:
            return self._total(rows[0]), ()
        totals = [self._total(row) for row in rows]
        if not any(row.values.get(name) for row in rows for name in NAMING_FIELDS):
            return sum(totals, Decimal(0)), ()
        lines = tuple(
            self._line(row, total) for row, total in zip(rows, totals, strict=True)
        )
        priced = all(line.unit_price is not None for line in lines)
        by_line = [line.total for line in lines]
        if priced and totals != by_line and len(set(totals)) == 1:
            return totals[0], lines
        if priced and totals != by_line and len(rows) > 1:
            raise InvalidInput(
                _("The totals of order %(order)s fit neither its lines nor each other.")
                % {"order": rows[0].values["order_id"]}
            )
        return sum(totals, Decimal(0)), lines

    def _total(self, row: Row) -> Decimal:
        values = row.values
        if text := values.get("total", ""):
            total = parse_amount(text, "total", currency=self.currency)
        elif values.get("unit_price"):
            total = self._price_of_line(row)
        else:
            raise InvalidInput(_("The row has no total."))
        return total

    def _price_of_line(self, row: Row) -> Decimal:
        values = row.values
        price = self._price(values["unit_price"])
        cost = self._quantity(values) * price - self._discount(values)
        return cost.quantize(CENT, ROUND_HALF_UP)

    def _price(self, text: str) -> Decimal:
        """Read the price of one piece: wholesale knows tenths of a cent."""
        if self.currency != "VND" and PRICE(text):
            return Decimal(text)
        return parse_amount(text, "unit_price", currency=self.currency)

    def _line(self, row: Row, total: Decimal) -> OrderLineFact:
        values = row.values
        price = values.get("unit_price", "")
        return OrderLineFact(
            sku=values.get("sku", "")[:60],
            product=values.get("product", "")[:160],
            category=values.get("category", "")[:80],
            brand=values.get("brand", "")[:80],
            quantity=self._quantity(values),
            unit_price=(
                self._price(price).quantize(CENT, ROUND_HALF_UP) if price else None
            ),
            discount=self._discount(values),
            total=self._price_of_line(row) if price else total,
        )

    def _quantity(self, values: Mapping[str, str]) -> Decimal:
        text = values.get("quantity", "")
        return parse_quantity(text, "quantity") if text else Decimal(1)

    def _discount(self, values: Mapping[str, str]) -> Decimal:
        text = values.get("discount", "")
        if not text:
            return Decimal(0)
        return parse_amount(text, "discount", currency=self.currency)

    def _currency(self, text: str) -> str:
        if text and text.upper() != self.currency:
            raise InvalidInput(
                _("The order is in %(found)s; the programme counts in %(wanted)s.")
                % {"found": text[:10], "wanted": self.currency}
            )
        return self.currency

    def _status(self, text: str) -> str:
        try:
            return STATUSES[text.casefold()]
        except KeyError:
            raise InvalidInput(
                _("“%(text)s” is no status. Write completed or cancelled.")
                % {"text": text[:40]}
            ) from None
