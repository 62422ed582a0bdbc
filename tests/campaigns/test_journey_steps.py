"""Every kind of step: what it does with whom, where they go on, and when."""

from datetime import date, datetime, timedelta
from typing import Any

import pytest

from campaigns.chance import bucket
from campaigns.models import CounterPass, Enrolment
from members.models import Member, MemberTag, Tag
from messaging.models import Message
from points.audit import verify_ledger
from points.queries import balances
from rewards.models import Benefit, GivenBenefit
from tests import factories
from tests.campaigns.journeys import go_on, make_journey, rests, run, tag, wait

DAY = timedelta(days=1)


@pytest.fixture
def vip(db: None) -> Tag:
    return Tag.objects.create(code="vip", name="VIP")


@pytest.fixture
def other(db: None) -> Tag:
    return Tag.objects.create(code="other", name="Other")


def worn(member: Member) -> set[str]:
    return set(MemberTag.objects.filter(member=member).values_list("tag__code", flat=True))


# --- messages, benefits, tags -------------------------------------------------------------


def test_a_message_then_a_wait_then_another(mai: Member, now: datetime) -> None:
    template = factories.make_template()
    tree = [
        {"key": "m1", "kind": "message", "template": template.pk, "offer": "10%"},
        wait("w1", 7),
        {"key": "m2", "kind": "message", "template": template.pk, "offer": "20%"},
    ]
    journey = make_journey(tree, at=now)

    assert run(journey, now) == {
        "entered": 1,
        "messages": 1,
        "by_channel": {"zalo_phone": 1},
    }
    assert rests(journey) == {"MAI": ("active", "w1")}
    enrolment = Enrolment.objects.get()
    assert (enrolment.due_at, enrolment.moved_at) == (now + 7 * DAY, now)
    assert run(journey, now + 7 * DAY - timedelta(seconds=1)) == {}

    assert run(journey, now + 7 * DAY) == {
        "advanced": 1,
        "messages": 1,
        "by_channel": {"zalo_phone": 1},
    }
    assert rests(journey) == {"MAI": ("done", None)}
    offers = Message.objects.order_by("pk").values_list("key", "context__offer")
    assert list(offers) == [
        (f"campaign:{journey.pk}:{mai.pk}:once:m1", "10%"),
        (f"campaign:{journey.pk}:{mai.pk}:once:m2", "20%"),
    ]


def test_who_is_reached_by_nothing_enters_when_no_message_comes_first(
    now: datetime, vip: Tag
) -> None:
    mute = factories.make_member(code="MUTE", phone="0922222222", consent=False)
    template = factories.make_template()
    message = {"key": "m1", "kind": "message", "template": template.pk}
    first = make_journey([message, tag("t1", vip.pk)], at=now, code="first")
    later = make_journey([wait("w1", 1), message, tag("t1", vip.pk)], at=now, code="later")

    assert run(first, now) == {"skipped": 1, "skipped_reasons": {"no_channel": 1}}
    run(later, now)
    assert run(later, now + DAY) == {
        "advanced": 1,
        "tagged": 1,
        "skipped": 1,
        "skipped_reasons": {"no_channel": 1},
    }
    assert worn(mute) == {"vip"}
    assert rests(first) == {}


def test_a_benefit_is_given_once_on_each_way(
    mai: Member, binh: Member, now: datetime
) -> None:
    wallet = factories.make_wallet()
    benefit = Benefit.objects.create(
        code="hi", name="Hi", kind="points", wallet=wallet, amount=50, budget=1
    )
    tree = [{"key": "g1", "kind": "give", "benefit": benefit.pk}, wait("w1", 1)]
    journey = make_journey(tree, at=now)

    assert run(journey, now) == {
        "entered": 2,
        "given": 1,
        "skipped": 1,
        "skipped_reasons": {"benefit_refused": 1},
    }
    assert run(journey, now) == {}
    assert balances([mai.pk, binh.pk]) == {mai.pk: 50, binh.pk: 0}
    enrolment = Enrolment.objects.get(member=mai)
    given = GivenBenefit.objects.get()
    assert (given.key, given.source, given.source_id) == (
        f"campaign:{enrolment.pk}:g1",
        "campaign",
        journey.pk,
    )
    # Who got nothing goes on all the same.
    assert rests(journey) == {"MAI": ("active", "w1"), "BINH": ("active", "w1")}
    assert verify_ledger().ok


def test_tags_go_on_and_off_along_the_way(mai: Member, now: datetime, vip: Tag) -> None:
    off = {"key": "t2", "kind": "remove_tag", "tag": vip.pk}
    journey = make_journey([tag("t1", vip.pk), wait("w1", 1), off], at=now)

    assert run(journey, now) == {"entered": 1, "tagged": 1}
    assert worn(mai) == {"vip"}
    assert run(journey, now + DAY) == {"advanced": 1, "untagged": 1}
    assert worn(mai) == set()


# --- waiting ------------------------------------------------------------------------------

# Noon on Monday 2 March 2026 in Ho Chi Minh City is 05:00 UTC.
MOMENTS = [
    ({"until": "time", "time": "12:00"}, None),
    ({"until": "time", "time": "12:01"}, "2026-03-02T05:01"),
    ({"until": "time", "time": "09:00"}, "2026-03-03T02:00"),
    ({"until": "weekday", "weekday": 0, "time": "09:00"}, "2026-03-09T02:00"),
    ({"until": "weekday", "weekday": 0, "time": "20:00"}, "2026-03-02T13:00"),
    ({"until": "weekday", "weekday": 6, "time": "09:00"}, "2026-03-08T02:00"),
    ({"until": "date", "date": "2026-12-20", "time": "09:00"}, "2026-12-20T02:00"),
    ({"until": "date", "date": "2026-03-01", "time": "09:00"}, None),
    ({"until": "birthday", "days_before": 0, "time": "09:00"}, "2026-05-20T02:00"),
    ({"until": "birthday", "days_before": 20, "time": "09:00"}, "2026-04-30T02:00"),
    ({"until": "birthday", "days_before": 60, "time": "12:00"}, "2026-03-21T05:00"),
]


@pytest.mark.parametrize(("settings", "due"), MOMENTS)
def test_waits_until(
    mai: Member, now: datetime, settings: dict[str, Any], due: str | None
) -> None:
    Member.objects.filter(pk=mai.pk).update(birth_date=date(1990, 5, 20))
    journey = make_journey(
        [{"key": "u1", "kind": "wait_until", "settings": settings}], at=now
    )
    run(journey, now)

    due_at = Enrolment.objects.get().due_at
    assert (f"{due_at:%Y-%m-%dT%H:%M}" if due_at else None) == due


@pytest.mark.parametrize(
    ("born", "due"),
    [
        (date(1992, 2, 29), "2027-02-28T02:00"),
        (date(1990, 3, 2), "2027-03-02T02:00"),
        (date(1990, 3, 3), "2026-03-03T02:00"),
        (None, None),
    ],
)
def test_birthdays_on_the_edge(
    mai: Member, now: datetime, born: date | None, due: str | None
) -> None:
    """29 February is kept on the 28th; today's is over at nine; without one, no wait."""
    Member.objects.filter(pk=mai.pk).update(birth_date=born)
    settings = {"until": "birthday", "days_before": 0, "time": "09:00"}
    journey = make_journey(
        [{"key": "u1", "kind": "wait_until", "settings": settings}], at=now
    )
    run(journey, now)

    due_at = Enrolment.objects.get().due_at
    assert (f"{due_at:%Y-%m-%dT%H:%M}" if due_at else None) == due


@pytest.mark.parametrize(
    ("amount", "unit", "later"),
    [
        (30, "minutes", timedelta(minutes=30)),
        (5, "hours", timedelta(hours=5)),
        (2, "weeks", timedelta(days=14)),
    ],
)
def test_waits_for_a_while(
    mai: Member, now: datetime, amount: int, unit: str, later: timedelta
) -> None:
    journey = make_journey([wait("w1", amount, unit)], at=now)
    run(journey, now)
    assert Enrolment.objects.get().due_at == now + later


# --- choosing -----------------------------------------------------------------------------


def test_a_question_sends_them_two_ways_that_meet_again(
    mai: Member, binh: Member, now: datetime, vip: Tag, other: Tag
) -> None:
    MemberTag.objects.create(member=mai, tag=vip, tagged_at=now, source="staff")
    asked = {"field": "tag", "is": "has", "value": "vip"}
    third = Tag.objects.create(code="met", name="Met")
    tree = [
        {
            "key": "b1",
            "kind": "branch",
            "settings": {"asks": "conditions", "conditions": asked},
            "lanes": {"yes": [tag("t1", other.pk)], "no": [wait("w1", 1)]},
        },
        tag("t2", third.pk),
    ]
    journey = make_journey(tree, at=now)

    assert run(journey, now) == {"entered": 2, "tagged": 2}
    assert worn(mai) == {"vip", "other", "met"}
    assert (worn(binh), rests(journey)["BINH"]) == (set(), ("active", "w1"))
    run(journey, now + DAY)
    assert worn(binh) == {"met"}


def test_a_question_about_the_message_before(
    mai: Member, binh: Member, now: datetime, vip: Tag
) -> None:
    template = factories.make_template()
    tree = [
        {"key": "m1", "kind": "message", "template": template.pk},
        wait("w1", 1),
        {
            "key": "b1",
            "kind": "branch",
            "settings": {"asks": "clicked", "step": "m1"},
            "lanes": {"yes": [], "no": [tag("t1", vip.pk)]},
        },
    ]
    journey = make_journey(tree, at=now)
    run(journey, now)
    Message.objects.filter(member=mai).update(clicked_at=now)

    run(journey, now + DAY)

    assert (worn(mai), worn(binh)) == (set(), {"vip"})


def test_a_split_is_stable_and_keeps_its_shares(now: datetime, vip: Tag) -> None:
    members = [factories.make_member(phone=f"0933{n:06}") for n in range(200)]
    tree = [
        {
            "key": "s1",
            "kind": "split",
            "settings": {"shares": [30, 70]},
            "lanes": {"a": [tag("t1", vip.pk)], "b": []},
        }
    ]
    journey = make_journey(tree, at=now)
    run(journey, now)

    expected = {m.pk for m in members if bucket(f"split:{journey.pk}:s1", m.pk) < 3000}
    tagged = set(MemberTag.objects.values_list("member", flat=True))
    assert tagged == expected
    assert 40 <= len(expected) <= 80


def test_buckets_are_spread_evenly() -> None:
    counted = [0] * 10
    for member_id in range(20_000):
        counted[bucket("salt", member_id) // 1000] += 1
    assert max(counted) < 2200
    assert min(counted) > 1800


def test_a_counter_lets_through_so_many_times_a_period(
    mai: Member, now: datetime, vip: Tag
) -> None:
    tree = [
        {
            "key": "c1",
            "kind": "counter",
            "settings": {"times": 1, "per": "month"},
            "lanes": {"within": [tag("t1", vip.pk)], "beyond": []},
        }
    ]
    journey = make_journey(tree, at=now, episode="entry")

    def once_more(at: datetime) -> int:
        Enrolment.objects.update(ceased_at=at)
        return int(run(journey, at).get("tagged", 0))

    assert run(journey, now) == {"entered": 1, "tagged": 1}
    MemberTag.objects.all().delete()
    assert once_more(now + DAY) == 0
    assert once_more(now + 30 * DAY) == 1
    periods = CounterPass.objects.order_by("period").values_list("period", "times")
    assert list(periods) == [("2026-03", 2), ("2026-04", 1)]


def test_stop_ends_the_way(mai: Member, now: datetime, vip: Tag) -> None:
    tree = [{"key": "x1", "kind": "stop"}, tag("t1", vip.pk)]
    journey = make_journey(tree, at=now)
    assert run(journey, now) == {"entered": 1}
    assert worn(mai) == set()
    assert rests(journey) == {"MAI": ("done", None)}


# --- going on -----------------------------------------------------------------------------


def test_the_clock_lets_them_go_on_without_a_run(
    mai: Member, now: datetime, vip: Tag
) -> None:
    journey = make_journey([wait("w1", 1), tag("t1", vip.pk)], at=now)
    run(journey, now)

    assert go_on(now + DAY - timedelta(seconds=1)) == {"happenings": 0}
    told = go_on(now + DAY)

    assert (told["journey"]["advanced"], told["journey"]["tagged"]) == (1, 1)
    assert go_on(now + DAY) == {"happenings": 0}


def test_a_step_that_fails_leaves_nobody_half_way(
    mai: Member, now: datetime, vip: Tag, monkeypatch: pytest.MonkeyPatch
) -> None:
    journey = make_journey([wait("w1", 1), tag("t1", vip.pk), wait("w2", 1)], at=now)
    run(journey, now)
    from campaigns import trips

    def fail(*_args: object, **_options: object) -> int:
        raise RuntimeError("the power is gone")

    with monkeypatch.context() as patched:
        patched.setattr(trips, "execute", fail)
        with pytest.raises(RuntimeError):
            run(journey, now + DAY)

    assert (worn(mai), rests(journey)) == (set(), {"MAI": ("active", "w1")})
    assert run(journey, now + DAY) == {"advanced": 1, "tagged": 1}


def test_statements_do_not_grow_with_the_members(
    now: datetime, vip: Tag, django_assert_max_num_queries: Any
) -> None:
    template = factories.make_template()
    tree = [
        wait("w1", 1),
        {
            "key": "s1",
            "kind": "split",
            "settings": {"shares": [50, 50]},
            "lanes": {
                "a": [{"key": "m1", "kind": "message", "template": template.pk}],
                "b": [tag("t1", vip.pk)],
            },
        },
    ]
    for number in range(40):
        factories.make_member(phone=f"09330000{number:02}")
    journey = make_journey(tree, at=now)
    run(journey, now)

    with django_assert_max_num_queries(34):
        assert run(journey, now + DAY)["advanced"] == 40
