"""On which day points stop being usable: the expiry policies of wallets.

A lot that is formed under a policy carries its last usable day for ever: nobody's points
get a shorter life afterwards. Lots without a day (from before the policy was switched on,
or in a wallet that counts inactivity) follow the wallet, and the first of them end one
full period after the switch.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta
from functools import lru_cache

from core.clock import add_months
from points.models import Wallet

NEVER = Wallet.Expiry.NEVER.value
ROLLING = Wallet.Expiry.ROLLING.value
MONTH_END = Wallet.Expiry.MONTH_END.value
YEAR_END = Wallet.Expiry.YEAR_END.value
FIXED = Wallet.Expiry.FIXED.value
INACTIVITY = Wallet.Expiry.INACTIVITY.value


@dataclass(frozen=True, slots=True)
class ExpiryPolicy:
    """A wallet's expiry in plain values; ``months`` and days are the programme's."""

    kind: str
    months: int = 0
    day: date | None = None
    since: date | None = None

    @classmethod
    def of(cls, wallet: Wallet) -> ExpiryPolicy:
        return cls(
            str(wallet.expiry_policy),
            wallet.expiry_months or 0,
            wallet.expiry_day,
            wallet.expiry_since,
        )


@lru_cache(maxsize=4096)
def last_day(policy: ExpiryPolicy, earned_on: date) -> date | None:
    """Return the last usable day of points earned on a day; None follows the wallet."""
    if policy.kind == ROLLING:
        return add_months(earned_on, policy.months)
    if policy.kind == MONTH_END:
        return _end_of_month(add_months(earned_on, policy.months))
    if policy.kind == YEAR_END:
        return date(add_months(earned_on, policy.months).year, 12, 31)
    if policy.kind == FIXED and policy.day:
        return _next_occurrence(policy.day, earned_on)
    return None


@lru_cache(maxsize=4096)
def last_day_of_undated(policy: ExpiryPolicy, active_on: date | None) -> date | None:
    """Return the last usable day of points that carry none.

    ``active_on`` is when the member last earned or spent. None: they do not expire.
    """
    if policy.kind == INACTIVITY:
        known = [day for day in (active_on, policy.since) if day]
        return add_months(max(known), policy.months) if known else None
    if policy.kind == NEVER or policy.since is None:
        return None
    if policy.kind == FIXED:
        return last_day(policy, add_months(policy.since, 12))
    full = {ROLLING: policy.months, MONTH_END: max(policy.months, 1)}
    months = full.get(policy.kind, max(policy.months, 12))
    end = add_months(policy.since, months)
    if policy.kind == MONTH_END:
        return _end_of_month(end)
    return date(end.year, 12, 31) if policy.kind == YEAR_END else end


def _end_of_month(day: date) -> date:
    return add_months(day.replace(day=1), 1) - timedelta(days=1)


def _next_occurrence(first: date, earned_on: date) -> date:
    """Return the first of the yearly days that is not before the earning."""
    years = max(0, earned_on.year - first.year)
    day = add_months(first, 12 * years)
    return day if day >= earned_on else add_months(first, 12 * (years + 1))
