"""Draft, running, paused, ended: which way leads where, and what it does to messages."""

from datetime import datetime, timedelta

import pytest

from campaigns.models import Campaign, CampaignRun, Step
from campaigns.services import (
    CampaignNotReady,
    NotRunning,
    TransitionRefused,
    allowed_states,
    end_campaign,
    pause_campaign,
    resume_campaign,
    run_campaign,
    start_campaign,
)
from core.errors import InvalidInput
from members.models import Member, MemberTag, Tag
from messaging.models import Message
from tests.campaigns.conftest import Buy


@pytest.fixture
def draft(db: None) -> Campaign:
    campaign = Campaign.objects.create(
        code="vip",
        name="VIP",
        conditions={"field": "num_orders", "is": "at_least", "value": 10},
    )
    tag = Tag.objects.create(code="vip", name="VIP")
    Step.objects.create(campaign=campaign, kind=Step.Kind.TAG, tag=tag)
    return campaign


def state_of(campaign: Campaign) -> str:
    return Campaign.objects.get(pk=campaign.pk).state


def test_a_campaign_goes_its_way(draft: Campaign, now: datetime) -> None:
    start_campaign(campaign=draft, at=now, actor="staff")
    assert (state_of(draft), draft.started_at) == ("running", now)

    pause_campaign(campaign=draft, at=now, actor="staff")
    assert state_of(draft) == "paused"

    resume_campaign(campaign=draft, at=now, actor="staff")
    assert state_of(draft) == "running"

    end_campaign(campaign=draft, at=now, actor="staff")
    assert (state_of(draft), draft.ended_at) == ("ended", now)
    assert allowed_states(draft) == frozenset()


def test_every_change_is_in_the_history(draft: Campaign, now: datetime) -> None:
    start_campaign(campaign=draft, at=now, actor="lan@example.com")

    newest = draft.history.first()
    assert (newest.state, newest.history_change_reason) == ("running", "lan@example.com")


@pytest.mark.parametrize("verb", [pause_campaign, resume_campaign, end_campaign])
def test_a_draft_can_only_be_started(draft: Campaign, now: datetime, verb: object) -> None:
    with pytest.raises(TransitionRefused):
        verb(campaign=draft, at=now)  # type: ignore[operator]

    assert state_of(draft) == "draft"


def test_what_has_ended_does_not_start_again(draft: Campaign, now: datetime) -> None:
    start_campaign(campaign=draft, at=now)
    end_campaign(campaign=draft, at=now)

    with pytest.raises(TransitionRefused):
        start_campaign(campaign=draft, at=now)

    assert state_of(draft) == "ended"


def test_a_campaign_by_hand_can_be_done_again(leftovers: Campaign, now: datetime) -> None:
    run_campaign(campaign=leftovers, at=now, trigger="staff")
    assert state_of(leftovers) == "ended"

    start_campaign(campaign=leftovers, at=now)

    assert state_of(leftovers) == "running"
    assert leftovers.ended_at is None


def test_without_a_step_it_does_not_start(draft: Campaign, now: datetime) -> None:
    draft.steps.all().delete()

    with pytest.raises(CampaignNotReady, match="add a step"):
        start_campaign(campaign=draft, at=now)

    assert state_of(draft) == "draft"


def test_without_conditions_it_does_not_start(draft: Campaign, now: datetime) -> None:
    draft.conditions = {}

    with pytest.raises(InvalidInput, match="Say who"):
        start_campaign(campaign=draft, at=now)

    assert state_of(draft) == "draft"


def test_only_a_running_campaign_acts(draft: Campaign, mai: Member, now: datetime) -> None:
    with pytest.raises(NotRunning, match="Start it first"):
        run_campaign(campaign=draft, at=now, trigger="staff")

    assert not MemberTag.objects.exists()
    assert not CampaignRun.objects.exists()


def test_a_draft_can_be_tried(draft: Campaign, mai: Member, now: datetime) -> None:
    run = run_campaign(campaign=draft, at=now, trigger="staff", dry_run=True)

    assert (run.counts["tagged"], run.is_dry) == (0, True)


def test_a_pause_holds_messages_back_until_it_is_over(
    come_back: Campaign, mai: Member, buy: Buy, now: datetime
) -> None:
    buy(mai, days_ago=46)
    run_campaign(campaign=come_back, at=now, trigger="clock")

    pause_campaign(campaign=come_back, at=now)
    held = Message.objects.get()
    assert (held.state, held.reason) == ("pending", "campaign_paused")
    assert held.due_at == held.expires_at

    later = now + timedelta(hours=3)
    resume_campaign(campaign=come_back, at=later)
    released = Message.objects.get()
    assert (released.state, released.reason, released.due_at) == ("pending", "", later)


def test_the_end_calls_off_what_has_not_gone_out(
    come_back: Campaign, mai: Member, buy: Buy, now: datetime
) -> None:
    buy(mai, days_ago=46)
    run_campaign(campaign=come_back, at=now, trigger="clock")

    end_campaign(campaign=come_back, at=now)

    message = Message.objects.get()
    assert (message.state, message.reason) == ("cancelled", "campaign_ended")
