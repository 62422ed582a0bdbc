"""What a campaign brought, in words and a picture: the verdict, the numbers behind it."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from django.utils.translation import gettext as _

from campaigns.measuring import (
    FEWEST_BUYERS,
    FEWEST_MEMBERS,
    NO_HOLDOUT,
    TOO_FEW,
    Effect,
    Group,
    Interval,
)
from campaigns.models import Campaign
from core.admin_tools import number, percent
from core.models import Programme
from core.money import format_money

# The picture's width in its own units, and what stays free on both sides.
WIDTH, MARGIN = 600, 24
MINUS = "−"


@dataclass(frozen=True, slots=True)
class Estimate:
    """A line of the result: what was found, and between what the truth lies."""

    label: str
    value: str
    between: str = ""


@dataclass(frozen=True, slots=True)
class Picture:
    """An interval beside zero, in units of a drawing WIDTH wide."""

    zero: int
    low: int
    high: int
    value: int
    low_text: str
    high_text: str
    # Labels near an edge grow inwards.
    low_anchor: str
    high_anchor: str

    @property
    def length(self) -> int:
        return max(2, self.high - self.low)


@dataclass(frozen=True, slots=True)
class Shown:
    """The verdict, its tone, what it rests on, and both groups."""

    verdict: str
    tone: str
    explanation: str
    groups: list[tuple[str, list[str]]]
    headline: str = ""
    caption: str = ""
    picture: Picture | None = None
    estimates: tuple[Estimate, ...] = ()
    note: str = ""


def show_effect(campaign: Campaign, effect: Effect) -> Shown | None:
    """Put the comparison with the hold-out group into words."""
    if effect.missing == NO_HOLDOUT and not effect.reached.size:
        return None
    currency = effect.currency
    groups = [
        (_("members reached"), _group_cells(effect.reached, currency)),
        (_("left alone"), _group_cells(effect.left_alone, currency)),
    ]
    if effect.missing:
        told = _("No conclusion yet"), "info", _why_none(effect)
        return Shown(*told, groups, estimates=_costs(effect))
    assert effect.revenue is not None, "nothing is missing"
    verdict, tone = _verdict(effect.revenue)
    return Shown(
        verdict,
        tone,
        _shares(campaign, effect),
        groups,
        headline=signed_money(effect.revenue.value, currency),
        caption=_caption(effect.revenue, currency),
        picture=_picture(effect.revenue, currency),
        estimates=_estimates(effect, currency),
        note=_note(effect),
    )


def _caption(revenue: Interval, currency: str) -> str:
    return _(
        "revenue that it brought; with 95 %% certainty it is between %(low)s and %(high)s."
    ) % {
        "low": signed_money(revenue.low, currency),
        "high": signed_money(revenue.high, currency),
    }


def _group_cells(group: Group, currency: str) -> list[str]:
    return [
        number(group.size),
        number(group.buyers),
        percent(group.buyers, group.size),
        format_money(Decimal(group.mean), currency),
    ]


def _why_none(effect: Effect) -> str:
    if effect.missing == NO_HOLDOUT:
        return _(
            "Nobody is left alone, so nobody knows what they would have bought anyway. "
            "Set a hold-out group below; it begins with whoever enters next."
        )
    if effect.missing == TOO_FEW:
        smaller = min(effect.reached.size, effect.left_alone.size)
        return _(
            "Each group needs at least %(fewest)s members; the smaller one has %(has)s. "
            "With fewer, chance would speak."
        ) % {"fewest": number(FEWEST_MEMBERS), "has": number(smaller)}
    return _(
        "Fewer than %(fewest)s members have bought so far. Wait: with so few, chance "
        "would speak."
    ) % {"fewest": number(FEWEST_BUYERS)}


def _verdict(revenue: Interval) -> tuple[str, str]:
    if not revenue.is_certain:
        return _("No difference is shown"), "warning"
    if revenue.value > 0:
        return _("It works: it brings more revenue"), "success"
    return _("It brings less revenue than leaving them alone"), "danger"


def _shares(campaign: Campaign, effect: Effect) -> str:
    reached, alone = effect.reached, effect.left_alone
    return _(
        "Within %(days)s days of entering, %(reached)s of those who were reached bought, "
        "and %(alone)s of those who were left alone."
    ) % {
        "days": campaign.goal_days,
        "reached": percent(reached.buyers, reached.size),
        "alone": percent(alone.buyers, alone.size),
    }


def _estimates(effect: Effect, currency: str) -> tuple[Estimate, ...]:
    assert effect.revenue is not None, "nothing is missing"
    assert effect.share is not None, "nothing is missing"
    assert effect.profit is not None, "nothing is missing"
    share = effect.share
    return (
        Estimate(
            _("more members who buy, of a hundred"),
            points_of(share.value),
            f"{points_of(share.low)} … {points_of(share.high)}",
        ),
        Estimate(
            _("revenue that it brought"),
            signed_money(effect.revenue.value, currency),
            _between_money(effect.revenue, currency),
        ),
        *_costs(effect),
        Estimate(
            _("profit") if effect.counts_messages else _("profit, before messages"),
            signed_money(effect.profit.value, currency),
            _between_money(effect.profit, currency),
        ),
    )


def _costs(effect: Effect) -> tuple[Estimate, ...]:
    """Name what it cost so far; messages are paid in VND."""
    messages = format_money(Decimal(effect.message_cost), Programme.Currency.VND)
    return (
        Estimate(
            _("cost of what was given"), format_money(effect.benefit_cost, effect.currency)
        ),
        Estimate(_("cost of its messages"), messages),
    )


def _note(effect: Effect) -> str:
    return _(
        "Profit counts %(percent)s %% of the revenue as earned (Campaign policy), less "
        "these costs."
    ) % {"percent": effect.margin_percent}


def _picture(interval: Interval, currency: str) -> Picture:
    left, right = min(0.0, interval.low), max(0.0, interval.high)
    scale = (WIDTH - 2 * MARGIN) / ((right - left) or 1)

    def place(value: float) -> int:
        return round(MARGIN + (value - left) * scale)

    low, high = place(interval.low), place(interval.high)
    return Picture(
        zero=place(0),
        low=low,
        high=high,
        value=place(interval.value),
        low_text=signed_money(interval.low, currency),
        high_text=signed_money(interval.high, currency),
        low_anchor="start" if low < WIDTH / 4 else "end",
        high_anchor="end" if high > WIDTH * 3 / 4 else "start",
    )


def _between_money(interval: Interval, currency: str) -> str:
    low, high = (signed_money(one, currency) for one in (interval.low, interval.high))
    return f"{low} … {high}"


def signed_money(value: float, currency: str) -> str:
    """Write a difference of money with its sign: +1.250.000 ₫, −3,20 $."""
    amount: Any = format_money(abs(Decimal(value)), currency)
    if not any(digit in "123456789" for digit in amount):
        return str(amount)
    return f"{'+' if value > 0 else MINUS}{amount}"


def points_of(share: float) -> str:
    """Write a difference of shares in points of a hundred: +3,2."""
    return f"{share * 100:+.1f}".replace(".", ",").replace("-", MINUS)
