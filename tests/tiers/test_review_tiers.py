"""The night: windows move on, grace runs out, tiers are kept or fall."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from core.clock import local_midday
from flows.day import run_day
from members.models import Member
from points.services import adjust_points
from tests.factories import make_member, make_wallet
from tests.tiers.helpers import (
    bring_back,
    buy,
    events,
    make_ladder,
    standing_row,
    tier,
)
from tiers.ladders import publish_ladder
from tiers.models import Ladder, TierChange
from tiers.services import review_tiers


def on(day: str) -> datetime:
    return local_midday(date.fromisoformat(day))


def night(day: str) -> None:
    """Let the night that begins a day pass, just after midnight of the shop."""
    begin = datetime.combine(date.fromisoformat(day), time(0, 5), tzinfo=UTC)
    review_tiers(at=begin - timedelta(hours=7))


# --- rolling months ---------------------------------------------------------------------


@pytest.mark.parametrize(
    ("grace", "last_day", "first_day_below"),
    [(0, "2026-03-14", "2026-03-15"), (10, "2026-03-24", "2026-03-25")],
)
def test_a_rolling_tier_ends_with_the_purchase_that_carried_it(
    mai: Member, grace: int, last_day: str, first_day_below: str
) -> None:
    make_ladder(grace_days=grace)
    buy(mai, "A", on("2025-03-15"), 1_000_000)
    buy(mai, "B", on("2025-06-01"), 500_000)
    assert standing_row(mai).holds_until == date(2026, 3, 14)

    night(last_day)
    assert tier(mai) == "silver"
    night(first_day_below)

    assert tier(mai) == "member"
    assert events(mai) == [("entered", None, "silver"), ("down", "silver", "member")]
    change = TierChange.objects.latest("pk")
    assert (change.cause, change.spend) == ("night", Decimal(500_000))


def test_the_latest_purchases_that_suffice_carry_the_tier(mai: Member) -> None:
    make_ladder()
    for n, (day, total) in enumerate(
        [("2025-01-10", 900_000), ("2025-05-10", 600_000), ("2025-08-10", 400_000)]
    ):
        buy(mai, f"A{n}", on(day), total)

    # May and August come to exactly one million.
    assert standing_row(mai).holds_until == date(2026, 5, 9)
    night("2026-05-09")
    assert tier(mai) == "silver"
    night("2026-05-10")
    assert tier(mai) == "member"


def test_a_purchase_in_the_days_of_grace_saves_the_tier(mai: Member) -> None:
    make_ladder(grace_days=30)
    buy(mai, "A", on("2025-03-15"), 1_000_000)
    night("2026-03-20")

    buy(mai, "B", on("2026-04-01"), 1_000_000)
    night("2026-04-14")
    night("2026-04-15")

    assert tier(mai) == "silver"
    assert events(mai)[-1] == ("kept", "silver", "silver")
    assert standing_row(mai).holds_until == date(2027, 3, 31)


def test_purchases_in_a_rolling_window_are_no_events_while_the_tier_is_safe(
    mai: Member,
) -> None:
    make_ladder()
    buy(mai, "A", on("2025-03-15"), 1_000_000)
    buy(mai, "B", on("2025-06-15"), 1_000_000)

    assert events(mai) == [("entered", None, "silver")]
    assert standing_row(mai).holds_until == date(2026, 6, 14)


def test_by_one_step_a_tier_falls_once_in_a_window(mai: Member) -> None:
    make_ladder(downgrade="one_step")
    buy(mai, "A", on("2025-03-15"), 3_000_000)

    night("2026-03-15")
    assert (tier(mai), standing_row(mai).reason) == ("silver", "step")
    assert standing_row(mai).holds_until == date(2027, 3, 14)
    night("2027-03-14")
    assert tier(mai) == "silver"
    night("2027-03-15")

    assert tier(mai) == "member"


def test_where_tiers_never_fall_nothing_ends(mai: Member) -> None:
    make_ladder(downgrade="none")
    buy(mai, "A", on("2025-03-15"), 3_000_000)
    assert standing_row(mai).holds_until is None

    night("2029-01-01")

    assert tier(mai) == "gold"


def test_a_lifetime_counts_what_is_twenty_years_old(mai: Member, now: datetime) -> None:
    make_ladder(window="lifetime")
    buy(mai, "A", on("1997-06-01"), 999_999, told_at=now)
    assert tier(mai) == "member"

    buy(mai, "B", now, 1)

    assert tier(mai) == "silver"
    night("2050-01-01")
    assert (tier(mai), standing_row(mai).review_on) == ("silver", None)


# --- years ------------------------------------------------------------------------------


def test_a_calendar_tier_is_kept_to_the_end_of_the_next_year(mai: Member) -> None:
    make_ladder(window="calendar")
    buy(mai, "A", on("2025-12-31"), 1_000_000)
    assert standing_row(mai).holds_until == date(2026, 12, 31)

    night("2026-01-01")
    night("2026-12-31")
    assert tier(mai) == "silver"
    night("2027-01-01")

    assert tier(mai) == "member"


def test_a_calendar_year_begins_at_nothing(mai: Member) -> None:
    make_ladder(window="calendar")
    buy(mai, "A", on("2025-12-31"), 600_000)
    buy(mai, "B", on("2026-01-01"), 600_000)

    assert tier(mai) == "member"


def test_winning_a_tier_again_for_the_next_year_is_an_event(mai: Member) -> None:
    make_ladder(window="calendar")
    buy(mai, "A", on("2025-06-01"), 1_000_000)
    buy(mai, "B", on("2026-02-01"), 999_999)
    assert len(events(mai)) == 1

    buy(mai, "C", on("2026-02-02"), 1)

    assert events(mai)[-1] == ("kept", "silver", "silver")
    assert standing_row(mai).holds_until == date(2027, 12, 31)


@pytest.mark.parametrize(("day", "kept"), [("2027-01-15", True), ("2027-01-16", False)])
def test_grace_lets_the_first_days_of_a_year_count_for_the_one_before(
    mai: Member, day: str, kept: bool
) -> None:
    make_ladder(window="calendar", grace_days=15)
    buy(mai, "A", on("2025-06-01"), 1_000_000)
    buy(mai, "B", on("2026-02-01"), 900_000)
    night("2027-01-15")
    assert tier(mai) == "silver"

    if kept:
        buy(mai, "C", on(day), 100_000)
    night("2027-01-16")
    if not kept:
        buy(mai, "C", on(day), 100_000)

    assert tier(mai) == ("silver" if kept else "member")


def test_an_anniversary_year_begins_on_the_day_of_joining(db: Any) -> None:
    leap = make_member(joined_at=on("2024-02-29"))
    make_ladder(window="anniversary")
    buy(leap, "A", on("2025-02-27"), 500_000)
    buy(leap, "B", on("2025-02-28"), 500_000)
    # 28 February begins the second year: the two lie in different years.
    assert tier(leap) == "member"

    buy(leap, "C", on("2026-02-27"), 500_000)

    assert tier(leap) == "silver"
    assert standing_row(leap).holds_until == date(2027, 2, 27)
    night("2027-02-27")
    assert tier(leap) == "silver"
    night("2027-02-28")
    assert tier(leap) == "member"


# --- who is looked at -------------------------------------------------------------------


def test_the_night_places_members_who_never_bought(
    mai: Member, binh: Member, now: datetime
) -> None:
    make_ladder()
    buy(mai, "A", now, 1_000_000)

    done = review_tiers(at=now)

    assert (tier(binh), done.entered) == ("member", 1)
    assert events(binh) == [("entered", None, "member")]


def test_the_night_sees_points_that_no_order_gave(mai: Member, now: datetime) -> None:
    wallet = make_wallet(kind="qualifying")
    make_ladder(steps=(("member", None), ("silver", 100)), asks="points", wallet=wallet)
    review_tiers(at=now)
    adjust_points(
        member=mai,
        wallet=wallet,
        amount=100,
        key="k",
        at=now + timedelta(hours=5),
        reason="missing",
        note="n",
        actor="t",
    )

    review_tiers(at=now + timedelta(days=1))

    assert tier(mai) == "silver"


def test_the_measure_is_brought_up_to_date_as_the_window_moves(mai: Member) -> None:
    make_ladder()
    buy(mai, "A", on("2025-03-15"), 400_000)
    buy(mai, "B", on("2025-04-15"), 300_000)
    assert standing_row(mai).review_on == date(2026, 3, 15)

    night("2026-03-15")

    assert standing_row(mai).spend == 300_000
    assert standing_row(mai).review_on == date(2026, 4, 15)


def test_a_night_that_never_ran_is_caught_up(mai: Member) -> None:
    make_ladder(window="calendar")
    buy(mai, "A", on("2023-06-01"), 3_000_000)

    night("2026-02-01")

    assert tier(mai) == "member"


def test_a_purchase_before_a_late_night_finds_the_fall_that_was_due(mai: Member) -> None:
    make_ladder(window="calendar")
    buy(mai, "A", on("2023-06-01"), 3_000_000)

    buy(mai, "B", on("2025-06-01"), 1_000_000)

    assert (tier(mai), events(mai)[-1]) == ("silver", ("down", "gold", "silver"))
    change = TierChange.objects.latest("pk")
    assert (change.cause, change.cause_id) == ("night", None)
    assert standing_row(mai).holds_until == date(2026, 12, 31)


def test_a_second_night_changes_nothing(mai: Member, binh: Member) -> None:
    make_ladder()
    buy(mai, "A", on("2025-03-15"), 1_000_000)
    night("2026-03-20")
    before = TierChange.objects.count()

    night("2026-03-20")
    again = review_tiers(at=on("2026-03-20"))

    assert TierChange.objects.count() == before
    assert again.members == 0


def test_chunks_do_the_same_as_one_pass(db: Any) -> None:
    make_ladder()
    members = [make_member() for _n in range(7)]
    for n, member in enumerate(members):
        buy(member, f"A{n}", on("2025-03-15"), 1_000_000)

    done = review_tiers(at=on("2026-03-15"), chunk=2)

    assert done.down == 7
    assert {tier(member) for member in members} == {"member"}


def test_a_chunk_costs_the_same_for_one_and_for_many(db: Any) -> None:
    make_ladder()
    counts = []
    for size in (1, 25):
        members = [make_member() for _n in range(size)]
        for member in members:
            buy(member, f"A{member.pk}", on("2025-03-15"), 1_000_000)
        with CaptureQueriesContext(connection) as queries:
            done = review_tiers(at=on("2026-03-15") + timedelta(days=size))
        counts.append(len(queries))
        assert done.down == size

    assert counts[0] == counts[1]


def test_the_programme_day_reviews_tiers(mai: Member) -> None:
    make_ladder()
    buy(mai, "A", on("2025-03-15"), 1_000_000)

    report = run_day(at=on("2026-03-16"))

    step = next(step for step in report.steps if step.name == "review_tiers")
    assert step.ok, step.error
    assert step.result == {"members": 1, "entered": 0, "up": 0, "down": 1, "kept": 0}


# --- new terms --------------------------------------------------------------------------


def test_new_terms_judge_everybody_at_the_next_review(
    mai: Member, binh: Member, now: datetime
) -> None:
    ladder = make_ladder()
    buy(mai, "A", now, 1_000_000)
    buy(binh, "B", now, 900_000)
    ladder.tiers.filter(code="silver").update(spend=900_000)
    ladder.tiers.filter(code="gold").update(spend=1_000_001)
    publish_ladder(ladder, at=now)

    done = review_tiers(at=now)

    assert (tier(mai), tier(binh), done.up) == ("silver", "silver", 1)
    ladder.tiers.filter(code="silver").update(spend=1_000_000)
    publish_ladder(ladder, at=now)
    assert review_tiers(at=now).down == 1
    assert events(binh)[-1] == ("down", "silver", "member")
    assert TierChange.objects.latest("pk").cause == "ladder"


def test_new_terms_lower_nobody_where_tiers_never_fall(mai: Member, now: datetime) -> None:
    ladder = make_ladder(downgrade="none")
    buy(mai, "A", now, 1_000_000)
    ladder.tiers.filter(code="silver").update(spend=2_000_000)
    publish_ladder(ladder, at=now)

    review_tiers(at=now)

    assert tier(mai) == "silver"


def test_a_tier_that_left_the_ladder_is_left_by_its_members(
    mai: Member, now: datetime
) -> None:
    ladder = make_ladder()
    buy(mai, "A", now, 1_000_000)
    ladder.tiers.filter(code="silver").update(is_active=False)
    publish_ladder(ladder, at=now)

    review_tiers(at=now)

    assert (tier(mai), events(mai)[-1]) == ("member", ("down", "silver", "member"))


def test_a_ladder_switched_off_is_left_alone(mai: Member, now: datetime) -> None:
    make_ladder()
    Ladder.objects.update(is_active=False)

    buy(mai, "A", now, 1_000_000)

    assert (tier(mai), review_tiers(at=now).members) == ("", 0)


def test_a_late_refund_of_an_old_sale_takes_nothing_from_today(mai: Member) -> None:
    make_ladder()
    buy(mai, "A", on("2025-01-15"), 1_000_000)
    buy(mai, "B", on("2026-02-15"), 1_000_000)

    bring_back(mai, "R", on("2026-02-16"), 1_000_000, of="A")

    assert (tier(mai), standing_row(mai).spend) == ("silver", 1_000_000)
