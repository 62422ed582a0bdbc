"""Times and bookings in the console: many at once, a calendar, and guests who come."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from activities.models import Store
from core.clock import local_date
from members.models import Member
from rewards.giving import Giving, give_benefit
from rewards.models import Benefit, Booking, GivenBenefit, Slot
from tests import factories
from tests.console import allow, form_data, num_queries
from tests.rewards.helpers import make_benefit

MANY = "admin:rewards_slot_many"
DAYS = "admin:rewards_slot_days"


@pytest.fixture
def tasting(db: None) -> Benefit:
    factories.make_programme()
    return make_benefit("experience", name="Thử nếm")


@pytest.fixture
def shop(db: None) -> Store:
    return Store.objects.create(code="q1", name="Quận 1")


def text(response: Any) -> str:
    return " ".join(response.content.decode().split())


def page(booking: Booking, name: str = "change") -> str:
    return reverse(f"admin:rewards_booking_{name}", args=[booking.pk])


def make_slot(benefit: Benefit, *, hours: float = 48, **fields: Any) -> Slot:
    begins = (timezone.now() + timedelta(hours=hours)).replace(second=0, microsecond=0)
    ends = begins + timedelta(hours=1)
    return Slot.objects.create(
        benefit=benefit, starts_at=begins, ends_at=ends, **{"capacity": 2, **fields}
    )


def book(benefit: Benefit, member: Member, key: str, slot: Slot | None) -> Booking:
    wish = Giving(
        benefit,
        member.pk,
        key,
        GivenBenefit.Source.STAFF.value,
        wishes={"slot_id": slot.pk} if slot else {},
    )
    return Booking.objects.get(given=give_benefit(wish, at=timezone.now()))


def pattern(benefit: Benefit, first: date, **fields: Any) -> dict[str, Any]:
    return {
        "benefit": benefit.pk,
        "first": first.isoformat(),
        "last": (first + timedelta(days=6)).isoformat(),
        "weekdays": ["1", "3"],
        "begins": "09:00",
        "ends": "12:00",
        "minutes": "60",
        "pause": "0",
        "capacity": "4",
        **fields,
    }


# --- Many at once -------------------------------------------------------------------------


def test_what_a_pattern_makes_is_said_first(
    console: Client, tasting: Benefit, shop: Store
) -> None:
    first = local_date(timezone.now()) + timedelta(days=1)
    told = pattern(tasting, first, store=shop.pk, host="An")

    shown = text(console.post(reverse(MANY), told))

    assert "6 times on 2 days, 24 places in all" in shown
    assert not Slot.objects.exists()
    response = console.post(reverse(MANY), {**told, "make": "1"}, follow=True)
    assert "6 times can be booked now." in text(response)
    assert Slot.objects.filter(store=shop, host="An", capacity=4).count() == 6
    again = text(console.post(reverse(MANY), told))
    assert "Nothing to make" in again
    assert "6 are left out, because they would overlap" in again


def test_a_slip_stands_in_the_form(console: Client, tasting: Benefit) -> None:
    first = local_date(timezone.now())
    told = pattern(tasting, first, ends="08:00", make="1")
    assert "“Until” must be after “from”." in text(console.post(reverse(MANY), told))
    assert not Slot.objects.exists()


def test_without_an_experience_it_says_what_to_do(console: Client) -> None:
    assert "First make a benefit of the kind" in text(console.get(reverse(MANY)))


# --- One by one ---------------------------------------------------------------------------


def test_a_booked_time_is_not_moved_under_the_guests(
    console: Client, tasting: Benefit, mai: Member
) -> None:
    slot = make_slot(tasting)
    book(tasting, mai, "k", slot)
    address = reverse("admin:rewards_slot_change", args=[slot.pk])
    data = form_data(console.get(address))

    moved = {**data, "starts_at_1": "00:01"}
    response = console.post(address, moved, follow=True)

    assert "Guests are booked for this time." in text(response)
    assert Slot.objects.get().starts_at == slot.starts_at
    console.post(address, {**data, "capacity": "9", "host": "An"})
    now = Slot.objects.get()
    assert (now.capacity, now.host, now.taken) == (9, "An", 1)


def test_the_same_time_twice_is_refused_in_words(console: Client, tasting: Benefit) -> None:
    slot = make_slot(tasting)
    data = form_data(console.get(reverse("admin:rewards_slot_change", args=[slot.pk])))

    response = console.post(reverse("admin:rewards_slot_add"), data)

    assert "There is such a time already." in text(response)
    assert Slot.objects.count() == 1


# --- The calendar -------------------------------------------------------------------------


def test_two_weeks_day_by_day(console: Client, tasting: Benefit, shop: Store) -> None:
    make_slot(tasting, host="An", store=shop)
    make_slot(tasting, host="Full", capacity=1, taken=1)
    make_slot(tasting, host="Closed", is_open=False)
    make_slot(tasting, host="Later", hours=24 * 15)

    shown = text(console.get(reverse(DAYS)))

    assert "0/2" in shown
    assert "· An · Quận 1" in shown
    assert "is-full" in shown
    assert "is-closed" in shown
    assert "Later" not in shown
    later = (local_date(timezone.now()) + timedelta(days=14)).isoformat()
    assert "Later" in text(console.get(reverse(DAYS), {"first": later}))
    only = text(console.get(reverse(DAYS), {"store": shop.pk}))
    assert "Closed" not in only


def test_the_calendar_asks_the_same_number_of_questions(
    console: Client, tasting: Benefit, shop: Store
) -> None:
    make_slot(tasting, store=shop)
    few = num_queries(console, reverse(DAYS))
    for number in range(20):
        make_slot(tasting, host=f"H{number}", store=shop)

    assert num_queries(console, reverse(DAYS)) == few
    assert few <= 10


# --- Bookings -----------------------------------------------------------------------------


def test_a_booking_is_moved(console: Client, tasting: Benefit, mai: Member) -> None:
    old, new = make_slot(tasting), make_slot(tasting, hours=72, host="Bình")
    make_slot(tasting, hours=73, capacity=1, taken=1, host="Full")
    booking = book(tasting, mai, "k", old)
    offered = text(console.get(page(booking, "move")))
    assert "Bình (2 free)" in offered
    assert "Full" not in offered

    console.post(page(booking, "move"), {"slot": new.pk})

    booking.refresh_from_db()
    old.refresh_from_db()
    assert (booking.slot, old.taken) == (new, 0)


def test_a_time_is_chosen_for_who_has_none(
    console: Client, tasting: Benefit, mai: Member
) -> None:
    booking = book(tasting, mai, "k", None)
    assert "No time is free." in text(console.get(page(booking, "move")))
    slot = make_slot(tasting)

    console.post(page(booking, "move"), {"slot": slot.pk})

    booking.refresh_from_db()
    assert (booking.state, booking.slot) == ("booked", slot)


def test_a_time_is_freed(console: Client, tasting: Benefit, mai: Member) -> None:
    booking = book(tasting, mai, "k", make_slot(tasting))
    shown = text(console.get(page(booking)))
    assert "Free the time" in shown
    assert "They came" not in shown

    console.post(page(booking, "free"))

    booking.refresh_from_db()
    assert (booking.state, Slot.objects.get().taken) == ("open", 0)
    refused = console.post(page(booking, "free"), follow=True)
    assert "Only a booked time can be freed." in text(refused)


def test_who_came_is_written_down(
    console: Client, tasting: Benefit, mai: Member, binh: Member
) -> None:
    slot = make_slot(tasting, hours=0.1)
    came, missed = book(tasting, mai, "a", slot), book(tasting, binh, "b", slot)
    Slot.objects.update(starts_at=timezone.now() - timedelta(minutes=5))
    assert "They came" in text(console.get(page(came)))

    console.post(page(came, "close"), {"came": "1"})
    listed = reverse("admin:rewards_booking_changelist")
    ticked = [came.pk, missed.pk]
    told = {"action": "mark_missed", "_selected_action": ticked}
    shown = text(console.post(listed, told, follow=True))

    states = {row.pk: row.state for row in Booking.objects.all()}
    assert states == {came.pk: "attended", missed.pk: "missed"}
    assert "1 written down." in shown
    assert "1 × Only a booked time can be closed." in shown


def test_bookings_of_one_time_are_listed(
    console: Client, tasting: Benefit, mai: Member, binh: Member
) -> None:
    slot, other = make_slot(tasting), make_slot(tasting, hours=90)
    book(tasting, mai, "a", slot)
    book(tasting, binh, "b", other)
    listed = reverse("admin:rewards_booking_changelist")

    shown = text(console.get(listed, {"slot__id__exact": slot.pk}))

    assert "MAI" in shown
    assert "BINH" not in shown
    few = num_queries(console, listed)
    for number in range(6):
        book(tasting, mai, f"k{number}", None)
    assert num_queries(console, listed) == few


# --- Who may ------------------------------------------------------------------------------


def test_looking_changes_nothing(
    helper: User, helper_console: Client, tasting: Benefit, mai: Member
) -> None:
    booking = book(tasting, mai, "k", make_slot(tasting))
    allow(helper, "view_booking", "view_slot", "view_givenbenefit")
    assert helper_console.get(page(booking)).status_code == 200
    assert helper_console.get(reverse(DAYS)).status_code == 200

    codes = [
        helper_console.post(page(booking, name), {"came": "1"}).status_code
        for name in ("move", "free", "close")
    ]

    assert codes == [403] * 3
    first = local_date(timezone.now())
    told = pattern(tasting, first, make="1")
    assert helper_console.post(reverse(MANY), told).status_code == 403
    booking.refresh_from_db()
    assert (booking.state, Slot.objects.count()) == ("booked", 1)


def test_who_may_nothing_sees_nothing(helper_console: Client, tasting: Benefit) -> None:
    assert helper_console.get(reverse(DAYS)).status_code == 403
    assert helper_console.get(reverse(MANY)).status_code == 403


def test_times_stand_by_the_clock_of_the_programme(
    console: Client, tasting: Benefit
) -> None:
    day = local_date(timezone.now()) + timedelta(days=1)
    told = pattern(
        tasting, day, last=day.isoformat(), weekdays=[str(day.isoweekday())], make="1"
    )
    console.post(reverse(MANY), told)
    first = Slot.objects.order_by("starts_at").first()
    assert first is not None
    local: datetime = timezone.localtime(first.starts_at)
    assert (local.date(), f"{local:%H:%M}") == (day, "09:00")
