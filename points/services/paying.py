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
from points.amounts import Unit
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
    already_paid: Decimal = Decimal(0),
) -> PaymentQuote:
    """Work out what a member's points pay on an order; None asks for as many as possible.

    Whole blocks only, at least the wallet's minimum, at most its share of the order and
    what other wallets (``already_paid``) leave of it. Nothing for who is not active.
    Raises InvalidInput for a total below zero.
    """
    if order_total < 0:
        raise InvalidInput(_("The total must be zero or more."))
    usable = usable_points(member, wallet=wallet, on=local_date(at))
    if not member.is_active:
        return PaymentQuote(0, Decimal(0), 0, usable, _("The member is not active."))
    if not wallet.pays_at_till or not wallet.is_active:
        return PaymentQuote(0, Decimal(0), 0, usable, _why_never(wallet))
    allowed = most_for_order(wallet, order_total, already_paid=already_paid)
    most = min(usable, allowed) // wallet.pay_points
    most_points = most * wallet.pay_points
    if most_points < max(wallet.pay_minimum, 1):
        reason = _why_nothing(wallet, usable, order_total)
        return PaymentQuote(0, Decimal(0), 0, usable, reason)
    wanted = most_points if points is None else points
    blocks = min(wanted, most_points) // wallet.pay_points
    paid = blocks * wallet.pay_points
    if paid < max(wallet.pay_minimum, 1):
        reason = _why_too_few(wallet)
        return PaymentQuote(0, Decimal(0), most_points, usable, reason)
    reason = "" if paid == wanted else _why_less(wallet, paid)
    return PaymentQuote(paid, blocks * wallet.pay_value, most_points, usable, reason)


def most_for_order(
    wallet: Wallet, order_total: Decimal, *, already_paid: Decimal = Decimal(0)
) -> int:
    """Return the most points that may pay for an order of this total, in whole blocks."""
    share = order_total * wallet.pay_max_percent / 100
    share = max(min(share, order_total - already_paid), Decimal(0))
    blocks = (share / wallet.pay_value).to_integral_value(rounding=ROUND_FLOOR)
    return int(blocks) * wallet.pay_points


# --- why not, in the wallet's own words -------------------------------------------------


def _why_never(wallet: Wallet) -> str:
    if wallet.kind == Wallet.Kind.POINTS:
        return _("These points cannot pay.")
    return _("The wallet “%(wallet)s” cannot pay.") % {"wallet": wallet.name}


def _why_nothing(wallet: Wallet, usable: int, order_total: Decimal) -> str:
    programme = Programme.current()
    needed = max(wallet.pay_minimum, wallet.pay_points)
    if usable >= needed:
        text = _("The order of %(total)s is too small to pay with points.")
        if wallet.holds_money:
            text = _("Nothing of the order of %(total)s may be paid from this wallet.")
        return text % {"total": format_money(order_total, programme.currency)}
    unit = Unit.of(wallet, programme)
    facts = {"needed": unit.number(needed), "usable": unit.number(usable)}
    if wallet.holds_money:
        return _("%(needed)s are needed to pay; %(usable)s can be used.") % facts
    return _("%(needed)s points are needed to pay; %(usable)s can be used.") % facts


def _why_too_few(wallet: Wallet) -> str:
    least = max(wallet.pay_minimum, wallet.pay_points)
    if wallet.holds_money:
        amount = Unit.of(wallet, Programme.current()).number(least)
        return _("At least %(amount)s are paid from this wallet.") % {"amount": amount}
    return _("At least %(points)s points are needed to pay with them.") % {
        "points": group_digits(least)
    }


def _why_less(wallet: Wallet, paid: int) -> str:
    unit = Unit.of(wallet, Programme.current())
    facts = {"points": unit.number(paid), "block": unit.number(wallet.pay_points)}
    if not wallet.holds_money:
        return _("Only %(points)s points can pay: whole blocks of %(block)s.") % facts
    if wallet.pay_points == 1:
        return _("Only %(points)s can pay.") % facts
    return _("Only %(points)s can pay: whole blocks of %(block)s.") % facts
