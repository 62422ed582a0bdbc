"""What members and staff ask: where do I stand, what is missing, where did I stand?"""

from __future__ import annotations

from datetime import date, datetime, timedelta
from typing import Any

from members.models import Member
from tests.tiers.helpers import buy, make_ladder
from tiers.models import Ladder
from tiers.queries import standing, standings, tier_as_of, tier_steps
from tiers.services import review_tiers


def test_how_much_is_missing_and_by_when(mai: Member, now: datetime) -> None:
    make_ladder()
    buy(mai, "A", now - timedelta(days=100), 650_000)

    found = standing(mai, at=now)

    assert found is not None
    assert (found.step.code, found.until, found.by_hand) == ("member", None, False)
    assert found.next is not None
    assert (found.next.step.code, found.next.missing.spend) == ("silver", 350_000)
    assert (found.next.percent, found.next.by) == (65, date(2026, 11, 21))


def test_what_is_kept_and_until_when(mai: Member, now: datetime) -> None:
    make_ladder()
    buy(mai, "A", now, 1_200_000)

    found = standing(mai, at=now)

    assert found is not None
    assert (found.step.code, found.until) == ("silver", date(2027, 3, 1))
    assert found.next is not None
    assert found.next.missing.spend == 1_800_000


def test_what_is_missing_to_keep_a_tier_for_another_year(mai: Member) -> None:
    make_ladder(window="calendar")
    buy(mai, "A", datetime.fromisoformat("2025-06-01T05:00:00+00:00"), 1_000_000)
    later = datetime.fromisoformat("2026-02-01T05:00:00+00:00")
    buy(mai, "B", later, 300_000)

    found = standing(mai, at=later)

    assert found is not None
    assert (found.step.code, found.until) == ("silver", date(2026, 12, 31))
    assert found.to_keep is not None
    assert found.to_keep.spend == 700_000


def test_the_highest_tier_has_no_next(mai: Member, now: datetime) -> None:
    make_ladder()
    buy(mai, "A", now, 3_000_000)

    found = standing(mai, at=now)

    assert found is not None
    assert (found.step.code, found.next) == ("gold", None)


def test_who_never_bought_stands_at_the_bottom(mai: Member, now: datetime) -> None:
    make_ladder()

    found = standing(mai, at=now)

    assert found is not None
    assert (found.step.code, found.since) == ("member", None)
    assert found.next is not None
    assert found.next.missing.spend == 1_000_000


def test_without_a_ladder_there_is_no_standing(mai: Member, now: datetime) -> None:
    assert standing(mai, at=now) is None
    assert tier_steps([mai.pk]) == {}


def test_an_unpublished_ladder_is_none(mai: Member, now: datetime) -> None:
    Ladder.objects.create(code="draft", name="Nháp")

    assert standings(mai, at=now) == []


def test_the_main_ladder_comes_first(mai: Member, now: datetime) -> None:
    make_ladder()
    make_ladder(code="other")

    assert [one.ladder.code for one in standings(mai, at=now)] == ["main", "other"]


def test_the_tier_on_any_day_of_the_past(mai: Member, now: datetime) -> None:
    make_ladder()
    start = datetime.fromisoformat("2025-03-15T16:59:59+00:00")
    buy(mai, "A", start, 1_000_000)
    buy(mai, "B", start + timedelta(seconds=1), 2_000_000)
    review_tiers(at=datetime.fromisoformat("2026-03-20T05:00:00+00:00"))

    days = ["2025-03-14", "2025-03-15", "2025-03-16", "2026-03-19", "2026-03-20"]
    found: list[Any] = [tier_as_of(mai, date.fromisoformat(day)) for day in days]

    # 23:59:59 in Ho Chi Minh City is still the 15th; a second later is the 16th.
    assert [one and one.code for one in found] == [
        None,
        "silver",
        "gold",
        "gold",
        "member",
    ]


def test_tiers_of_many_members_cost_two_queries(
    mai: Member, binh: Member, now: datetime, django_assert_num_queries: Any
) -> None:
    make_ladder()
    buy(mai, "A", now, 1_000_000)

    with django_assert_num_queries(2):
        found = tier_steps([mai.pk, binh.pk])

    assert {pk: step.code for pk, step in found.items()} == {
        mai.pk: "silver",
        binh.pk: "member",
    }
