"""A wallet as its member sees it: what to call it, and how to write what is in it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime, timedelta

from core.clock import local_date
from core.models import Programme
from members.models import Member
from points.amounts import Unit
from points.models import Wallet
from points.queries import (
    Expiring,
    Holding,
    Pending,
    active_wallets,
    expiring_by_wallet,
    holdings,
)

SOON = timedelta(days=30)
# Every expiry that a rule can set lies inside this many days.
ALL_DAYS = 100 * 366


@dataclass(frozen=True, slots=True)
class Purse:
    """One wallet and what its member has in it; the first one is "my points".

    ``days``: what ends on which day, soonest first; ``soon`` is the first of them where it
    is near.
    """

    wallet: Wallet | None
    name: str
    unit: Unit
    is_first: bool = True
    balance: int = 0
    held: int = 0
    pending: list[Pending] = field(default_factory=list)
    reserved: int = 0
    reserved_until: datetime | None = None
    days: list[Expiring] = field(default_factory=list)
    soon: Expiring | None = None

    @property
    def code(self) -> str:
        return self.wallet.code if self.wallet else ""

    @property
    def query(self) -> str:
        """What an address says to mean this purse; the first one is meant anyway."""
        return "" if self.is_first else f"wallet={self.code}"

    @property
    def debt(self) -> int:
        """What the member owes, as a number above zero."""
        return max(0, -self.balance)

    @property
    def can_give(self) -> bool:
        """Tell whether the wallet's terms let members give, and there is anything."""
        return bool(self.wallet and self.wallet.transfers_allowed and self.balance > 0)

    @property
    def counts_points(self) -> bool:
        """Tell whether sentences may speak of points; else they say no unit."""
        return counts_points(self.wallet)

    @property
    def is_empty(self) -> bool:
        return not (self.balance or self.held or self.reserved)

    @property
    def lasting(self) -> int:
        """Return what has no last day, beside what ends on some day."""
        return max(0, self.balance - sum(day.points for day in self.days))


def counts_points(wallet: Wallet | None) -> bool:
    """Tell whether a wallet holds what members call points."""
    points = (Wallet.Kind.POINTS, Wallet.Kind.QUALIFYING)
    return wallet is None or wallet.kind in points


def purses(member: Member, programme: Programme) -> list[Purse]:
    """Return what a member has in each wallet in use, "my points" first. Four queries."""
    found = holdings(member)
    return [
        _purse(holding.wallet, programme, is_first=number == 0, holding=holding)
        for number, holding in enumerate(found)
    ] or [_before_set_up(programme)]


def purses_with_days(member: Member, programme: Programme, *, at: datetime) -> list[Purse]:
    """Return the same with the days on which something ends. Two more queries."""
    found = purses(member, programme)
    wallets = [purse.wallet for purse in found if purse.wallet]
    today = local_date(at)
    ends = expiring_by_wallet(member, wallets, today=today, within_days=ALL_DAYS)
    return [_with_days(purse, ends, today + SOON) for purse in found]


def _with_days(purse: Purse, ends: Mapping[int, list[Expiring]], horizon: date) -> Purse:
    days = ends.get(purse.wallet.pk, []) if purse.wallet else []
    soon = days[0] if days and days[0].expires_on <= horizon else None
    return replace(purse, days=days, soon=soon)


def purse_names(programme: Programme) -> list[Purse]:
    """Return the wallets in use without what is in them. One query."""
    return [
        _purse(wallet, programme, is_first=number == 0)
        for number, wallet in enumerate(active_wallets())
    ] or [_before_set_up(programme)]


def chosen(among: Sequence[Purse], code: str) -> Purse:
    """Return the purse with this code; any other code means the first one."""
    return next((purse for purse in among if purse.code == code), among[0])


def _purse(
    wallet: Wallet, programme: Programme, *, is_first: bool, holding: Holding | None = None
) -> Purse:
    unit = Unit.of(wallet, programme)
    if is_first and not unit.currency:
        # What members call "my points" is the programme's word.
        unit = Unit(programme.unit_name)
    if holding is None:
        return Purse(wallet, wallet.name, unit, is_first)
    return Purse(
        wallet=wallet,
        name=wallet.name,
        unit=unit,
        is_first=is_first,
        balance=holding.balance,
        held=holding.held,
        pending=holding.pending,
        reserved=holding.reserved,
        reserved_until=holding.reserved_until,
    )


def _before_set_up(programme: Programme) -> Purse:
    return Purse(None, programme.unit_name, Unit(programme.unit_name))
