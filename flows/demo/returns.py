"""Purchases that are made up: of members who come back because a campaign reached them.

A history proves nothing about messages, because nobody in it has read one. What these
add is known to the last dong, so a result page can be held against it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from django.db.models import Exists, F, OuterRef, QuerySet, Subquery

from activities.models import Order
from activities.services import OrderFact
from campaigns.chance import bucket, is_among
from campaigns.measuring import watched_orders
from campaigns.models import Campaign, Enrolment

# Under this name they stand in the table of orders, and nothing else does.
SOURCE = "made-up"
DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Truth:
    """What the made-up purchases brought: what a result page has to find."""

    # Members who bought in the window, and would not have without them.
    buyers: int
    revenue: Decimal
    reached: int

    @property
    def share(self) -> float:
        return self.buyers / self.reached if self.reached else 0.0


def made_up_returns(campaign: Campaign, *, percent: float, seed: int) -> list[OrderFact]:
    """Choose so many of a hundred who were reached, and give each one purchase.

    Who, and on which day of the first half of the campaign's window, is a hash of the
    member and the seed; it is worth what their last purchase was. The earliest comes first.
    """
    return sorted(
        _returns(campaign, percent, seed), key=lambda fact: (fact.placed_at, fact.member_id)
    )


def _returns(campaign: Campaign, percent: float, seed: int) -> Iterator[OrderFact]:
    last = Order.objects.filter(
        member=OuterRef("member"), placed_at__lt=OuterRef("entered_at"), total__gt=0
    ).order_by("-placed_at")
    reached: QuerySet[Any] = Enrolment.objects.filter(campaign=campaign, is_holdout=False)
    rows = reached.annotate(worth=Subquery(last.values("total")[:1]))
    for way in rows.values("pk", "member_id", "entered_at", "worth"):
        is_chosen = is_among(f"{SOURCE}:{seed}", way["member_id"], percent=percent)
        if not is_chosen or way["worth"] is None:
            continue
        days = 1 + bucket(f"{SOURCE}-day:{seed}", way["member_id"]) % max(
            1, campaign.goal_days // 2
        )
        yield OrderFact(
            source=SOURCE,
            external_id=f"{campaign.code}-{way['pk']}",
            member_id=way["member_id"],
            placed_at=way["entered_at"] + days * DAY,
            total=way["worth"],
        )


def truth_of(campaign: Campaign, made_up: Sequence[OrderFact], *, at: datetime) -> Truth:
    """Say what these purchases brought, by what their members did of themselves."""
    own = watched_orders(campaign, at=at).filter(total__gt=F("refunded"))
    reached = Enrolment.objects.filter(campaign=campaign, is_holdout=False)
    came = reached.filter(member__in=[fact.member_id for fact in made_up])
    return Truth(
        buyers=came.exclude(Exists(own.exclude(source=SOURCE))).count(),
        revenue=sum((fact.total for fact in made_up), Decimal(0)),
        reached=reached.count(),
    )
