"""Time slots: many from a pattern, none twice, and booked ones stay as they are."""

from __future__ import annotations

import threading
from datetime import date, datetime, time, timedelta
from typing import Any

import pytest
from django.db import IntegrityError, connection, transaction
from django.utils import timezone

from core.errors import InvalidInput
from members.models import Member
from rewards.booking import choose_slot, release_booking
from rewards.errors import StepRefused, StockRefused
from rewards.giving import Giving, give_benefit
from rewards.models import Benefit, Booking, GivenBenefit, Slot
from rewards.slots import Pattern, make_slots, plan_slots, save_slot
from tests.rewards.helpers import make_benefit

pytestmark = pytest.mark.django_db


@pytest.fixture
def tasting() -> Benefit:
    return make_benefit("experience")


def pattern(benefit: Benefit, **fields: Any) -> Pattern:
    told: dict[str, Any] = {
        "first": date(2026, 3, 2),
        "last": date(2026, 3, 8),
        "weekdays": frozenset({6, 7}),
        "begins": time(9),
        "ends": time(11, 30),
        "minutes": 60,
        "capacity": 4,
    }
    return Pattern(benefit=benefit, **told | fields)


def hours() -> list[str]:
    times = Slot.objects.values_list("starts_at", flat=True)
    return [f"{timezone.localtime(at):%d/%m %H:%M}" for at in times]


def test_a_weekend_is_cut_into_times(tasting: Benefit, now: datetime) -> None:
    plan = plan_slots(pattern(tasting), at=now)
    assert (len(plan.slots), plan.days, plan.places, plan.doubles) == (4, 2, 16, 0)
    assert not Slot.objects.exists()

    assert make_slots(pattern(tasting), at=now) == 4

    assert hours() == ["07/03 09:00", "07/03 10:00", "08/03 09:00", "08/03 10:00"]
    slot = Slot.objects.first()
    assert slot is not None
    assert (slot.capacity, slot.ends_at - slot.starts_at) == (4, timedelta(hours=1))


def test_a_repeat_makes_none_and_what_overlaps_is_left_out(
    tasting: Benefit, now: datetime
) -> None:
    make_slots(pattern(tasting, host="An"), at=now)

    assert make_slots(pattern(tasting, host="An"), at=now) == 0
    half = pattern(tasting, host="An", minutes=30)
    plan = plan_slots(half, at=now)
    assert (len(plan.slots), plan.doubles) == (2, 8)
    assert make_slots(pattern(tasting, host="Bình"), at=now) == 4


def test_times_that_are_over_are_not_made(tasting: Benefit, now: datetime) -> None:
    today = pattern(tasting, weekdays=frozenset({1}), ends=time(14), pause=15)
    # Noon: of 9:00, 10:15, 11:30 and 12:45 only the last is still to come.
    plan = plan_slots(today, at=now)
    assert (len(plan.slots), plan.past) == (1, 3)


@pytest.mark.parametrize(
    ("fields", "sentence"),
    [
        ({"last": date(2026, 3, 1)}, "before the first"),
        ({"last": date(2028, 3, 1)}, "at most one year"),
        ({"ends": time(9)}, "after “from”"),
        ({"minutes": 0}, "how many minutes"),
        ({"weekdays": frozenset()}, "at least one day"),
        (
            {
                "last": date(2027, 3, 1),
                "weekdays": frozenset(range(1, 8)),
                "minutes": 5,
                "ends": time(20),
            },
            "would make 48.143 times",
        ),
    ],
)
def test_slips_are_refused(
    tasting: Benefit, now: datetime, fields: dict[str, Any], sentence: str
) -> None:
    with pytest.raises(InvalidInput, match=sentence):
        make_slots(pattern(tasting, **fields), at=now)
    assert not Slot.objects.exists()


def test_the_database_refuses_a_double(tasting: Benefit, now: datetime) -> None:
    make_slots(pattern(tasting), at=now)
    slot = Slot.objects.first()
    assert slot is not None
    with pytest.raises(IntegrityError), transaction.atomic():
        Slot.objects.create(benefit=tasting, starts_at=slot.starts_at, ends_at=slot.ends_at)


def booked(benefit: Benefit, member: Member, slot: Slot, at: datetime) -> Booking:
    wish = Giving(
        benefit,
        member.pk,
        f"b{slot.pk}",
        GivenBenefit.Source.STAFF.value,
        wishes={"slot_id": slot.pk},
    )
    return Booking.objects.get(given=give_benefit(wish, at=at))


def test_a_booked_time_stays(tasting: Benefit, mai: Member, now: datetime) -> None:
    make_slots(pattern(tasting), at=now)
    slot, other = Slot.objects.all()[:2]
    form = Slot.objects.get(pk=slot.pk)
    booked(tasting, mai, slot, now)

    form.starts_at -= timedelta(hours=1)
    with pytest.raises(StockRefused, match="Guests are booked"):
        save_slot(form, changed=["starts_at"])
    form.capacity = 0
    with pytest.raises(StockRefused, match="More places"):
        save_slot(form, changed=["capacity"])
    form.is_open, form.capacity = False, 9
    save_slot(form, changed=["is_open", "capacity"])

    again = Slot.objects.get(pk=slot.pk)
    assert (again.starts_at, again.is_open) == (slot.starts_at, False)
    assert (again.capacity, again.taken) == (9, 1)
    other.starts_at += timedelta(minutes=5)
    save_slot(other, changed=["starts_at"])
    assert "07/03 10:05" in hours()


def test_a_freed_place_is_free(tasting: Benefit, mai: Member, now: datetime) -> None:
    make_slots(pattern(tasting), at=now)
    slot, other = Slot.objects.all()[:2]
    booking = booked(tasting, mai, slot, now)

    booking = release_booking(booking, at=now)

    slot.refresh_from_db()
    assert (booking.state, booking.slot, slot.taken) == ("open", None, 0)
    with pytest.raises(StepRefused, match="Only a booked time"):
        release_booking(booking, at=now)
    booking = choose_slot(booking, slot_id=other.pk, at=now)
    with pytest.raises(StepRefused, match="has begun"):
        release_booking(booking, at=other.starts_at)
    other.refresh_from_db()
    assert other.taken == 1


@pytest.mark.postgresql
@pytest.mark.django_db(transaction=True)
def test_two_who_make_the_same_make_it_once(tasting: Benefit, now: datetime) -> None:
    start, made, faults = threading.Barrier(3), [], []

    def work() -> None:
        try:
            start.wait(10)
            made.append(make_slots(pattern(tasting), at=now))
        except BaseException as fault:
            faults.append(fault)
        finally:
            connection.close()

    threads = [threading.Thread(target=work) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)

    assert faults == []
    assert sorted(made) == [0, 0, 4]
    assert Slot.objects.count() == 4
