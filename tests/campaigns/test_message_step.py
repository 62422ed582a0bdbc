"""The come-back message: once a lapse, on the right channel, nobody lost."""

from datetime import datetime, timedelta

import pytest
from pytest_django import DjangoAssertNumQueries

from campaigns import enrolling
from campaigns.models import Campaign, CampaignRun, Enrolment
from campaigns.services import run_campaign
from campaigns.steps import messages
from members.models import Consent, Member
from messaging.models import Message
from tests import factories
from tests.campaigns.conftest import Buy


def run(campaign: Campaign, at: datetime, *, dry_run: bool = False) -> dict[str, object]:
    return run_campaign(campaign=campaign, at=at, trigger="command", dry_run=dry_run).counts


@pytest.fixture
def follower(db: None) -> Member:
    return factories.make_member(
        code="LAN", phone="0911111111", zalo_user_id="zalo-lan", follows_oa=True
    )


@pytest.fixture
def mute(db: None) -> Member:
    """A member who has allowed nothing."""
    return factories.make_member(code="MUTE", phone="0922222222", consent=False)


def test_followers_by_user_id_the_others_by_phone(
    come_back: Campaign,
    mai: Member,
    follower: Member,
    mute: Member,
    buy: Buy,
    now: datetime,
) -> None:
    for member in (mai, follower, mute):
        buy(member, days_ago=46)

    counts = run(come_back, now)

    assert counts == {
        "entered": 2,
        "left": 0,
        "tagged": 0,
        "untagged": 0,
        "messages": 2,
        "by_channel": {"zalo_phone": 1, "zalo_uid": 1},
        "given": 0,
        "held_out": 0,
        "advanced": 0,
        "finished": 0,
        "skipped": 1,
        "skipped_reasons": {"no_channel": 1},
    }
    channels = dict(Message.objects.values_list("member__code", "channel"))
    assert channels == {"MAI": "zalo_phone", "LAN": "zalo_uid"}
    assert not Enrolment.objects.filter(member=mute).exists()


def test_what_the_message_carries(
    come_back: Campaign, mai: Member, buy: Buy, now: datetime
) -> None:
    buy(mai, days_ago=46)

    run(come_back, now)

    message = Message.objects.get()
    assert message.key == f"campaign:{come_back.pk}:{mai.pk}:lapse:2026-01-15:1"
    assert message.template.code == "come-back"
    assert (message.source_type, message.source_id) == ("campaign", come_back.pk)
    assert (message.due_at, message.expires_at) == (now, now + timedelta(days=3))
    assert message.context == {
        "offer": "Giảm 10% cho đơn tiếp theo",
        "news": "",
        "valid_until": "16/03/2026",
        "episode": "lapse:2026-01-15",
    }
    enrolment = Enrolment.objects.get()
    assert (enrolment.episode, enrolment.state, enrolment.entered_at) == (
        "lapse:2026-01-15",
        "active",
        now,
    )


def test_inside_the_window_nobody_is_called_back(
    come_back: Campaign, mai: Member, binh: Member, buy: Buy, now: datetime
) -> None:
    buy(mai, days_ago=45)

    counts = run(come_back, now)

    assert (counts["entered"], counts["skipped"]) == (0, 0)
    assert not Message.objects.exists()


def test_once_a_lapse_however_often_it_runs(
    come_back: Campaign, mai: Member, buy: Buy, now: datetime
) -> None:
    buy(mai, days_ago=46)
    run(come_back, now)

    for days in (0, 1, 30, 400):
        assert run(come_back, now + timedelta(days=days))["entered"] == 0
    assert Message.objects.count() == 1


def test_a_new_lapse_is_a_new_message(
    come_back: Campaign, mai: Member, buy: Buy, now: datetime
) -> None:
    buy(mai, days_ago=46)
    run(come_back, now)
    back = now + timedelta(days=2)
    buy(mai, at=back)

    later = back + timedelta(days=46)
    # The tag has to leave first, as it does in every round of campaigns.
    run(Campaign.objects.get(code="recent-45"), later)
    run(come_back, later)

    episodes = Enrolment.objects.order_by("pk").values_list("episode", "state")
    assert list(episodes) == [
        ("lapse:2026-01-15", "returned"),
        ("lapse:2026-03-04", "active"),
    ]
    assert Message.objects.count() == 2


def test_an_old_order_told_late_opens_no_new_lapse(
    come_back: Campaign, mai: Member, buy: Buy, now: datetime
) -> None:
    buy(mai, days_ago=100)
    run(come_back, now)
    buy(mai, days_ago=60)

    assert run(come_back, now + timedelta(days=1))["entered"] == 0
    assert Message.objects.count() == 1


def test_who_had_no_channel_is_taken_in_when_there_is_one(
    come_back: Campaign, mute: Member, buy: Buy, now: datetime
) -> None:
    buy(mute, days_ago=46)
    assert run(come_back, now)["skipped_reasons"] == {"no_channel": 1}
    assert run(come_back, now)["skipped_reasons"] == {"no_channel": 1}

    Consent.objects.create(
        member=mute,
        purpose=Consent.Purpose.MARKETING,
        is_given=True,
        changed_at=now,
        source="test",
    )

    assert run(come_back, now)["messages"] == 1


def test_who_no_longer_matches_leaves(
    come_back: Campaign, mai: Member, buy: Buy, now: datetime
) -> None:
    buy(mai, days_ago=46)
    run(come_back, now)
    # Bought before the run, told after it: nobody has come back, and nobody is away.
    buy(mai, days_ago=3)

    counts = run(come_back, now + timedelta(hours=1))

    assert (counts["left"], counts["entered"]) == (1, 0)
    enrolment = Enrolment.objects.get()
    assert (enrolment.state, enrolment.closed_at) == ("left", now + timedelta(hours=1))


def test_a_dry_run_counts_the_same_and_writes_only_its_line(
    come_back: Campaign,
    mai: Member,
    follower: Member,
    mute: Member,
    buy: Buy,
    now: datetime,
) -> None:
    for member in (mai, follower, mute):
        buy(member, days_ago=46)

    dry = run(come_back, now, dry_run=True)

    assert not Enrolment.objects.exists()
    assert not Message.objects.exists()
    assert CampaignRun.objects.get().is_dry
    assert dry == run(come_back, now)


def test_a_run_that_stops_in_the_middle_is_finished_by_the_next(
    come_back: Campaign,
    mai: Member,
    binh: Member,
    buy: Buy,
    now: datetime,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    buy(mai, days_ago=46)
    buy(binh, days_ago=46)
    monkeypatch.setattr(enrolling, "CHUNK", 1)
    queue = messages.queue_messages
    calls = []

    def fail_at_the_second(plans: list[object]) -> int:
        calls.append(plans)
        if len(calls) == 2:
            raise RuntimeError("the power is gone")
        return queue(plans)

    monkeypatch.setattr(messages, "queue_messages", fail_at_the_second)

    with pytest.raises(RuntimeError):
        run(come_back, now)

    failed = CampaignRun.objects.get()
    assert (failed.state, failed.counts["messages"]) == ("failed", 1)
    assert "the power is gone" in failed.error
    # What entered has its message; what has no message has not entered.
    assert Enrolment.objects.count() == Message.objects.count() == 1
    assert run(come_back, now)["messages"] == 1
    assert Enrolment.objects.count() == Message.objects.count() == 2


def test_statements_do_not_grow_with_the_audience(
    come_back: Campaign,
    buy: Buy,
    now: datetime,
    django_assert_max_num_queries: DjangoAssertNumQueries,
) -> None:
    for number in range(30):
        buy(factories.make_member(phone=f"09330000{number:02}"), days_ago=46)

    with django_assert_max_num_queries(37):
        assert run(come_back, now)["messages"] == 30
