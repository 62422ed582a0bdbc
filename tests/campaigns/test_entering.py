"""Who enters when: episodes, fixed days, hold-outs, running out."""

from datetime import datetime, time, timedelta
from typing import Any

import pytest

from campaigns.chance import is_among
from campaigns.models import Campaign, Enrolment
from campaigns.services import (
    CampaignNotReady,
    NotRunning,
    check_ready,
    drain_campaign,
    end_campaign,
    run_campaign,
)
from members.models import Member, MemberTag, Tag
from points.queries import balances
from rewards.models import Benefit
from tests import factories
from tests.campaigns.conftest import Buy
from tests.campaigns.journeys import go_on, make_journey, rests, run, tag, wait

DAY = timedelta(days=1)
HAS_VIP = {"field": "tag", "is": "has", "value": "vip"}


@pytest.fixture
def vip(db: None) -> Tag:
    return Tag.objects.create(code="vip", name="VIP")


def put_on(member: Member, vip: Tag, at: datetime) -> None:
    MemberTag.objects.create(member=member, tag=vip, tagged_at=at, source="staff")


# --- episodes -----------------------------------------------------------------------------


def test_each_time_the_conditions_begin_to_hold(
    mai: Member, now: datetime, vip: Tag
) -> None:
    journey = make_journey([wait("w1", 1)], at=now, episode="entry", conditions=HAS_VIP)
    put_on(mai, vip, now)
    assert run(journey, now) == {"entered": 1}
    # They hold ever since: nothing begins.
    assert run(journey, now + 2 * DAY) == {"advanced": 1}
    assert run(journey, now + 3 * DAY) == {}

    MemberTag.objects.all().delete()
    assert run(journey, now + 4 * DAY) == {}
    put_on(mai, vip, now)
    assert run(journey, now + 5 * DAY) == {"entered": 1}
    episodes = Enrolment.objects.order_by("pk").values_list("episode", flat=True)
    assert list(episodes) == ["entry:2026-03-02", "entry:2026-03-07"]


@pytest.mark.parametrize(
    ("episode", "days", "expected"),
    [
        ("month", (0, 1, 29, 30), ["month:2026-03", "month:2026-04"]),
        ("year", (0, 30, 304, 305), ["year:2026", "year:2027"]),
        ("once", (0, 30, 400), ["once"]),
    ],
)
def test_once_a_period(
    mai: Member, now: datetime, episode: str, days: tuple[int, ...], expected: list[str]
) -> None:
    journey = make_journey([wait("w1", 1)], at=now, episode=episode)
    for day in days:
        run(journey, now + day * DAY)
    episodes = Enrolment.objects.order_by("pk").values_list("episode", flat=True)
    assert list(episodes) == expected


def test_who_no_longer_meets_the_conditions_leaves(
    mai: Member, now: datetime, vip: Tag
) -> None:
    put_on(mai, vip, now)
    leaves = make_journey(
        [wait("w1", 9)], at=now, code="leaves", conditions=HAS_VIP, leaves=True
    )
    stays = make_journey([wait("w1", 9)], at=now, code="stays", conditions=HAS_VIP)
    run(leaves, now)
    run(stays, now)
    MemberTag.objects.all().delete()

    assert run(leaves, now + DAY) == {"left": 1}
    assert run(stays, now + DAY) == {}

    assert rests(leaves) == {"MAI": ("left", "w1")}
    assert run(leaves, now + 9 * DAY) == {}


# --- fixed days ---------------------------------------------------------------------------


def recurring(now: datetime, **fields: Any) -> Campaign:
    """Now is Monday, noon."""
    wanted = {"mode": "recurring", "episode": "slot", "at_time": time(9), **fields}
    return make_journey([wait("w1", 1)], at=now, **wanted)


@pytest.mark.parametrize(
    ("fields", "hours"),
    [
        ({"recurs": "daily"}, [21, 45, 69]),
        ({"recurs": "weekly", "weekday": 2}, [45]),
        ({"recurs": "weekly", "weekday": 0}, [165]),
        ({"recurs": "monthly", "month_day": 3}, [21]),
        ({"recurs": "monthly", "month_day": 31}, [693]),
    ],
)
def test_on_fixed_days(
    mai: Member, now: datetime, fields: dict[str, Any], hours: list[int]
) -> None:
    journey = recurring(now, **fields)
    # The minute before and the minute of each day, up to the last that is looked for.
    for hour in range(hours[-1] + 1):
        at = now + timedelta(hours=hour)
        go_on(at - timedelta(minutes=1))
        go_on(at)
        go_on(at)
    entered = Enrolment.objects.filter(campaign=journey).order_by("pk")
    first = [(one.entered_at - now) / timedelta(hours=1) for one in entered]
    assert first[: len(hours)] == hours


def test_a_day_that_was_missed_is_kept_within_a_day(mai: Member, now: datetime) -> None:
    journey = recurring(now, recurs="weekly", weekday=2)
    wednesday = now + timedelta(hours=45)
    assert go_on(wednesday + timedelta(hours=24, minutes=1)) == {"happenings": 0}
    assert not Enrolment.objects.exists()
    go_on(wednesday + 7 * DAY + timedelta(hours=23))
    assert rests(journey) == {"MAI": ("active", "w1")}


# --- hold-outs ----------------------------------------------------------------------------


def test_some_are_left_alone_always_the_same_ones(
    now: datetime, vip: Tag, buy: Buy
) -> None:
    members = [factories.make_member(phone=f"0933{n:06}") for n in range(100)]
    benefit = Benefit.objects.create(
        code="b", name="B", kind="points", wallet=factories.make_wallet(), amount=5
    )
    journey = make_journey(
        [tag("t1", vip.pk)],
        at=now,
        holdout_percent=20,
        goal="order",
        goal_benefit=benefit,
    )
    alone = {m.pk for m in members if is_among(f"holdout:{journey.pk}", m.pk, percent=20)}
    counts = run(journey, now)

    assert counts == {"entered": 100, "held_out": len(alone), "tagged": 100 - len(alone)}
    assert 8 <= len(alone) <= 35
    held_out = Enrolment.objects.filter(is_holdout=True)
    assert set(held_out.values_list("member", flat=True)) == alone
    assert not MemberTag.objects.filter(member__in=alone).exists()

    # What they buy is counted all the same; nobody promised them anything.
    one = Member.objects.get(pk=min(alone))
    other = next(member for member in members if member.pk not in alone)
    for member in (one, other):
        buy(member, at=now + DAY)
    assert held_out.get(member=one).state == "returned"
    assert balances([one.pk, other.pk]) == {one.pk: 0, other.pk: 5}
    assert run(journey, now + 30 * DAY) == {"finished": 98}


# --- running out --------------------------------------------------------------------------


def test_running_out_takes_nobody_in_and_ends_with_the_last(
    mai: Member, now: datetime, vip: Tag
) -> None:
    journey = make_journey([wait("w1", 2), tag("t1", vip.pk)], at=now)
    run(journey, now)
    drain_campaign(campaign=journey, at=now)
    factories.make_member(phone="0944444444")

    with pytest.raises(NotRunning):
        run_campaign(campaign=journey, at=now, trigger="command")
    go_on(now + DAY)
    journey.refresh_from_db()
    assert journey.state == "draining"
    go_on(now + 2 * DAY)

    journey.refresh_from_db()
    assert (journey.state, journey.ended_at) == ("ended", now + 2 * DAY)
    assert MemberTag.objects.get().member == mai
    assert Enrolment.objects.count() == 1


def test_the_end_stops_everybody_where_they_are(
    mai: Member, now: datetime, vip: Tag, buy: Buy
) -> None:
    journey = make_journey([wait("w1", 2), tag("t1", vip.pk)], at=now, goal="order")
    run(journey, now)
    end_campaign(campaign=journey, at=now)

    go_on(now + 2 * DAY)
    assert not MemberTag.objects.exists()
    enrolment = Enrolment.objects.get()
    assert (enrolment.state, enrolment.step, enrolment.due_at) == (
        "active",
        None,
        now + 30 * DAY,
    )
    # What it brought is still its own, and then it is over.
    go_on(now + 30 * DAY)
    assert Enrolment.objects.get().state == "done"


def test_a_campaign_by_hand_runs_out_while_somebody_waits(
    mai: Member, now: datetime, vip: Tag
) -> None:
    journey = make_journey([wait("w1", 1), tag("t1", vip.pk)], at=now, mode="one_off")
    run(journey, now)
    journey.refresh_from_db()
    assert journey.state == "draining"
    go_on(now + DAY)
    journey.refresh_from_db()
    assert journey.state == "ended"
    assert MemberTag.objects.count() == 1


# --- what does not fit together -----------------------------------------------------------


@pytest.mark.parametrize(
    ("fields", "sentence"),
    [
        (
            {"trigger": "event", "event": "order", "mode": "one_off", "episode": "event"},
            "What begins when something happens is continuous. Change the mode.",
        ),
        (
            {"trigger": "event", "event": "moonrise", "episode": "event"},
            "Choose what has to happen for the campaign to begin.",
        ),
        (
            {"trigger": "event", "event": "order", "episode": "lapse"},
            "“once per lapse (until the next purchase)” does not fit how members enter. "
            "Choose how often again.",
        ),
        (
            {"episode": "event"},
            "“each time it happens” does not fit how members enter. "
            "Choose how often again.",
        ),
        (
            {"mode": "recurring"},
            "“each time it runs” and fixed days belong together. Choose both, or neither.",
        ),
        (
            {"goal": "event"},
            "Choose what has to happen for the goal to be reached.",
        ),
    ],
)
def test_refuses_to_start(
    db: None, now: datetime, fields: dict[str, Any], sentence: str
) -> None:
    journey = make_journey([wait("w1", 1)], at=now)
    for name, value in fields.items():
        setattr(journey, name, value)
    with pytest.raises(CampaignNotReady) as refusal:
        check_ready(journey)
    assert str(refusal.value.message) == sentence


def test_what_was_switched_off_since_stops_nobody(mai: Member, now: datetime) -> None:
    benefit = Benefit.objects.create(
        code="b", name="B", kind="points", wallet=factories.make_wallet(), amount=5
    )
    give = {"key": "g1", "kind": "give", "benefit": benefit.pk}
    journey = make_journey([wait("w1", 1), give, wait("w2", 1)], at=now)
    run(journey, now)
    Benefit.objects.update(is_active=False)

    assert run(journey, now + DAY) == {
        "advanced": 1,
        "skipped": 1,
        "skipped_reasons": {"benefit_refused": 1},
    }
    assert rests(journey) == {"MAI": ("active", "w2")}
