"""The catalogue kept by staff while members take from it."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from datetime import datetime
from functools import partial

import pytest
from django.db import connection

from members.models import Member
from rewards.catalogue import arrange_rewards, copy_reward, save_reward, switch_rewards
from rewards.errors import StockRefused
from rewards.models import Benefit, Redemption, Reward
from rewards.services import redeem_reward
from tests import factories
from tests.rewards.helpers import limit, make_benefit, make_reward

pytestmark = pytest.mark.django_db


def test_what_was_taken_meanwhile_stays_counted(mai: Member, now: datetime) -> None:
    factories.make_wallet()
    reward = make_reward(stock=5, price_points=0)
    form = Reward.objects.get()
    redeem_reward(member=mai, reward=reward, key="k1", at=now)

    form.name, form.stock = "Espresso", 8
    save_reward(form, changed=["name", "stock", "limits"])

    reward.refresh_from_db()
    assert (reward.name, reward.stock, reward.taken) == ("Espresso", 8, 1)
    assert reward.history.count() == 2


def test_what_was_not_changed_is_not_written(now: datetime) -> None:
    reward = make_reward(stock=5)
    form = Reward.objects.get()
    Reward.objects.update(stock=50, position=3)

    form.name = "Espresso"
    save_reward(form, changed=["name"])

    reward.refresh_from_db()
    assert (reward.name, reward.stock, reward.position) == ("Espresso", 50, 3)


def test_stock_below_what_was_taken_is_refused(now: datetime) -> None:
    reward = make_reward(stock=5)
    form = Reward.objects.get()
    Reward.objects.update(taken=4)

    form.name, form.stock = "Espresso", 3
    with pytest.raises(StockRefused, match="4 of them are taken"):
        save_reward(form, changed=["name", "stock"])

    reward.refresh_from_db()
    assert (reward.name, reward.stock, reward.taken) == ("Free coffee", 5, 4)
    form.stock = 4
    assert save_reward(form, changed=["stock"]).left is not None
    form.stock = None
    save_reward(form, changed=["stock"])
    assert Reward.objects.get().stock is None


def test_a_copy_is_off_and_untouched() -> None:
    reward = make_reward(stock=5, taken=3)
    limit(reward, 1, period="month")

    first, second = copy_reward(reward), copy_reward(reward)

    assert [first.code, second.code] == ["coffee-2", "coffee-3"]
    assert first.name == "Free coffee (copy)"
    assert (first.is_active, first.stock, first.taken) == (False, 5, 0)
    assert [(each.times, each.period) for each in first.limits.all()] == [(1, "month")]
    assert reward.limits.count() == 1


def test_switching_tells_what_changed() -> None:
    on, off = make_reward(), make_reward(Benefit.objects.get(), code="b", is_active=False)

    assert switch_rewards([on, off], on=False) == [on]
    assert not Reward.objects.filter(is_active=True).exists()
    assert (on.history.count(), off.history.count()) == (2, 1)


def test_moved_lines_share_their_places() -> None:
    benefit = make_benefit()
    a, b, c, d = (make_reward(benefit, code=code).pk for code in "abcd")

    arrange_rewards([d, b, a])

    assert list(Reward.objects.values_list("pk", flat=True)) == [d, b, c, a]
    arrange_rewards([])
    assert list(Reward.objects.values_list("pk", flat=True)) == [d, b, c, a]


# --- At once ----------------------------------------------------------------------------


def raise_while_taking(
    mai: Member, now: datetime, keep: Callable[[Reward], object]
) -> Reward:
    """Let ten be taken while a form that was opened before is saved with more stock."""
    factories.make_wallet()
    reward = make_reward(stock=10, price_points=0)
    form = Reward.objects.get()
    form.stock, form.name = 15, "Espresso"
    start, faults = threading.Barrier(11), []

    def run(work: Callable[[], object]) -> None:
        try:
            start.wait(10)
            work()
        except BaseException as fault:
            faults.append(fault)
        finally:
            connection.close()

    def take(key: str) -> object:
        return redeem_reward(member=mai, reward=reward, key=key, at=now)

    works: list[Callable[[], object]] = [partial(take, f"k{n}") for n in range(10)]
    works.append(partial(keep, form))
    threads = [threading.Thread(target=run, args=[work]) for work in works]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert faults == []
    return Reward.objects.get()


@pytest.mark.postgresql
@pytest.mark.django_db(transaction=True)
def test_more_stock_loses_nothing_that_is_taken(mai: Member, now: datetime) -> None:
    def keep(form: Reward) -> object:
        return save_reward(form, changed=["stock", "name"])

    reward = raise_while_taking(mai, now, keep)

    assert (reward.name, reward.stock, reward.taken) == ("Espresso", 15, 10)
    assert Redemption.objects.count() == 10


@pytest.mark.postgresql
@pytest.mark.django_db(transaction=True)
def test_control_a_form_that_writes_all_fields_loses_it(mai: Member, now: datetime) -> None:
    def keep(form: Reward) -> object:
        # The form is saved when the others are done.
        deadline = time.monotonic() + 20
        while not Reward.objects.filter(taken=10).exists():
            assert time.monotonic() < deadline
            time.sleep(0.02)
        form.save()
        return form

    reward = raise_while_taking(mai, now, keep)

    assert (reward.stock, reward.taken) == (15, 0)
    assert Redemption.objects.count() == 10
