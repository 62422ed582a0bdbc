"""Paying with points at the till: what a member's points are worth on one order."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from decimal import ROUND_FLOOR, Decimal

from django.utils.translation import gettext as _

from core.clock import local_date
from core.errors import InvalidInput
from core.models import Programme
from core.money import format_money, group_digits
from members.models import Member
from points.models import Wallet
from points.queries import usable_points


@dataclass(frozen=True, slots=True)
class PaymentQuote:
    """What points can pay: ``points`` of the wallet are worth ``value`` in money.

    ``most_points`` is the most that this order and this balance allow; ``reason`` says why
    nothing, or less than was asked for, can be paid.
    """

    points: int
    value: Decimal
    most_points: int
    usable: int
    reason: str = ""


def quote_payment(
    *,
    member: Member,
    order_total: Decimal,
    wallet: Wallet,
    at: datetime,
    points: int | None = None,
) -> PaymentQuote:
    """Work out what a member's points pay on an order; None asks for as many as possible.

    Whole blocks only, at least the wallet's minimum, at most its share of the order.
    Raises InvalidInput for a total below zero.
    """
    if order_total < 0:
        raise InvalidInput(_("The total must be zero or more."))
    usable = usable_points(member, wallet=wallet, on=local_date(at))
    if not wallet.pays_at_till or not wallet.is_active:
        return PaymentQuote(0, Decimal(0), 0, usable, _("These points cannot pay."))
    most = min(usable, most_for_order(wallet, order_total)) // wallet.pay_points
    most_points = most * wallet.pay_points
    if most_points < max(wallet.pay_minimum, 1):
        reason = _why_nothing(wallet, usable, order_total)
        return PaymentQuote(0, Decimal(0), 0, usable, reason)
    wanted = most_points if points is None else points
    blocks = min(wanted, most_points) // wallet.pay_points
    paid = blocks * wallet.pay_points
    if paid < max(wallet.pay_minimum, 1):
        reason = _("At least %(points)s points are needed to pay with them.") % {
            "points": group_digits(max(wallet.pay_minimum, wallet.pay_points))
        }
        return PaymentQuote(0, Decimal(0), most_points, usable, reason)
    reason = "" if paid == wanted else _why_less(wallet, paid)
    return PaymentQuote(paid, blocks * wallet.pay_value, most_points, usable, reason)


def most_for_order(wallet: Wallet, order_total: Decimal) -> int:
    """Return the most points that may pay for an order of this total, in whole blocks."""
    share = order_total * wallet.pay_max_percent / 100
    blocks = (share / wallet.pay_value).to_integral_value(rounding=ROUND_FLOOR)
    return int(blocks) * wallet.pay_points


def _why_nothing(wallet: Wallet, usable: int, order_total: Decimal) -> str:
    needed = max(wallet.pay_minimum, wallet.pay_points)
    if usable < needed:
        return _("%(needed)s points are needed to pay; %(usable)s can be used.") % {
            "needed": group_digits(needed),
            "usable": group_digits(usable),
        }
    return _("The order of %(total)s is too small to pay with points.") % {
        "total": format_money(order_total, Programme.current().currency)
    }


def _why_less(wallet: Wallet, paid: int) -> str:
    return _("Only %(points)s points can pay: whole blocks of %(block)s.") % {
        "points": group_digits(paid),
        "block": group_digits(wallet.pay_points),
    }
