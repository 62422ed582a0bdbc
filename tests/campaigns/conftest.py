"""The three come-back campaigns, running, and purchases so many days ago."""

from collections.abc import Callable
from datetime import datetime, timedelta
from decimal import Decimal
from itertools import count

import pytest

from activities.services import OrderFact
from campaigns.models import Campaign
from campaigns.presets import create_presets
from flows.record import record
from members.models import Member

Buy = Callable[..., int]


@pytest.fixture
def presets(db: None, now: datetime) -> dict[str, Campaign]:
    return {campaign.code: campaign for campaign in create_presets(at=now)}


@pytest.fixture
def recent(presets: dict[str, Campaign]) -> Campaign:
    return presets["recent-45"]


@pytest.fixture
def come_back(presets: dict[str, Campaign]) -> Campaign:
    return presets["come-back"]


@pytest.fixture
def leftovers(presets: dict[str, Campaign]) -> Campaign:
    return presets["leftovers"]


@pytest.fixture
def buy(now: datetime) -> Buy:
    """Record a purchase that lies so many days before a moment; return the order's id."""
    numbers = count(1)

    def buy_one(member: Member, *, days_ago: int = 0, at: datetime = now) -> int:
        placed_at = at - timedelta(days=days_ago)
        fact = OrderFact("pos", f"A{next(numbers)}", member.pk, placed_at, Decimal(50000))
        (answer,) = record([fact], at=at)
        assert answer.order_id is not None
        return answer.order_id

    return buy_one
