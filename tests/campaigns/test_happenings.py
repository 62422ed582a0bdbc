"""Something happens: campaigns begin with it, wait for it, or have reached their goal."""

from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from activities.models import ActivityType
from activities.services import ActivityFact, RefundFact
from campaigns import happenings
from campaigns.happenings import try_again
from campaigns.models import Campaign, Enrolment, Happening
from campaigns.services import pause_campaign
from core.happenings import happening_kinds
from flows.record import record_activities, record_refunds
from members.happenings import entered, left
from members.models import Member, MemberTag, Segment, Tag
from members.segments.watching import refresh_segment
from members.services import register_member
from points.queries import balances
from rewards.models import Benefit
from tests import factories
from tests.campaigns.conftest import Buy
from tests.campaigns.journeys import go_on, make_journey, rests, run, tag, wait

DAY = timedelta(days=1)


@pytest.fixture
def vip(db: None) -> Tag:
    return Tag.objects.create(code="vip", name="VIP")


@pytest.fixture
def late(db: None) -> Tag:
    return Tag.objects.create(code="late", name="Late")


def begins_with(event: str, **fields: Any) -> dict[str, Any]:
    return {
        "trigger": Campaign.Trigger.EVENT,
        "event": event,
        "episode": Campaign.Episode.EVENT,
        **fields,
    }


def worn(member: Member) -> set[str]:
    return set(MemberTag.objects.filter(member=member).values_list("tag__code", flat=True))


# --- beginning ----------------------------------------------------------------------------


def test_an_order_begins_a_journey_each_time(
    mai: Member, binh: Member, buy: Buy, now: datetime
) -> None:
    journey = make_journey([wait("w1", 3)], at=now, **begins_with("order"))

    first = buy(mai, at=now)
    assert Happening.objects.get().reference == str(first)
    assert go_on(now)["happenings"] == 1
    assert go_on(now)["happenings"] == 0
    second = buy(mai, at=now + DAY)
    go_on(now + DAY)

    episodes = Enrolment.objects.order_by("pk").values_list("member__code", "episode")
    assert list(episodes) == [
        ("MAI", f"event:order:{first}"),
        ("MAI", f"event:order:{second}"),
    ]
    assert not Happening.objects.exists()
    assert rests(journey).keys() == {"MAI"}


def test_entering_a_watched_segment_begins_a_journey_and_leaving_another(
    mai: Member, binh: Member, now: datetime
) -> None:
    followers = Segment.objects.create(
        code="oa",
        name="OA",
        conditions={"field": "follows_oa", "is": "yes"},
        is_watched=True,
    )
    Member.objects.filter(pk=binh.pk).update(follows_oa=True)
    refresh_segment(followers, at=now)
    came = make_journey(
        [wait("w1", 3)], at=now, code="came", **begins_with(entered(followers.pk))
    )
    went = make_journey(
        [wait("w1", 3)], at=now, code="went", **begins_with(left(followers.pk))
    )

    Member.objects.filter(pk=mai.pk).update(follows_oa=True)
    Member.objects.filter(pk=binh.pk).update(follows_oa=False)
    for _again in range(2):
        refresh_segment(followers, at=now + DAY)
        go_on(now + DAY)

    assert (rests(came).keys(), rests(went).keys()) == ({"MAI"}, {"BINH"})
    labels = {code: str(kind.label) for code, kind in happening_kinds().items()}
    assert labels[entered(followers.pk)] == "enters “OA”"
    assert labels[left(followers.pk)] == "leaves “OA”"
    Segment.objects.update(is_watched=False)
    assert entered(followers.pk) not in happening_kinds()


def test_once_a_month_and_rest(mai: Member, buy: Buy, now: datetime) -> None:
    monthly = make_journey(
        [wait("w1", 1)], at=now, code="monthly", **begins_with("order", episode="month")
    )
    rested = make_journey(
        [wait("w1", 1)], at=now, code="rested", **begins_with("order", rest_days=10)
    )
    for days in (0, 1, 9, 10, 31):
        buy(mai, at=now + days * DAY)
        go_on(now + days * DAY)

    assert Enrolment.objects.filter(campaign=monthly).count() == 2
    entered = Enrolment.objects.filter(campaign=rested).order_by("pk")
    assert [one.entered_at for one in entered] == [
        now,
        now + 10 * DAY,
        now + 31 * DAY,
    ]


def test_only_whom_the_conditions_meet(
    mai: Member, binh: Member, buy: Buy, now: datetime, vip: Tag
) -> None:
    MemberTag.objects.create(member=binh, tag=vip, tagged_at=now, source="staff")
    conditions = {"field": "tag", "is": "has", "value": "vip"}
    journey = make_journey(
        [wait("w1", 1)], at=now, **begins_with("order", conditions=conditions)
    )
    buy(mai, at=now)
    buy(binh, at=now)
    go_on(now)
    assert rests(journey) == {"BINH": ("active", "w1")}


def test_a_history_begins_nothing(mai: Member, buy: Buy, now: datetime) -> None:
    journey = make_journey([wait("w1", 1)], at=now, **begins_with("order"))
    buy(mai, days_ago=3, at=now)
    buy(mai, days_ago=4, at=now)

    assert go_on(now)["happenings"] == 2

    assert Enrolment.objects.filter(campaign=journey).count() == 1


def test_nothing_is_noted_that_nobody_waits_for(
    mai: Member, buy: Buy, now: datetime
) -> None:
    journey = make_journey([wait("w1", 1)], at=now, **begins_with("refund"))
    buy(mai, at=now)
    assert not Happening.objects.exists()
    pause_campaign(campaign=journey, at=now)
    record_refunds([RefundFact("pos", "R1", mai.pk, now, Decimal(1000))], at=now)
    assert not Happening.objects.exists()


def test_joining_activities_and_refunds_begin_too(
    mai: Member, buy: Buy, now: datetime
) -> None:
    ActivityType.objects.create(code="review", name="Đánh giá")
    for event in ("joined", "activity:review", "refund"):
        make_journey([wait("w1", 1)], at=now, code=event[:6], **begins_with(event))

    lan = register_member(phone="0911222333", at=now, source="pos")
    record_activities([ActivityFact("review", "app", "V1", mai.pk, now)], at=now)
    record_refunds([RefundFact("pos", "R1", mai.pk, now, Decimal(1000))], at=now)
    go_on(now)

    entered = Enrolment.objects.order_by("campaign__code").values_list(
        "campaign__code", "member"
    )
    assert list(entered) == [("activi", mai.pk), ("joined", lan.pk), ("refund", mai.pk)]


def test_a_message_first_takes_in_whom_a_channel_reaches(
    db: None, now: datetime, buy: Buy
) -> None:
    mute = factories.make_member(phone="0922222222", consent=False)
    heard = factories.make_member(phone="0933333333")
    template = factories.make_template()
    journey = make_journey(
        [{"key": "m1", "kind": "message", "template": template.pk}],
        at=now,
        **begins_with("order"),
    )
    buy(mute, at=now)
    buy(heard, at=now)
    go_on(now)
    assert [e.member_id for e in Enrolment.objects.filter(campaign=journey)] == [heard.pk]


# --- waiting ------------------------------------------------------------------------------


def waits_for(event: str, vip: Tag, late: Tag) -> list[dict[str, Any]]:
    return [
        {
            "key": "f1",
            "kind": "wait_for",
            "settings": {"event": event, "amount": 7, "unit": "days"},
            "lanes": {"happened": [tag("t1", vip.pk)], "timeout": [tag("t2", late.pk)]},
        }
    ]


def test_what_they_waited_for_comes_or_does_not(
    mai: Member, binh: Member, buy: Buy, now: datetime, vip: Tag, late: Tag
) -> None:
    journey = make_journey(waits_for("order", vip, late), at=now)
    run(journey, now)
    assert Enrolment.objects.filter(waiting_for="order").count() == 2

    buy(mai, at=now + DAY)
    go_on(now + DAY)
    assert (worn(mai), worn(binh)) == ({"vip"}, set())
    go_on(now + 7 * DAY)
    assert worn(binh) == {"late"}
    assert not Enrolment.objects.exclude(waiting_for="").exists()


def test_what_came_before_they_waited_does_not_count(
    mai: Member, buy: Buy, now: datetime, vip: Tag, late: Tag
) -> None:
    journey = make_journey(waits_for("order", vip, late), at=now)
    run(journey, now)
    buy(mai, days_ago=1, at=now)
    go_on(now)
    assert rests(journey) == {"MAI": ("active", "f1")}


# --- the goal -----------------------------------------------------------------------------


def test_reaching_the_goal_ends_the_way_and_gives_what_was_promised(
    mai: Member, binh: Member, now: datetime
) -> None:
    ActivityType.objects.create(code="review", name="Đánh giá")
    benefit = Benefit.objects.create(
        code="thanks",
        name="Cảm ơn",
        kind="points",
        wallet=factories.make_wallet(),
        amount=20,
    )
    journey = make_journey(
        [wait("w1", 5)],
        at=now,
        goal="event",
        goal_event="activity:review",
        goal_benefit=benefit,
    )
    run(journey, now)
    for at in (now + DAY, now + 2 * DAY):
        fact = ActivityFact("review", "app", f"V{at:%d}", mai.pk, at)
        record_activities([fact], at=at)
        go_on(at)

    assert rests(journey) == {"MAI": ("returned", "w1"), "BINH": ("active", "w1")}
    assert Enrolment.objects.get(member=mai).closed_at == now + DAY
    assert balances([mai.pk, binh.pk]) == {mai.pk: 20, binh.pk: 0}
    assert run(journey, now + 5 * DAY) == {"advanced": 1}


def test_a_purchase_ends_the_way_at_once(mai: Member, buy: Buy, now: datetime) -> None:
    template = factories.make_template()
    tree = [wait("w1", 1), {"key": "m1", "kind": "message", "template": template.pk}]
    journey = make_journey(tree, at=now, goal="order")
    run(journey, now)

    order_id = buy(mai, at=now + timedelta(hours=1))

    enrolment = Enrolment.objects.get()
    assert (enrolment.state, enrolment.return_order_id) == ("returned", order_id)
    assert run(journey, now + DAY) == {}


# --- faults -------------------------------------------------------------------------------


def test_what_fails_holds_nothing_else_up_and_is_given_up(
    mai: Member, binh: Member, buy: Buy, now: datetime, monkeypatch: pytest.MonkeyPatch
) -> None:
    journey = make_journey([wait("w1", 1)], at=now, **begins_with("order"))
    buy(mai, at=now)
    buy(binh, at=now)
    begin = happenings._begin

    def fail_for_mai(campaign: Campaign, happened: list[Happening], **options: Any) -> None:
        if any(one.member_id == mai.pk for one in happened):
            raise RuntimeError("broken")
        begin(campaign, happened, **options)

    monkeypatch.setattr(happenings, "_begin", fail_for_mai)
    for _again in range(7):
        go_on(now)

    assert rests(journey) == {"BINH": ("active", "w1")}
    left = Happening.objects.get()
    assert (left.member_id, left.attempts, left.error) == (mai.pk, 5, "RuntimeError")

    # Once the cause is mended, it is tried again: by staff, while it is fresh.
    monkeypatch.setattr(happenings, "_begin", begin)
    go_on(now)
    assert rests(journey) == {"BINH": ("active", "w1")}
    assert try_again(Happening.objects.all(), at=now + 3 * DAY + timedelta(seconds=1)) == 0
    assert try_again(Happening.objects.all(), at=now) == 1
    go_on(now)
    assert set(rests(journey)) == {"MAI", "BINH"}
    assert not Happening.objects.exists()
