"""A journey in simulated time: exact moments, and nothing of it is left behind."""

from datetime import datetime, timedelta

import pytest
from django.test import Client
from django.urls import reverse

from campaigns.models import Campaign, Enrolment
from campaigns.services import save_board
from campaigns.simulating import Simulation, simulate
from members.models import Member, MemberTag
from messaging.models import Message
from points.models import Transfer
from rewards.models import Benefit, GivenBenefit
from tests import factories
from tests.campaigns.journeys import EVERYBODY, make_journey, run, wait

DAY = timedelta(days=1)


@pytest.fixture
def campaign(mai: Member, binh: Member) -> Campaign:
    gift = Benefit.objects.create(
        code="g", name="G", kind="points", wallet=factories.make_wallet(), amount=5
    )
    template = factories.make_template()
    campaign = Campaign.objects.create(
        code="way", name="Way", conditions=EVERYBODY, episode="once"
    )
    message = {"kind": "message", "template": template.pk, "offer": "10%"}
    tree = [
        {"key": "m1", **message},
        wait("w1", 7),
        {
            "key": "b1",
            "kind": "branch",
            "settings": {"asks": "clicked", "step": "m1"},
            "lanes": {"yes": [], "no": [{"key": "m2", **message, "offer": "20%"}]},
        },
        wait("w2", 1),
        {"key": "g1", "kind": "give", "benefit": gift.pk},
    ]
    save_board(campaign=campaign, tree=tree)
    return campaign


def test_tells_what_happens_when_and_leaves_nothing(
    campaign: Campaign, mai: Member, now: datetime
) -> None:
    told = simulate(campaign, version=1, at=now)

    assert (told.total, told.sample) == (2, 2)
    by_channel = {"by_channel": {"zalo_phone": 2}}
    assert [(one.at, one.counts) for one in told.moments] == [
        (now, {"entered": 2, "messages": 2, **by_channel}),
        (now + 7 * DAY, {"advanced": 2, "messages": 2, **by_channel}),
        (now + 8 * DAY, {"advanced": 2, "given": 2}),
    ]
    read = told.messages[str(mai)]
    assert [one.at for one in read] == [now, now + 7 * DAY]
    assert "Nguyễn Thị Mai" in read[0].text["title"]
    assert [one.text["paragraphs"][-1][:3] for one in read] == ["10%", "20%"]

    campaign.refresh_from_db()
    assert campaign.state == "draft"
    for model in (Enrolment, Message, GivenBenefit, Transfer, MemberTag):
        assert not model.objects.exists(), model


def test_a_sample_stands_for_all(campaign: Campaign, now: datetime) -> None:
    for number in range(8):
        factories.make_member(phone=f"0933{number:06}")
    told = simulate(campaign, version=1, at=now, sample=4)
    assert (told.total, told.sample, told.moments[0].counts["messages"]) == (10, 4, 4)
    assert told.scaled(4) == 10


def test_parts_add_up_to_what_they_are_parts_of() -> None:
    told = Simulation(total=616, sample=100)
    parts = told.scaled_parts({"zalo_phone": 52, "zalo_uid": 33})
    assert (told.scaled(85), parts) == (524, {"zalo_phone": 321, "zalo_uid": 203})
    assert told.scaled_parts({}) == {}


def test_nobody_and_nothing(campaign: Campaign, now: datetime) -> None:
    Member.objects.update(state="blocked")
    told = simulate(campaign, version=1, at=now)
    assert (told.total, told.moments) == (0, [])
    assert simulate(campaign, version=2, at=now).moments == []


def test_those_on_their_way_are_not_touched(mai: Member, now: datetime) -> None:
    journey = make_journey([wait("w1", 5)], at=now, episode="year")
    run(journey, now)
    later = now + 400 * DAY
    told = simulate(journey, version=1, at=later)
    assert told.moments[0].counts == {"entered": 1}
    enrolment = Enrolment.objects.get()
    assert (enrolment.state, enrolment.due_at) == ("active", now + 5 * DAY)


def test_staff_look_at_it(console: Client, campaign: Campaign) -> None:
    address = reverse("admin:campaigns_campaign_simulation", args=[campaign.pk])
    text = console.get(address).content.decode()
    assert "2 messages planned" in text
    assert "Nguyễn Thị Mai" in text
    start = reverse("admin:campaigns_campaign_act", args=[campaign.pk, "start"])
    assert f'href="{start}"' in text
    assert not Message.objects.exists()
