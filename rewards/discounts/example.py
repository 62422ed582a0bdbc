"""A worked example: what vouchers do to a sample basket, row by row, for staff to read."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal

from django.utils.translation import gettext as _

from rewards.discounts.basket import Asked, Basket, Context
from rewards.discounts.engine import evaluate
from rewards.discounts.results import Result, VoucherResult
from rewards.discounts.sentence import describe


@dataclass(frozen=True, slots=True)
class ExampleRow:
    """A line (or delivery): its price, what each voucher takes off it, what is paid.

    ``taken`` has an amount for each voucher of the example, in the same order.
    """

    name: str
    quantity: Decimal
    price: Decimal
    taken: tuple[Decimal, ...]
    paid: Decimal


@dataclass(frozen=True, slots=True)
class ExampleVoucher:
    """What a voucher says it does, what it does here, and why."""

    name: str
    sentence: str
    taken: Decimal
    reasons: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Example:
    rows: tuple[ExampleRow, ...]
    vouchers: tuple[ExampleVoucher, ...]
    price: Decimal
    taken: Decimal
    paid: Decimal


def worked_example(asked: Sequence[Asked], basket: Basket, context: Context) -> Example:
    """Ask vouchers about a sample basket; the columns are the vouchers, as asked."""
    result = evaluate(basket, asked, context)
    return Example(
        rows=(*_lines(result), *_delivery(result)),
        vouchers=tuple(_voucher(v, context) for v in result.vouchers),
        price=result.price,
        taken=result.taken,
        paid=result.paid,
    )


def _lines(result: Result) -> list[ExampleRow]:
    return [
        ExampleRow(
            name=row.line.name or row.line.sku or row.line.key,
            quantity=row.line.quantity,
            price=row.price,
            taken=tuple(voucher.lines[place] for voucher in result.vouchers),
            paid=row.paid,
        )
        for place, row in enumerate(result.lines)
    ]


def _delivery(result: Result) -> list[ExampleRow]:
    if not result.delivery_fee:
        return []
    return [
        ExampleRow(
            name=_("Delivery"),
            quantity=Decimal(1),
            price=result.delivery_fee,
            taken=tuple(voucher.delivery for voucher in result.vouchers),
            paid=result.delivery_paid,
        )
    ]


def _voucher(voucher: VoucherResult, context: Context) -> ExampleVoucher:
    return ExampleVoucher(
        name=str(voucher.asked),
        sentence=describe(voucher.asked.terms, currency=context.currency),
        taken=voucher.taken,
        reasons=tuple(said.sentence for said in voucher.said),
    )
