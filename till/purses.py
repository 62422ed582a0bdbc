"""Wallets at the counter: what can pay, and how their amounts are written."""

from __future__ import annotations

from dataclasses import dataclass

from django.utils.translation import gettext as _

from core.models import Programme
from core.money import format_money
from members.models import Member
from points.amounts import Unit
from points.models import Wallet
from points.queries import holdings, points_wallet


@dataclass(frozen=True, slots=True)
class PayOption:
    """A wallet that pays for orders: what is in it, and what it is worth."""

    code: str
    name: str
    balance: str
    worth: str


def pay_options(member: Member, programme: Programme) -> list[PayOption]:
    """Return the wallets with which a member can pay here, "my points" first."""
    return [
        PayOption(
            code=holding.wallet.code,
            name=holding.wallet.name,
            balance=unit_of(holding.wallet, programme).amount(holding.balance),
            worth=_worth(holding.wallet, programme),
        )
        for holding in holdings(member)
        if holding.wallet.pays_at_till and holding.balance > 0
    ]


def unit_of(wallet: Wallet | None, programme: Programme) -> Unit:
    """Return how amounts of a wallet are written; "my points" has the programme's word."""
    if wallet is None:
        return Unit(programme.unit_name)
    unit = Unit.of(wallet, programme)
    first = points_wallet()
    is_first = first is not None and first.pk == wallet.pk
    return Unit(programme.unit_name) if is_first and not unit.currency else unit


def _worth(wallet: Wallet, programme: Programme) -> str:
    """Say what a block pays: 100 điểm pay 10.000 ₫; nothing for money, which is itself."""
    unit = unit_of(wallet, programme)
    if unit.currency and wallet.pay_points == 1:
        return ""
    return _("%(points)s pay %(money)s, in whole blocks") % {
        "points": unit.amount(wallet.pay_points),
        "money": format_money(wallet.pay_value, programme.currency),
    }
