"""Where a reward stands: the list, the filter and the offer never tell different things."""

from __future__ import annotations

from datetime import datetime, timedelta
from itertools import product
from typing import Any

import pytest

from members.models import Member
from points.services import default_wallet
from rewards.models import Reward, RewardCategory
from rewards.offers import offers_for, shown_rewards
from rewards.status import State, status_of, with_status
from tests import factories
from tests.points.helpers import give
from tests.rewards.helpers import make_benefit, make_reward

pytestmark = pytest.mark.django_db

HOUR = timedelta(hours=1)


def state(reward: Reward, at: datetime) -> str:
    return status_of(reward, at=at).state


@pytest.mark.parametrize(
    ("fields", "wanted", "why"),
    [
        ({}, State.SHOWN, ""),
        ({"is_active": False}, State.OFF, "switched off"),
        ({"stock": 3, "taken": 3}, State.SOLD_OUT, "nothing left in stock"),
        ({"stock": 3, "taken": 2}, State.SHOWN, ""),
        ({"stock": 0}, State.SOLD_OUT, "nothing left in stock"),
    ],
)
def test_what_the_row_says(
    fields: dict[str, Any], wanted: str, why: str, now: datetime
) -> None:
    status = status_of(make_reward(**fields), at=now)
    assert (status.state, status.why) == (wanted, why)


def test_ends_are_half_open(now: datetime) -> None:
    reward = make_reward(active_from=now, active_until=now + HOUR)

    assert state(reward, now - timedelta(seconds=1)) == State.COMING
    assert state(reward, now) == State.SHOWN
    assert state(reward, now + HOUR - timedelta(seconds=1)) == State.SHOWN
    assert state(reward, now + HOUR) == State.OVER
    assert status_of(reward, at=now + HOUR).why == "since 13:00 02/03/2026"


def test_what_it_stands_on_counts(now: datetime) -> None:
    shelf = RewardCategory.objects.create(code="drinks", name="Drinks", is_active=False)
    hidden = make_reward(category=shelf)
    dead = make_reward(make_benefit("gift", is_active=False), code="cup")

    assert status_of(hidden, at=now).why == "its category is hidden"
    assert status_of(dead, at=now).why == "its benefit is switched off"


def every_kind(now: datetime) -> list[Reward]:
    """Make a reward for every combination of what a state depends on."""
    factories.make_wallet()
    shelf = RewardCategory.objects.create(code="on", name="On")
    cellar = RewardCategory.objects.create(code="off", name="Off", is_active=False)
    benefits = [make_benefit("gift"), make_benefit("experience", is_active=False)]
    spans = [(None, None), (now - HOUR, now), (now + HOUR, None), (None, now + HOUR)]
    stocks = [(None, 0), (2, 2), (2, 1)]
    told = product([True, False], benefits, [None, shelf, cellar], spans, spans, stocks)
    rows = [
        Reward(
            code=f"r{number}",
            name=f"r{number}",
            is_active=on,
            benefit=benefit,
            category=category,
            visible_from=visible[0],
            visible_until=visible[1],
            active_from=active[0],
            active_until=active[1],
            stock=stock,
            taken=taken,
        )
        for number, (on, benefit, category, visible, active, (stock, taken)) in enumerate(
            told
        )
    ]
    Reward.objects.bulk_create(rows)
    return list(Reward.objects.select_related("benefit", "category"))


def test_the_filter_finds_what_the_badge_says(now: datetime) -> None:
    rewards = every_kind(now)
    assert len(rewards) == 576

    for wanted in State.values:
        found = set(with_status(Reward.objects.all(), wanted, at=now).values_list("pk"))
        said = {(r.pk,) for r in rewards if status_of(r, at=now).state == wanted}
        assert found == said
        assert said


def test_what_is_shown_can_be_had(mai: Member, now: datetime) -> None:
    rewards = every_kind(now)
    give(mai, 10, "opening", now)
    assert default_wallet()
    shown = [r for r in rewards if status_of(r, at=now).state == State.SHOWN]

    in_catalogue = {reward.pk for reward in shown_rewards(at=now)}
    assert {reward.pk for reward in shown} <= in_catalogue
    assert all(offer.is_open for offer in offers_for(mai, shown, at=now))
    others = [r for r in rewards if r.pk in in_catalogue and r not in shown]
    assert not any(offer.is_open for offer in offers_for(mai, others, at=now))
