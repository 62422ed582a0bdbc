"""Watched segments: who enters and leaves is written once, in order, whatever happens."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import date, datetime, timedelta
from threading import Barrier
from typing import Any

import pytest
from django.db import connections
from pytest_django import DjangoAssertNumQueries

from core.id_ranges import spans
from members.models import Member, Segment, SegmentChange, SegmentMember
from members.segments import members_matching, watching
from members.segments.watching import (
    SizeOfDay,
    changes_after,
    count_segments,
    latest_change,
    refresh_segment,
    refresh_segments,
    sizes_by_day,
)
from tests import factories

FOLLOWERS = {"field": "follows_oa", "is": "yes"}
DAY = timedelta(days=1)


@pytest.fixture
def oa(db: None) -> Segment:
    factories.make_programme()
    return Segment.objects.create(
        code="oa", name="OA", conditions=FOLLOWERS, is_watched=True
    )


def follow(*members: Member, yes: bool = True) -> None:
    Member.objects.filter(pk__in=[m.pk for m in members]).update(follows_oa=yes)


def told(segment: Segment, cursor: int = 0) -> list[tuple[str, str]]:
    changes = changes_after(segment=segment, cursor=cursor)
    return [(change.member.code, change.kind) for change in changes]


def test_who_is_in_at_the_beginning_has_not_entered(
    oa: Segment, mai: Member, binh: Member, now: datetime
) -> None:
    follow(mai)
    assert refresh_segment(oa, at=now) == (0, 0)
    oa.refresh_from_db()
    assert (oa.num_members, oa.counted_at, oa.watched_since) == (1, now, now)
    assert told(oa) == []

    follow(binh)
    assert refresh_segment(oa, at=now + DAY) == (1, 0)
    follow(mai, yes=False)
    assert refresh_segment(oa, at=now + 2 * DAY) == (0, 1)
    assert told(oa) == [("BINH", "entered"), ("MAI", "left")]
    assert SegmentMember.objects.get().since == now + DAY
    assert SegmentChange.objects.get(kind="left").happened_at == now + 2 * DAY
    oa.refresh_from_db()
    assert (oa.num_members, oa.watched_since) == (1, now)


def test_a_repeat_writes_nothing(oa: Segment, mai: Member, now: datetime) -> None:
    refresh_segment(oa, at=now)
    follow(mai)
    done = refresh_segments(at=now)
    assert (done.segments, done.entered, done.left, done.failed) == (1, 1, 0, 0)
    done = refresh_segments(at=now + DAY)
    assert (done.entered, done.left) == (0, 0)
    assert told(oa) == [("MAI", "entered")]


def test_readers_go_on_after_the_last_change_they_saw(oa: Segment, now: datetime) -> None:
    refresh_segment(oa, at=now)
    members = [factories.make_member(code=f"M{n}") for n in range(5)]
    follow(*members)
    refresh_segment(oa, at=now)

    first = changes_after(segment=oa, cursor=0, limit=3)
    rest = changes_after(segment=oa, cursor=first[-1].pk, limit=3)
    assert [c.member_id for c in [*first, *rest]] == [m.pk for m in members]
    assert changes_after(segment=oa, cursor=rest[-1].pk) == []
    assert latest_change(oa) == rest[-1].pk


def test_only_watched_segments_are_refreshed_and_the_others_counted(
    oa: Segment, mai: Member, now: datetime
) -> None:
    other = Segment.objects.create(code="all", name="All", conditions={"all": []})
    assert refresh_segments(at=now).segments == 1
    assert count_segments(at=now) == 1
    other.refresh_from_db()
    assert (other.num_members, other.counted_at) == (1, now)
    assert not SegmentMember.objects.filter(segment=other).exists()


def test_a_segment_that_cannot_be_asked_does_not_stop_the_others(
    oa: Segment, mai: Member, now: datetime
) -> None:
    Segment.objects.create(
        code="bad", name="Bad", conditions={"field": "x", "is": "y"}, is_watched=True
    )
    done = refresh_segments(at=now)
    assert (done.segments, done.failed) == (1, 1)


def test_changed_conditions_and_merged_members_are_changes(
    oa: Segment, mai: Member, binh: Member, now: datetime
) -> None:
    follow(mai, binh)
    refresh_segment(oa, at=now)
    Member.objects.filter(pk=binh.pk).update(state="merged", merged_into=mai)
    refresh_segment(oa, at=now)
    assert told(oa) == [("BINH", "left")]
    Segment.objects.update(conditions={"not": FOLLOWERS})
    refresh_segment(oa, at=now)
    assert told(oa) == [("BINH", "left"), ("MAI", "left")]


def test_switching_off_and_on_again_makes_nobody_enter(
    oa: Segment, mai: Member, binh: Member, now: datetime
) -> None:
    follow(mai)
    refresh_segment(oa, at=now)
    Segment.objects.update(is_watched=False, watched_since=None)
    follow(mai, yes=False)
    follow(binh)
    assert refresh_segments(at=now).segments == 0
    Segment.objects.update(is_watched=True)
    refresh_segments(at=now + DAY)
    assert told(oa) == []
    assert SegmentMember.objects.get().member == binh


def test_a_run_that_was_killed_is_run_again(
    oa: Segment, now: datetime, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(watching, "CHUNK", 2)
    refresh_segment(oa, at=now)
    members = [factories.make_member(code=f"M{n}") for n in range(7)]
    follow(*members)

    def dies_half_way(*table: Any) -> Any:
        for number, span in enumerate(spans(*table)):
            if number == 2:
                raise KeyboardInterrupt
            yield span

    monkeypatch.setattr(watching, "spans", dies_half_way)
    with pytest.raises(KeyboardInterrupt):
        refresh_segment(oa, at=now)
    half = told(oa)
    assert 0 < len(half) < 7
    monkeypatch.setattr(watching, "spans", spans)
    refresh_segment(oa, at=now + DAY)

    assert told(oa)[: len(half)] == half
    assert sorted(told(oa)) == [(f"M{n}", "entered") for n in range(7)]


def test_a_first_pass_that_was_killed_stays_silent(
    oa: Segment, now: datetime, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(watching, "CHUNK", 2)
    follow(*[factories.make_member(code=f"M{n}") for n in range(5)])
    monkeypatch.setattr(watching, "_finish", lambda *_a, **_k: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        refresh_segment(oa, at=now)
    monkeypatch.undo()
    refresh_segment(oa, at=now)
    assert told(oa) == []
    assert SegmentMember.objects.count() == 5


@pytest.mark.postgresql
@pytest.mark.django_db(transaction=True)
def test_two_runs_at_once_write_every_change_once(
    oa: Segment, now: datetime, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(watching, "CHUNK", 10)
    refresh_segment(oa, at=now)
    members = [factories.make_member(code=f"M{n}") for n in range(60)]
    follow(*members)
    barrier = Barrier(4)

    def run(_number: int) -> int:
        try:
            barrier.wait(timeout=20)
            return refresh_segments(at=now).entered
        finally:
            connections.close_all()

    with ThreadPoolExecutor(4) as pool:
        assert sum(pool.map(run, range(4))) == 60
    entered = [change.member_id for change in changes_after(segment=oa, cursor=0)]
    assert sorted(entered) == [member.pk for member in members]


def test_members_always_are_who_matches_now(oa: Segment, now: datetime) -> None:
    """Whatever comes and goes, the changes add up to who is in it."""
    members = [factories.make_member(code=f"M{n}") for n in range(12)]
    follow(*members[:4])
    refresh_segment(oa, at=now)
    inside = set(members_matching(FOLLOWERS, at=now).values_list("pk", flat=True))
    for step in range(1, 8):
        Member.objects.filter(pk__in=[m.pk for m in members[::step]]).update(
            follows_oa=step % 2 == 0
        )
        refresh_segment(oa, at=now + step * DAY)
    for change in changes_after(segment=oa, cursor=0):
        (inside.add if change.kind == "entered" else inside.remove)(change.member_id)
    written = set(SegmentMember.objects.values_list("member_id", flat=True))
    matching = set(members_matching(FOLLOWERS, at=now).values_list("pk", flat=True))
    assert inside == written == matching


def test_size_by_day_is_worked_out_backwards(
    oa: Segment,
    mai: Member,
    binh: Member,
    now: datetime,
    django_assert_max_num_queries: DjangoAssertNumQueries,
) -> None:
    follow(mai)
    refresh_segment(oa, at=now)
    follow(binh)
    refresh_segment(oa, at=now + DAY)
    follow(mai, yes=False)
    refresh_segment(oa, at=now + 3 * DAY)
    oa.refresh_from_db()

    with django_assert_max_num_queries(3):
        sizes = sizes_by_day(oa, at=now + 4 * DAY)

    assert sizes == [
        SizeOfDay(date(2026, 3, 2), 1, 0, 0),
        SizeOfDay(date(2026, 3, 3), 2, 1, 0),
        SizeOfDay(date(2026, 3, 4), 2, 0, 0),
        SizeOfDay(date(2026, 3, 5), 1, 0, 1),
        SizeOfDay(date(2026, 3, 6), 1, 0, 0),
    ]
    assert len(sizes_by_day(oa, at=now + 90 * DAY)) == 30
