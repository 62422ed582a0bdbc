"""A campaign that reaches many starts when a second person has approved it."""

from datetime import datetime

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.urls import reverse
from pytest_django import DjangoCaptureOnCommitCallbacks

from campaigns import tasks
from campaigns.board import board_stamp
from campaigns.models import Campaign, CampaignPolicy
from campaigns.services import (
    TransitionRefused,
    pause_campaign,
    save_board,
    start_campaign,
)
from core.approvals import NotAllowed, approve_change
from core.errors import DomainError
from core.models import ChangeRequest
from members.models import Member
from tests import factories
from tests.campaigns.journeys import EVERYBODY, wait


@pytest.fixture
def campaign(mai: Member, binh: Member) -> Campaign:
    CampaignPolicy.objects.create(pk=1, approve_above=1)
    campaign = Campaign.objects.create(
        code="all", name="All", conditions=EVERYBODY, episode="once"
    )
    save_board(campaign=campaign, tree=[wait("w1", 1)])
    return campaign


@pytest.fixture
def boss(db: None) -> User:
    return User.objects.create_superuser("boss", "boss@example.com", "boss-password")


def press(console: Client, campaign: Campaign, act: str) -> None:
    address = reverse("admin:campaigns_campaign_act", args=[campaign.pk, act])
    assert console.post(address).status_code == 302
    campaign.refresh_from_db()


def test_asks_and_starts_when_approved(
    console: Client, staff: User, boss: User, campaign: Campaign, now: datetime
) -> None:
    press(console, campaign, "start")
    press(console, campaign, "start")

    request = ChangeRequest.objects.get()
    assert (campaign.state, request.summary) == ("draft", "Start “All”: 2 members")
    with pytest.raises(NotAllowed):
        approve_change(request, by=staff, at=now)
    approve_change(request, by=boss, at=now)
    campaign.refresh_from_db()
    assert (campaign.state, campaign.started_at) == ("running", now)


def test_what_was_changed_since_needs_a_new_look(
    console: Client, boss: User, campaign: Campaign, now: datetime
) -> None:
    press(console, campaign, "start")
    save_board(campaign=campaign, tree=[wait("w1", 2)])

    with pytest.raises(TransitionRefused) as refusal:
        approve_change(ChangeRequest.objects.get(), by=boss, at=now)

    assert "was changed after it was asked for" in str(refusal.value)
    campaign.refresh_from_db()
    assert (campaign.state, ChangeRequest.objects.get().state) == ("draft", "open")


@pytest.mark.parametrize(
    "change", [{"leaves": False}, {"rest_days": 9}, {"goal_days": 5}, {"at_time": "08:00"}]
)
def test_everything_that_decides_is_looked_at(
    console: Client,
    boss: User,
    campaign: Campaign,
    now: datetime,
    change: dict[str, object],
) -> None:
    press(console, campaign, "start")
    Campaign.objects.update(**change)

    with pytest.raises(TransitionRefused):
        approve_change(ChangeRequest.objects.get(), by=boss, at=now)

    press(console, campaign, "start")
    asked_anew = ChangeRequest.objects.order_by("pk").last()
    assert asked_anew is not None
    approve_change(asked_anew, by=boss, at=now)
    campaign.refresh_from_db()
    assert (campaign.state, ChangeRequest.objects.count()) == ("running", 2)


@pytest.mark.parametrize("bound", [2, None])
def test_up_to_the_bound_one_person_is_enough(
    console: Client, campaign: Campaign, bound: int | None
) -> None:
    CampaignPolicy.objects.update(approve_above=bound)
    press(console, campaign, "start")
    assert (campaign.state, ChangeRequest.objects.count()) == ("running", 0)


@pytest.mark.parametrize(("mode", "act"), [("one_off", "send"), ("continuous", "start")])
def test_the_first_run_is_done_when_approved(
    console: Client,
    boss: User,
    campaign: Campaign,
    now: datetime,
    mode: str,
    act: str,
    monkeypatch: pytest.MonkeyPatch,
    django_capture_on_commit_callbacks: DjangoCaptureOnCommitCallbacks,
) -> None:
    sent: list[dict[str, object]] = []
    monkeypatch.setattr(
        tasks.run_one_campaign, "delay", lambda **wanted: sent.append(wanted)
    )
    Campaign.objects.update(mode=mode)
    campaign.refresh_from_db()
    press(console, campaign, act)
    assert (campaign.state, sent) == ("draft", [])

    with django_capture_on_commit_callbacks(execute=True):
        approve_change(ChangeRequest.objects.get(), by=boss, at=now)

    campaign.refresh_from_db()
    assert campaign.state == "running"
    assert sent == [
        {
            "campaign_id": campaign.pk,
            "at": now.isoformat(),
            "actor": "staff",
            "dry_run": False,
        }
    ]


def test_what_begins_with_an_event_counts_whom_it_may_reach(
    console: Client, campaign: Campaign
) -> None:
    Campaign.objects.update(trigger="event", event="order", episode="event")
    factories.make_member(phone="0977777777")
    campaign.refresh_from_db()
    press(console, campaign, "start")
    assert ChangeRequest.objects.get().summary == "Start “All”: 3 members"


# --- new steps of a running campaign ------------------------------------------------------


def publish(console: Client, campaign: Campaign) -> str:
    address = reverse("admin:campaigns_campaign_board_publish", args=[campaign.pk])
    told = console.post(
        address, {"stamp": board_stamp(campaign)}, content_type="application/json"
    )
    campaign.refresh_from_db()
    return str(told.json().get("error", ""))


@pytest.fixture
def running(campaign: Campaign, now: datetime) -> Campaign:
    start_campaign(campaign=campaign, at=now)
    save_board(campaign=campaign, tree=[wait("w1", 2)])
    return campaign


def test_new_steps_for_many_wait_for_a_second_person(
    console: Client, boss: User, running: Campaign, now: datetime
) -> None:
    assert "a second person has to approve it" in publish(console, running)
    publish(console, running)
    request = ChangeRequest.objects.get()
    assert (running.version, request.kind) == (1, "publish_steps")

    approve_change(request, by=boss, at=now)
    running.refresh_from_db()
    assert running.version == 2


def test_a_pause_is_no_way_around_it(
    console: Client, running: Campaign, now: datetime
) -> None:
    pause_campaign(campaign=running, at=now)
    assert "a second person has to approve it" in publish(console, running)
    press(console, running, "resume")
    assert (running.state, running.version) == ("running", 1)


def test_a_draft_that_changed_since_is_looked_at_anew(
    console: Client, boss: User, running: Campaign, now: datetime
) -> None:
    publish(console, running)
    save_board(campaign=running, tree=[wait("w1", 3)])

    with pytest.raises(DomainError):
        approve_change(ChangeRequest.objects.get(), by=boss, at=now)

    running.refresh_from_db()
    assert (running.version, ChangeRequest.objects.get().state) == (1, "open")
    publish(console, running)
    assert ChangeRequest.objects.count() == 2


def test_new_steps_for_few_are_published_at_once(
    console: Client, running: Campaign
) -> None:
    CampaignPolicy.objects.update(approve_above=2)
    assert publish(console, running) == ""
    assert (running.version, ChangeRequest.objects.count()) == (2, 0)
