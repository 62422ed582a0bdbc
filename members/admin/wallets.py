"""What a member has in each wallet, as staff read it: numbers, or money."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

from django.utils.translation import gettext as _

from core.admin_tools import days_ago, when
from core.models import Programme
from members.models import Member
from points.amounts import Unit
from points.models import Wallet
from points.queries import (
    Expiring,
    HistoryEntry,
    Holding,
    expiring_by_wallet,
    history,
    holdings,
)

A_YEAR = 366


@dataclass(frozen=True, slots=True)
class WalletLine:
    """One wallet: what is in it, what is still to come, and what ends next."""

    wallet: Wallet
    unit: Unit
    balance: int
    held: int
    days: list[Expiring]
    entries: list[HistoryEntry]

    @property
    def amount(self) -> str:
        return self.unit.amount(self.balance)

    @property
    def waiting(self) -> str:
        """Say what was earned and cannot be used yet; empty when nothing waits."""
        if not self.held:
            return ""
        return _("%(amount)s not usable yet") % {"amount": self.unit.amount(self.held)}


def wallet_lines(
    member: Member, programme: Programme, *, today: date, limit: int
) -> list[WalletLine]:
    """Return every wallet in use, "my points" first, with its latest movements.

    Six queries, and three for each wallet.
    """
    found: Sequence[Holding] = holdings(member)
    wallets = [holding.wallet for holding in found]
    ends = expiring_by_wallet(member, wallets, today=today, within_days=A_YEAR)
    return [
        WalletLine(
            wallet=one.wallet,
            unit=Unit.of(one.wallet, programme),
            balance=one.balance,
            held=one.held,
            days=ends.get(one.wallet.pk, []),
            entries=history(member, limit=limit, wallet=one.wallet),
        )
        for one in found
    ]


def next_expiry(days: Sequence[Expiring], unit: Unit, today: date) -> str:
    """Say what ends first, and when; empty when nothing does."""
    if not days:
        return ""
    return _("%(amount)s expire after %(day)s (%(near)s)") % {
        "amount": unit.amount(days[0].points),
        "day": when(days[0].expires_on),
        "near": days_ago(days[0].expires_on, today),
    }


def form_balances(member: Member, programme: Programme) -> dict[str, Any]:
    """Return what the form of points by hand says about each wallet, by its id."""
    facts = {}
    for one in holdings(member):
        unit = Unit.of(one.wallet, programme)
        facts[str(one.wallet.pk)] = {
            "balance": one.balance,
            "shown": unit.amount(one.balance),
            "unit": unit.label,
            "decimals": unit.decimals,
            "approval": _approval_note(one.wallet, unit),
        }
    return facts


def _approval_note(wallet: Wallet, unit: Unit) -> str:
    """Say above what a second person is asked; empty where nobody is."""
    if wallet.approval_above is None:
        return ""
    return _("Above %(amount)s a day, a second person has to approve it first.") % {
        "amount": unit.amount(wallet.approval_above)
    }
