"""Counting while somebody waits: exactly, or by a sample."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from typing import Any

import pytest

from core.time_limit import TookTooLong
from members.models import Member
from members.segments import counting, members_matching
from members.segments.counting import Counted, count_now
from tests import factories

FOLLOWERS = {"field": "follows_oa", "is": "yes"}


@pytest.fixture(autouse=True)
def forty_members(db: None) -> list[int]:
    """Forty members, of whom every second one follows, and one who was merged."""
    factories.make_programme()
    made = [
        factories.make_member(code=f"M{number}", follows_oa=number % 2 == 0)
        for number in range(40)
    ]
    factories.make_member(code="GONE", follows_oa=True, state="merged", merged_into=made[0])
    return [member.pk for member in made]


def out_of_time(monkeypatch: pytest.MonkeyPatch, *turns: bool) -> list[float]:
    """Let the limits run out in turn, True at once, and note what was allowed."""
    waiting, allowed = list(turns), []

    @contextmanager
    def limit(seconds: float) -> Iterator[None]:
        allowed.append(seconds)
        if waiting.pop(0):
            raise TookTooLong
        yield

    monkeypatch.setattr(counting, "time_limit", limit)
    return allowed


def test_counts_exactly_and_names_the_newest(now: datetime) -> None:
    found = count_now(FOLLOWERS, at=now, newest=2)
    followers = Member.objects.filter(follows_oa=True, merged_into__isnull=True)
    newest = list(followers.order_by("-pk").values_list("pk", flat=True)[:2])
    assert found == Counted(20, 40, newest)
    assert found.is_exact


def test_nobody_is_a_number_too(now: datetime) -> None:
    assert count_now({"any": []}, at=now, newest=2) == Counted(0, 40, [])


def test_a_sample_of_everybody_is_exact(
    monkeypatch: pytest.MonkeyPatch, now: datetime
) -> None:
    exact = count_now(FOLLOWERS, at=now, newest=3)
    allowed = out_of_time(monkeypatch, True, False)
    assert count_now(FOLLOWERS, at=now, newest=3, patience=2) == exact
    assert allowed == [2, 2]


def test_a_sample_stands_for_the_others(
    monkeypatch: pytest.MonkeyPatch, now: datetime, forty_members: list[int]
) -> None:
    monkeypatch.setattr(counting, "SAMPLE", 10)
    out_of_time(monkeypatch, True, False)

    found = count_now({"all": []}, at=now, newest=3)

    # Ten of forty-one numbers are asked, among them perhaps the one that was merged.
    assert found.step == 4.1
    assert not found.is_exact
    assert found.count == found.of in (37, 41)
    assert set(found.newest) <= set(forty_members)
    assert list(found.newest) == sorted(found.newest, reverse=True)
    assert len(found.newest) == 3


def test_one_example_is_known_where_more_take_too_long(
    monkeypatch: pytest.MonkeyPatch, now: datetime, forty_members: list[int]
) -> None:
    out_of_time(monkeypatch, False, True)
    assert count_now({"all": []}, at=now, newest=3) == Counted(40, 40, forty_members[-1:])


def test_gives_up_when_the_sample_takes_too_long_as_well(
    monkeypatch: pytest.MonkeyPatch, now: datetime
) -> None:
    out_of_time(monkeypatch, True, True)
    with pytest.raises(TookTooLong):
        count_now(FOLLOWERS, at=now, newest=3)


@pytest.mark.parametrize(("count", "few"), [(1, False), (2, True)])
def test_who_is_met_often_is_looked_for_one_by_one(
    monkeypatch: pytest.MonkeyPatch, now: datetime, count: int, few: bool
) -> None:
    """A hash of all who match costs as much again as the count did."""
    asked: list[bool] = []
    matching = members_matching

    def noting(*args: Any, few: bool = False, **kwargs: Any) -> Any:
        asked.append(few)
        return matching(*args, few=few, **kwargs)

    monkeypatch.setattr(counting, "OFTEN", 20)
    monkeypatch.setattr(counting, "members_matching", noting)
    Member.objects.filter(follows_oa=True).update(follows_oa=False)
    some = Member.objects.filter(merged_into__isnull=True).values("pk")[:count]
    Member.objects.filter(pk__in=list(some.values_list("pk", flat=True))).update(
        follows_oa=True
    )

    assert count_now(FOLLOWERS, at=now, newest=3).count == count
    assert asked == [False, few]
