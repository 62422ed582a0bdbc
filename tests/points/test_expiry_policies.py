"""When points end: every policy to the day; a switch bites one full period later."""

from datetime import UTC, date, datetime, timedelta

import pytest

from core.clock import local_midday
from members.models import Member
from points.expiry import ExpiryPolicy, last_day, last_day_of_undated
from points.models import Account, Wallet
from points.queries import Expiring, balances, expiring, usable_points
from points.services import expire_points, spend_points
from tests.factories import make_wallet
from tests.points.helpers import assert_proved, give

D = date


@pytest.mark.parametrize(
    ("policy", "earned_on", "ends"),
    [
        (ExpiryPolicy("never"), D(2026, 3, 2), None),
        (ExpiryPolicy("rolling", 12), D(2026, 3, 2), D(2027, 3, 2)),
        (ExpiryPolicy("rolling", 12), D(2028, 2, 29), D(2029, 2, 28)),
        (ExpiryPolicy("rolling", 1), D(2026, 1, 31), D(2026, 2, 28)),
        (ExpiryPolicy("month_end", 0), D(2026, 2, 3), D(2026, 2, 28)),
        (ExpiryPolicy("month_end", 12), D(2027, 2, 28), D(2028, 2, 29)),
        (ExpiryPolicy("year_end", 0), D(2026, 3, 2), D(2026, 12, 31)),
        (ExpiryPolicy("year_end", 12), D(2026, 3, 2), D(2027, 12, 31)),
        (ExpiryPolicy("fixed", day=D(2026, 3, 31)), D(2025, 1, 1), D(2026, 3, 31)),
        (ExpiryPolicy("fixed", day=D(2026, 3, 31)), D(2026, 3, 31), D(2026, 3, 31)),
        (ExpiryPolicy("fixed", day=D(2026, 3, 31)), D(2026, 4, 1), D(2027, 3, 31)),
        (ExpiryPolicy("fixed", day=D(2024, 2, 29)), D(2026, 3, 1), D(2027, 2, 28)),
        (ExpiryPolicy("inactivity", 6), D(2026, 3, 2), None),
    ],
)
def test_the_last_day_of_what_is_earned(
    policy: ExpiryPolicy, earned_on: date, ends: date | None
) -> None:
    assert last_day(policy, earned_on) == ends


@pytest.mark.parametrize(
    ("policy", "active_on", "ends"),
    [
        (ExpiryPolicy("never", since=D(2026, 1, 1)), None, None),
        (ExpiryPolicy("rolling", 12), None, None),
        (ExpiryPolicy("rolling", 12, since=D(2026, 3, 2)), None, D(2027, 3, 2)),
        (ExpiryPolicy("month_end", 0, since=D(2026, 3, 2)), None, D(2026, 4, 30)),
        (ExpiryPolicy("year_end", 0, since=D(2026, 3, 2)), None, D(2027, 12, 31)),
        (
            ExpiryPolicy("fixed", day=D(2026, 3, 31), since=D(2026, 3, 2)),
            None,
            D(2027, 3, 31),
        ),
        (ExpiryPolicy("inactivity", 6), None, None),
        (ExpiryPolicy("inactivity", 6), D(2026, 3, 2), D(2026, 9, 2)),
        (ExpiryPolicy("inactivity", 6, since=D(2026, 5, 2)), D(2026, 3, 2), D(2026, 11, 2)),
        (ExpiryPolicy("inactivity", 6, since=D(2026, 5, 2)), D(2026, 6, 2), D(2026, 12, 2)),
    ],
)
def test_the_last_day_of_what_carries_none(
    policy: ExpiryPolicy, active_on: date | None, ends: date | None
) -> None:
    assert last_day_of_undated(policy, active_on) == ends


def switch_on(wallet: Wallet, policy: str, months: int, since: date) -> None:
    Wallet.objects.filter(pk=wallet.pk).update(
        expiry_policy=policy, expiry_months=months, expiry_since=since
    )


def test_switching_on_bites_one_full_period_later(mai: Member, now: datetime) -> None:
    wallet = make_wallet()
    give(mai, 30, "old", now - timedelta(days=2000))
    switch_on(wallet, "rolling", 6, D(2026, 3, 2))
    wallet.refresh_from_db()

    assert expiring([mai.pk], at=now, within_days=365) == {
        mai.pk: [Expiring(D(2026, 9, 2), 30)]
    }
    assert expire_points(at=local_midday(D(2026, 9, 2))).points == 0
    assert usable_points(mai, wallet=wallet, on=D(2026, 9, 2)) == 30
    assert usable_points(mai, wallet=wallet, on=D(2026, 9, 3)) == 0
    assert expire_points(at=local_midday(D(2026, 9, 3))).points == 30
    assert_proved()


def test_activity_keeps_points_alive(mai: Member, binh: Member, now: datetime) -> None:
    make_wallet(expiry_policy="inactivity", expiry_months=6)
    give(mai, 30, "a", now)
    give(binh, 30, "b", now)
    spend_points(member=mai, amount=10, key="s", at=now + timedelta(days=100))

    assert expire_points(at=local_midday(D(2026, 9, 2))).points == 0
    night = expire_points(at=local_midday(D(2026, 9, 3)))

    assert (night.lots, night.points) == (1, 30)
    assert balances([mai.pk, binh.pk]) == {mai.pk: 20, binh.pk: 0}
    assert expire_points(at=local_midday(D(2026, 12, 10))).points == 0
    assert expire_points(at=local_midday(D(2026, 12, 11))).points == 20
    assert_proved()


def test_a_late_fact_does_not_turn_activity_back(mai: Member, now: datetime) -> None:
    make_wallet(expiry_policy="inactivity", expiry_months=6)
    give(mai, 30, "a", now)
    give(mai, 30, "late", now - timedelta(days=300))

    assert Account.objects.get(member=mai).active_on == D(2026, 3, 2)


def test_undated_points_that_end_sooner_are_spent_first(mai: Member, now: datetime) -> None:
    wallet = make_wallet()
    give(mai, 30, "dated", now, D(2026, 12, 31))
    give(mai, 30, "undated", now)
    switch_on(wallet, "rolling", 6, D(2026, 3, 2))

    spend_points(member=mai, amount=30, key="s", at=now)

    assert expire_points(at=datetime(2026, 9, 10, tzinfo=UTC)).points == 0
    assert balances([mai.pk]) == {mai.pk: 30}
    assert_proved()


@pytest.mark.parametrize(
    "day", [D(2026, 1, 31), D(2026, 3, 1), D(2028, 2, 29), D(2026, 8, 31)]
)
def test_inactivity_ends_on_the_same_night_for_list_and_law(mai: Member, day: date) -> None:
    make_wallet(expiry_policy="inactivity", expiry_months=1)
    give(mai, 5, "a", local_midday(day))
    last = last_day_of_undated(ExpiryPolicy("inactivity", 1), day)
    assert last is not None

    assert expire_points(at=local_midday(last)).points == 0
    assert expire_points(at=local_midday(last + timedelta(days=1))).points == 5
