"""Budgets set while benefits are given: nothing is forgotten, nothing counted twice."""

from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import datetime

import pytest
from django.db import connection, transaction

from members.models import Member
from rewards import giving as giving_module
from rewards.benefits import save_benefit
from rewards.budgets import set_budget
from rewards.errors import BenefitUnavailable, StockRefused
from rewards.giving import Giving, give_benefit, take_back_benefit
from rewards.models import Benefit, GivenBenefit
from tests import factories
from tests.rewards.helpers import make_benefit


def give(benefit: Benefit, member: Member, key: str, at: datetime) -> GivenBenefit:
    wish = Giving(benefit, member.pk, key, GivenBenefit.Source.STAFF.value)
    return give_benefit(wish, at=at)


@pytest.mark.django_db
def test_what_was_given_before_counts(mai: Member, now: datetime) -> None:
    benefit = make_benefit("gift")
    give(benefit, mai, "a", now)
    take_back_benefit(give(benefit, mai, "b", now), at=now)
    give(benefit, mai, "c", now)

    set_budget(benefit, budget=3)

    benefit.refresh_from_db()
    assert (benefit.budget, benefit.taken) == (3, 2)
    give(benefit, mai, "d", now)
    with pytest.raises(BenefitUnavailable):
        give(benefit, mai, "e", now)


@pytest.mark.django_db
def test_less_than_was_given_is_refused(mai: Member, now: datetime) -> None:
    benefit = make_benefit("gift")
    give(benefit, mai, "a", now)
    give(benefit, mai, "b", now)

    with pytest.raises(StockRefused, match="given 2 times"):
        set_budget(benefit, budget=1)

    benefit.refresh_from_db()
    assert (benefit.budget, benefit.taken) == (None, 0)


@pytest.mark.django_db
def test_lifting_it_forgets_the_count_and_setting_it_again_finds_it(
    mai: Member, now: datetime
) -> None:
    benefit = make_benefit("gift", budget=5)
    give(benefit, mai, "a", now)

    set_budget(benefit, budget=None)
    give(benefit, mai, "b", now)
    set_budget(benefit, budget=2)

    benefit.refresh_from_db()
    assert (benefit.budget, benefit.taken) == (2, 2)


@pytest.mark.django_db
def test_a_form_that_is_old_neither_gives_nor_forgets(mai: Member, now: datetime) -> None:
    benefit = make_benefit("gift")
    old = Benefit.objects.get()
    set_budget(benefit, budget=1)

    give(old, mai, "a", now)
    with pytest.raises(BenefitUnavailable):
        give(old, mai, "b", now)
    old.name = "Ly sứ"
    save_benefit(old, changed=["name"])

    benefit.refresh_from_db()
    assert (benefit.name, benefit.budget, benefit.taken) == ("Ly sứ", 1, 1)
    Benefit.objects.update(is_active=False)
    with pytest.raises(BenefitUnavailable, match="switched off"):
        give(old, mai, "c", now)


@pytest.mark.django_db
def test_what_belongs_to_another_kind_is_emptied() -> None:
    factories.make_wallet()
    benefit = make_benefit("points")
    benefit.kind, benefit.delivery_fee = "gift", 30000

    save_benefit(benefit, changed=["kind", "delivery_fee"])

    benefit.refresh_from_db()
    assert (benefit.kind, benefit.wallet, benefit.amount) == ("gift", None, None)
    assert benefit.delivery_fee == 30000


# --- At once ----------------------------------------------------------------------------


def set_while_giving(
    mai: Member, now: datetime, monkeypatch: pytest.MonkeyPatch
) -> Benefit:
    """Give without a budget; set one between its writing and its commit."""
    benefit = make_benefit("gift")
    written, setting = threading.Event(), threading.Event()
    real = giving_module._within_budget

    def slowed(*told: object) -> list[str]:
        found: list[str] = real(*told)  # type: ignore[arg-type]
        written.set()
        setting.wait(0.7)
        return found

    monkeypatch.setattr(giving_module, "_within_budget", slowed)
    faults: list[BaseException] = []

    def in_thread(work: Callable[[], object]) -> threading.Thread:
        def run() -> None:
            try:
                work()
            except BaseException as fault:
                faults.append(fault)
            finally:
                connection.close()

        thread = threading.Thread(target=run)
        thread.start()
        return thread

    giver = in_thread(lambda: give(benefit, mai, "a", now))
    assert written.wait(10)

    def bound() -> None:
        set_budget(Benefit.objects.get(), budget=5)
        setting.set()

    setter = in_thread(bound)
    giver.join(20)
    setter.join(20)
    assert faults == []
    return Benefit.objects.get()


@pytest.mark.postgresql
@pytest.mark.django_db(transaction=True)
def test_who_is_giving_is_waited_for(
    mai: Member, now: datetime, monkeypatch: pytest.MonkeyPatch
) -> None:
    benefit = set_while_giving(mai, now, monkeypatch)

    assert (benefit.budget, benefit.taken) == (5, 1)
    assert GivenBenefit.objects.count() == 1


@pytest.mark.postgresql
@pytest.mark.django_db(transaction=True)
def test_control_without_the_lock_one_is_forgotten(
    mai: Member, now: datetime, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(giving_module, "is_postgresql", lambda: False)

    benefit = set_while_giving(mai, now, monkeypatch)

    assert GivenBenefit.objects.count() == 1
    assert (benefit.budget, benefit.taken) == (5, 0)


@pytest.mark.postgresql
@pytest.mark.django_db(transaction=True)
def test_the_last_of_a_budget_goes_to_one_of_many(mai: Member, now: datetime) -> None:
    benefit = make_benefit("gift", budget=3)
    told: list[str] = []

    def take(key: str) -> None:
        try:
            give(benefit, mai, key, now)
            told.append("given")
        except BenefitUnavailable:
            told.append("refused")
        finally:
            connection.close()

    threads = [threading.Thread(target=take, args=[f"k{n}"]) for n in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)

    assert sorted(told) == ["given"] * 3 + ["refused"] * 5
    assert Benefit.objects.get().taken == 3
    with transaction.atomic():
        assert GivenBenefit.objects.count() == 3
