"""Did it work? What those did who were reached, beside those who were left alone.

Each way through a campaign is watched for the campaign's days from its beginning: orders
in that window, less what was given back, are its revenue. Chance alone decides who is left
alone, so the difference between the two groups is what the campaign brought, within an
interval that says how sure that is.

The interval of revenue is Welch's for two means (B. L. Welch, Biometrika 34, 1947) with the
normal quantile: the groups have a hundred members or more. That of the shares is Newcombe's
tenth method (R. G. Newcombe, Statistics in Medicine 17, 1998), built on Wilson's.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from decimal import Decimal
from math import sqrt
from typing import Any, NamedTuple

from django.db.models import (
    Count,
    DateTimeField,
    DecimalField,
    ExpressionWrapper,
    F,
    FloatField,
    OuterRef,
    Q,
    QuerySet,
    Subquery,
    Sum,
    Value,
)
from django.db.models.functions import Cast, Coalesce

from activities.models import Order
from campaigns.models import Campaign, CampaignPolicy, Enrolment
from campaigns.steps.messages import SOURCE_TYPE
from core.models import Programme
from messaging.caps import GONE_OUT
from messaging.models import Message
from rewards.models import GivenBenefit

# 95 of 100 such intervals hold the true value.
Z = 1.959964
# Fewer in a group say nothing; with fewer buyers the share is a matter of luck.
FEWEST_MEMBERS, FEWEST_BUYERS = 100, 10
MONEY: Any = DecimalField(max_digits=20, decimal_places=2)


class Interval(NamedTuple):
    """An estimate, and the bounds between which the truth lies 95 times of 100."""

    value: float
    low: float
    high: float

    def times(self, factor: float) -> Interval:
        return Interval(self.value * factor, self.low * factor, self.high * factor)

    @property
    def is_certain(self) -> bool:
        """Whether zero, no difference at all, lies outside."""
        return self.low > 0 or self.high < 0


@dataclass(frozen=True, slots=True)
class Group:
    """One of the two groups: ways through the campaign, buyers, revenue (VND or other)."""

    size: int = 0
    buyers: int = 0
    revenue: Decimal = Decimal(0)
    squares: float = 0.0

    @property
    def share(self) -> float:
        return self.buyers / self.size if self.size else 0.0

    @property
    def mean(self) -> float:
        return float(self.revenue) / self.size if self.size else 0.0

    @property
    def variance(self) -> float:
        """The variance of revenue among the group's ways, unbiased."""
        if self.size < 2:
            return 0.0
        spread = self.squares - self.size * self.mean**2
        return max(0.0, spread / (self.size - 1))


@dataclass(frozen=True, slots=True)
class Effect:
    """What a campaign brought beyond what would have come by itself.

    ``revenue`` and ``profit`` are for all who were reached, in the programme's currency;
    ``share`` is the difference of the shares of buyers. None: too few to say, see
    ``missing``. What was given and what messages cost lowers the profit; messages are paid
    in VND, and where the programme counts in another currency they are left out of it.
    """

    reached: Group
    left_alone: Group
    benefit_cost: Decimal
    message_cost: int
    currency: str
    margin_percent: int
    missing: str = ""
    share: Interval | None = None
    revenue: Interval | None = None
    profit: Interval | None = None

    @property
    def is_certain(self) -> bool:
        return self.revenue is not None and self.revenue.is_certain

    @property
    def counts_messages(self) -> bool:
        """Whether the profit is less by what messages cost."""
        return self.currency == Programme.Currency.VND


NO_HOLDOUT, TOO_FEW, TOO_FEW_BUYERS = "no_holdout", "too_few", "too_few_buyers"


def measure(campaign: Campaign, *, at: datetime) -> Effect:
    """Compare those who were reached with those who were left alone. Five queries."""
    groups = {
        row["is_holdout"]: Group(
            row["size"], row["buyers"], row["total"] or Decimal(0), row["squares"] or 0.0
        )
        for row in _watched(campaign, at=at)
    }
    reached, alone = groups.get(False, Group()), groups.get(True, Group())
    effect = Effect(
        reached,
        alone,
        benefit_cost=cost_of_benefits(campaign),
        message_cost=cost_of_messages(campaign),
        currency=str(Programme.current().currency),
        margin_percent=CampaignPolicy.current().margin_percent,
        missing=_missing(reached, alone),
    )
    return effect if effect.missing else _concluded(effect)


def _concluded(effect: Effect) -> Effect:
    """Add the comparison, where the groups are large enough for one."""
    reached, alone = effect.reached, effect.left_alone
    revenue = difference_of_means(reached, alone).times(reached.size)
    earned = revenue.times(effect.margin_percent / 100)
    cost = float(effect.benefit_cost)
    if effect.counts_messages:
        cost += effect.message_cost
    return replace(
        effect,
        share=difference_of_shares(reached, alone),
        revenue=revenue,
        profit=Interval(*(value - cost for value in earned)),
    )


def watched_orders(campaign: Campaign, *, at: datetime) -> QuerySet[Order]:
    """Return the orders of the window of the enrolment around this subquery."""
    until: Any = OuterRef("entered_at") + timedelta(days=campaign.goal_days)
    return Order.objects.filter(
        member=OuterRef("member"),
        status=Order.Status.COMPLETED,
        placed_at__gt=OuterRef("entered_at"),
        placed_at__lte=ExpressionWrapper(until, output_field=DateTimeField()),
    ).filter(placed_at__lte=at)


def _watched(campaign: Campaign, *, at: datetime) -> QuerySet[Any, Any]:
    """Sum the revenue of each way, and that by group."""
    spent = (
        watched_orders(campaign, at=at)
        .order_by()
        .values("member")
        .annotate(left=Sum(F("total") - F("refunded"), output_field=MONEY))
        .values("left")
    )
    nothing = Value(Decimal(0), output_field=MONEY)
    ways = Enrolment.objects.filter(campaign=campaign).annotate(
        spent=Coalesce(Subquery(spent, output_field=MONEY), nothing, output_field=MONEY)
    )
    as_number = Cast("spent", FloatField())
    return (
        ways.order_by()
        .values("is_holdout")
        .annotate(
            size=Count("pk"),
            buyers=Count("pk", filter=Q(spent__gt=0)),
            total=Sum("spent"),
            squares=Sum(as_number * as_number),
        )
    )


def cost_of_benefits(campaign: Campaign) -> Decimal:
    """Return what a campaign gave costs, what was taken back left out."""
    given = GivenBenefit.objects.filter(
        source=GivenBenefit.Source.CAMPAIGN,
        source_id=campaign.pk,
        taken_back_at__isnull=True,
    )
    return given.aggregate(cost=Sum("value"))["cost"] or Decimal(0)


def cost_of_messages(campaign: Campaign) -> int:
    """Return what a campaign's messages cost that went out, in VND.

    Of some nobody knows whether they did: they may be on the bill, so they count.
    """
    gone_out = Message.objects.filter(
        source_type=SOURCE_TYPE, source_id=campaign.pk, state__in=GONE_OUT
    )
    return gone_out.aggregate(cost=Sum("cost"))["cost"] or 0


def _missing(reached: Group, alone: Group) -> str:
    """Say why nothing can be concluded, or nothing when it can."""
    if not alone.size:
        return NO_HOLDOUT
    if min(reached.size, alone.size) < FEWEST_MEMBERS:
        return TOO_FEW
    if reached.buyers + alone.buyers < FEWEST_BUYERS:
        return TOO_FEW_BUYERS
    return ""


# --- the formulas -------------------------------------------------------------------------


def difference_of_means(one: Group, other: Group) -> Interval:
    """Return how much more revenue a way of the first group brings, with its interval."""
    value = one.mean - other.mean
    error = Z * sqrt(one.variance / one.size + other.variance / other.size)
    return Interval(value, value - error, value + error)


def difference_of_shares(one: Group, other: Group) -> Interval:
    """Return how much greater the share of buyers is in the first group."""
    value = one.share - other.share
    (low, high), (other_low, other_high) = wilson(one), wilson(other)
    below = sqrt((one.share - low) ** 2 + (other_high - other.share) ** 2)
    above = sqrt((high - one.share) ** 2 + (other.share - other_low) ** 2)
    return Interval(value, value - below, value + above)


def wilson(group: Group) -> tuple[float, float]:
    """Return Wilson's interval of a group's share of buyers."""
    n, p = group.size, group.share
    middle = (p + Z**2 / (2 * n)) / (1 + Z**2 / n)
    spread = Z / (1 + Z**2 / n) * sqrt(p * (1 - p) / n + Z**2 / (4 * n**2))
    return middle - spread, middle + spread
