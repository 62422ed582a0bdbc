"""Every verb on every state of a redemption: where it leads, or that it is refused.

A refusal leaves every row as it was, and in each end state points, stock and limits agree
with it.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from core.errors import DomainError
from members.models import Member
from points.queries import balances
from rewards.models import GivenBenefit, Redemption, Reward, Tally, Voucher
from rewards.services import (
    cancel_redemption,
    confirm_payment,
    lapse_unpaid,
    redeem_reward,
)
from tests import factories
from tests.points.helpers import assert_proved, give
from tests.rewards.helpers import limit, make_benefit, make_reward
from tests.rewards.using import make_type, use

pytestmark = pytest.mark.django_db

REFUSED = "refused"
OVERDUE = "overdue"
USED = "done and used"
HOURS = timedelta(hours=2)
Step = Callable[[Member, Reward, datetime], object]


def redeem(mai: Member, reward: Reward, at: datetime) -> object:
    return redeem_reward(member=mai, reward=reward, key="k", at=at)


def pay(mai: Member, reward: Reward, at: datetime) -> object:
    return confirm_payment(redemption=Redemption.objects.get(), at=at, paid_to="Till 1")


def cancel(mai: Member, reward: Reward, at: datetime) -> object:
    return cancel_redemption(redemption=Redemption.objects.get(), at=at, actor="staff")


def lapse(mai: Member, reward: Reward, at: datetime) -> object:
    return lapse_unpaid(at=at)


def lapse_later(mai: Member, reward: Reward, at: datetime) -> object:
    return lapse_unpaid(at=at + timedelta(days=2))


def use_it(mai: Member, reward: Reward, at: datetime) -> object:
    return use(Voucher.objects.get().code, mai, at)


WAYS: dict[str, tuple[Step, ...]] = {
    "unpaid": (redeem,),
    OVERDUE: (redeem,),
    "done": (redeem, pay),
    USED: (redeem, pay, use_it),
    "cancelled": (redeem, cancel),
    "lapsed": (redeem, lapse_later),
}
# What each verb makes of each state, in the order of WAYS.
TABLE: dict[str, tuple[Step, tuple[str, ...]]] = {
    "redeem again": (
        redeem,
        ("unpaid", "unpaid", "done", "done", "cancelled", "lapsed"),
    ),
    "pay": (pay, ("done", REFUSED, "done", "done", REFUSED, REFUSED)),
    "cancel": (
        cancel,
        ("cancelled", "cancelled", "cancelled", REFUSED, "cancelled", REFUSED),
    ),
    "lapse": (lapse, ("unpaid", "lapsed", "done", "done", "cancelled", "lapsed")),
}
PAIRS = [
    pytest.param(state, verb, outcome, id=f"{verb} when {state}")
    for verb, (_step, outcomes) in TABLE.items()
    for state, outcome in zip(WAYS, outcomes, strict=True)
]


def rows(mai: Member) -> list[Any]:
    models = (Redemption, GivenBenefit, Voucher, Tally)
    stored = [list(model._default_manager.values()) for model in models]
    return [*stored, balances([mai.pk]), Reward.objects.get().taken]


@pytest.fixture
def reward(mai: Member, now: datetime) -> Reward:
    factories.make_wallet()
    give(mai, 250, "opening", now)
    reward = make_reward(
        make_benefit(voucher_type=make_type(), budget=5),
        price_amount=Decimal(50_000),
        payment_hours=2,
        stock=1,
    )
    limit(reward, 1)
    return reward


@pytest.mark.parametrize(("state", "verb", "outcome"), PAIRS)
def test_every_verb_on_every_state(
    mai: Member, reward: Reward, now: datetime, state: str, verb: str, outcome: str
) -> None:
    for step in WAYS[state]:
        step(mai, reward, now)
    before = rows(mai)
    at = now + timedelta(minutes=5)
    if state == OVERDUE:
        at = now + HOURS + timedelta(seconds=1)
    step = TABLE[verb][0]

    if outcome == REFUSED:
        with pytest.raises(DomainError):
            step(mai, reward, at)
        assert rows(mai) == before
        return
    step(mai, reward, at)

    redemption = Redemption.objects.get()
    reward.refresh_from_db()
    stands = outcome in ("unpaid", "done")
    assert redemption.state == outcome
    assert balances([mai.pk])[mai.pk] == (150 if stands else 250)
    assert reward.taken == stands
    assert sum(Tally.objects.values_list("times", flat=True)) == stands
    reward.benefit.refresh_from_db()
    assert reward.benefit.taken == (outcome == "done")
    assert_proved()
    # Sent twice, it changes nothing more.
    after = rows(mai)
    step(mai, reward, at)
    assert rows(mai) == after


def test_the_last_second_to_pay(mai: Member, reward: Reward, now: datetime) -> None:
    redeem(mai, reward, now)
    assert lapse_unpaid(at=now + HOURS) == 0
    pay(mai, reward, now + HOURS)
    assert Redemption.objects.get().state == Redemption.State.DONE
