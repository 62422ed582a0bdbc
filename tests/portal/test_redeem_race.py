"""Many taps at once on one form: one redemption, paid once."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from itertools import count
from threading import Barrier

import pytest
from django.db import connection, connections

from members.models import Member
from points.queries import balances
from portal import redeeming
from portal.redeeming import new_token, price_tag, redeem
from rewards.models import Redemption, Reward, Voucher
from rewards.offers import offers_for
from tests import factories
from tests.points.helpers import assert_proved, give
from tests.rewards.helpers import make_reward

pytestmark = [pytest.mark.postgresql, pytest.mark.django_db(transaction=True)]
THREADS = 12


@pytest.fixture(autouse=True)
def _only_postgresql(db: None) -> None:
    if connection.vendor != "postgresql":
        pytest.skip("SQLite lets one writer in at a time, so it cannot show a race")


@pytest.fixture
def reward(mai: Member, now: datetime) -> Reward:
    factories.make_wallet()
    give(mai, 1000, "earned", now)
    return make_reward(price_points=50, stock=100)


def at_once(act: Callable[[], str]) -> Counter[str]:
    """Do something from many threads that start together; count the outcomes."""
    barrier = Barrier(THREADS)

    def worker(_thread: int) -> str:
        try:
            barrier.wait(timeout=20)
            return act()
        finally:
            connections.close_all()

    with ThreadPoolExecutor(THREADS) as pool:
        return Counter(pool.map(worker, range(THREADS), timeout=60))


def tapping(mai: Member, reward: Reward, now: datetime) -> Callable[[], str]:
    """Return one tap on a form that was shown once."""
    offer = offers_for(mai, [reward], at=now)[0]
    told = {"token": new_token(), "price": price_tag(offer)}
    return lambda: redeem(member=mai, offer=offer, told=told, at=now).code


def test_of_many_taps_one_redeems(mai: Member, reward: Reward, now: datetime) -> None:
    outcomes = at_once(tapping(mai, reward, now))

    assert outcomes == {Redemption.objects.get().code: THREADS}
    assert balances([mai.pk]) == {mai.pk: 950}
    assert Voucher.objects.count() == 1
    reward.refresh_from_db()
    assert reward.taken == 1
    assert_proved()


def test_without_the_form_s_number_every_tap_redeems(
    mai: Member, reward: Reward, now: datetime, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The control: the taps really come apart; the number makes them one."""
    taps: Iterator[int] = count()
    monkeypatch.setattr(redeeming, "_key", lambda member, token: f"tap:{next(taps)}")
    outcomes = at_once(tapping(mai, reward, now))

    assert len(outcomes) == THREADS
    assert balances([mai.pk]) == {mai.pk: 1000 - 50 * THREADS}
