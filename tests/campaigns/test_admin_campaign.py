"""The campaign console: say what will happen, ask, do it once, show what came of it."""

from __future__ import annotations

import csv
import io
import json
from datetime import datetime, timedelta
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.urls import reverse
from django.utils import timezone
from kombu.exceptions import OperationalError

from campaigns.admin.results import campaign_results
from campaigns.models import Campaign, CampaignRun, Enrolment
from campaigns.services import pause_campaign, run_campaign
from campaigns.tasks import run_one_campaign
from members.models import Member
from messaging.models import Message
from tests import factories
from tests.campaigns.conftest import Buy
from tests.console import allow, form_data, num_queries

LIST = reverse("admin:campaigns_campaign_changelist")


@pytest.fixture
def now() -> datetime:
    """Pages look at the clock; so do these tests."""
    return timezone.now()


@pytest.fixture
def lapsed(mai: Member, binh: Member, buy: Buy) -> Member:
    """Mai follows the OA and has not bought for 60 days; Binh has a phone only."""
    factories.make_programme()
    Member.objects.filter(pk=mai.pk).update(follows_oa=True)
    mai.identifiers.create(kind="zalo", value="4000000000000001")
    buy(mai, days_ago=60)
    buy(binh, days_ago=50)
    return mai


@pytest.fixture
def handed_over(monkeypatch: pytest.MonkeyPatch) -> list[dict[str, Any]]:
    """What the console handed to the worker."""
    calls: list[dict[str, Any]] = []
    monkeypatch.setattr(run_one_campaign, "delay", lambda **values: calls.append(values))
    return calls


def page(campaign: Campaign) -> str:
    return reverse("admin:campaigns_campaign_change", args=[campaign.pk])


def act(campaign: Campaign, code: str) -> str:
    return reverse("admin:campaigns_campaign_act", args=[campaign.pk, code])


def state_of(campaign: Campaign) -> str:
    return Campaign.objects.get(pk=campaign.pk).state


# --- preview ------------------------------------------------------------------------------


def test_previews_how_many_by_channel_and_why(
    console: Client, come_back: Campaign, lapsed: Member
) -> None:
    address = reverse("admin:campaigns_campaign_preview", args=[come_back.pk])
    text = console.get(address).content.decode()
    assert "2 members" in text
    assert "2 will get a message: 1 by Official Account, 1 by ZNS." in text
    assert "60 days ago" in text
    assert not Message.objects.exists()
    assert not CampaignRun.objects.exists()


def test_a_confirm_page_names_count_and_channels_and_does_nothing(
    console: Client, come_back: Campaign, lapsed: Member, handed_over: list[Any]
) -> None:
    text = console.get(act(come_back, "run")).content.decode()
    assert "2 members" in text
    assert "1 by Official Account, 1 by ZNS" in text
    assert handed_over == []
    assert not CampaignRun.objects.exists()


# --- acts ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("code", "before", "after"),
    [
        ("start", "draft", "running"),
        ("pause", "running", "paused"),
        ("resume", "paused", "running"),
        ("end", "running", "ended"),
        ("end", "paused", "ended"),
    ],
)
def test_a_campaign_goes_from_state_to_state(
    console: Client, come_back: Campaign, lapsed: Member, code: str, before: str, after: str
) -> None:
    Campaign.objects.filter(pk=come_back.pk).update(state=before)
    assert console.get(act(come_back, code)).status_code == 200
    assert state_of(come_back) == before
    console.post(act(come_back, code))
    assert state_of(come_back) == after


@pytest.mark.parametrize(
    ("fields", "begins"),
    [
        ({}, True),
        ({"mode": "recurring", "episode": "slot"}, False),
        ({"trigger": "event", "event": "order", "episode": "event"}, False),
    ],
)
def test_starting_takes_members_in_at_once_where_that_can_be(
    console: Client,
    come_back: Campaign,
    lapsed: Member,
    handed_over: list[Any],
    fields: dict[str, str],
    begins: bool,
) -> None:
    Campaign.objects.filter(pk=come_back.pk).update(state="draft", **fields)
    text = console.post(act(come_back, "start"), follow=True).content.decode()
    assert ("Handed to the background worker" in text) is begins
    assert len(handed_over) == begins
    if begins:
        run_one_campaign(**handed_over[0])
        assert Message.objects.count() == 2


@pytest.mark.parametrize("code", ["start", "resume", "send", "export"])
def test_what_is_not_possible_now_changes_nothing(
    console: Client, come_back: Campaign, handed_over: list[Any], code: str
) -> None:
    response = console.post(act(come_back, code), follow=True)
    assert "That is no longer possible" in response.content.decode()
    assert state_of(come_back) == "running"
    assert handed_over == []


def test_a_campaign_that_lacks_something_says_what(console: Client, db: None) -> None:
    draft = Campaign.objects.create(code="x", name="X", conditions={"all": []})
    text = console.post(act(draft, "start"), follow=True).content.decode()
    assert "add a step" in text
    assert state_of(draft) == "draft"


@pytest.mark.parametrize("code", ["run", "dry-run", "pause", "end"])
def test_acts_need_their_own_permission(
    helper: User,
    helper_console: Client,
    come_back: Campaign,
    handed_over: list[Any],
    code: str,
) -> None:
    allow(helper, "view_campaign", "change_campaign", "view_member")
    assert helper_console.get(act(come_back, code)).status_code == 403
    assert helper_console.post(act(come_back, code)).status_code == 403
    assert act(come_back, code) not in helper_console.get(page(come_back)).content.decode()
    assert state_of(come_back) == "running"
    assert handed_over == []


# --- runs ---------------------------------------------------------------------------------


def test_a_run_is_handed_to_the_worker_and_watched(
    console: Client, come_back: Campaign, lapsed: Member, handed_over: list[Any]
) -> None:
    response = console.post(act(come_back, "run"))
    assert "?after=0" in response["Location"]
    assert (
        "Handed to the background worker"
        in console.get(response["Location"]).content.decode()
    )
    (call,) = handed_over
    assert not CampaignRun.objects.exists()

    run_one_campaign(**call)
    run = CampaignRun.objects.get()
    assert (run.trigger, run.actor, run.is_dry) == ("staff", "staff", False)
    text = console.get(response["Location"]).content.decode()
    assert "2 messages planned" in text
    assert "every 2s" not in text


def test_a_dry_run_writes_only_its_line(
    console: Client, come_back: Campaign, lapsed: Member, handed_over: list[Any]
) -> None:
    console.post(act(come_back, "dry-run"))
    run_one_campaign(**handed_over[0])
    assert CampaignRun.objects.get().counts["messages"] == 2
    assert not Message.objects.exists()


def test_sending_starts_a_campaign_by_hand_and_runs_it(
    console: Client, leftovers: Campaign, handed_over: list[Any]
) -> None:
    Campaign.objects.filter(pk=leftovers.pk).update(state="draft")
    factories.make_member(phone="0987222333")
    console.post(act(leftovers, "send"))
    assert state_of(leftovers) == "running"
    run_one_campaign(**handed_over[0])
    assert state_of(leftovers) == "ended"
    assert Message.objects.count() == 1


def test_without_a_broker_a_start_stands_and_says_when_it_begins(
    console: Client, come_back: Campaign, lapsed: Member, monkeypatch: pytest.MonkeyPatch
) -> None:
    def unreachable(**values: object) -> None:
        raise OperationalError

    monkeypatch.setattr(run_one_campaign, "delay", unreachable)
    Campaign.objects.filter(pk=come_back.pk).update(state="draft")
    text = console.post(act(come_back, "start"), follow=True).content.decode()
    assert "taken in with the next run by the clock" in text
    assert state_of(come_back) == "running"


def test_without_a_broker_a_run_is_refused_in_words(
    console: Client, come_back: Campaign, monkeypatch: pytest.MonkeyPatch
) -> None:
    def unreachable(**values: object) -> None:
        raise OperationalError

    monkeypatch.setattr(run_one_campaign, "delay", unreachable)
    text = console.post(act(come_back, "run"), follow=True).content.decode()
    assert "The background worker cannot be reached" in text


# --- the list as a file -------------------------------------------------------------------


def test_exports_the_list_and_notes_who_took_it(
    console: Client, leftovers: Campaign
) -> None:
    factories.make_member(code="K1", name="=HYPERLINK()", phone="0987222333", consent=False)
    response = console.post(act(leftovers, "export"))
    text = b"".join(response.streaming_content).decode("utf-8-sig")
    header, row = csv.reader(io.StringIO(text))
    assert header[:3] == ["Member code", "Name", "Phone"]
    assert row[0] == "K1"
    assert not row[1].startswith("=")
    assert row[2] == "0987 222 333"
    run = CampaignRun.objects.get()
    assert (run.counts["exported"], run.actor) == (1, "staff")
    assert state_of(leftovers) == "ended"


def test_exports_need_their_own_permission(
    helper: User, helper_console: Client, leftovers: Campaign
) -> None:
    allow(helper, "view_campaign", "run_campaign", "view_member")
    assert helper_console.post(act(leftovers, "export")).status_code == 403
    assert not CampaignRun.objects.exists()
    assert state_of(leftovers) == "running"


# --- the form -----------------------------------------------------------------------------


def test_staff_change_x_and_the_conditions(console: Client, come_back: Campaign) -> None:
    data = form_data(console.get(page(come_back)))
    conditions = {"field": "days_since_last_order", "is": "more_than", "value": "{days}"}
    data |= {"days": "60", "conditions": json.dumps(conditions)}
    response = console.post(page(come_back), data)
    assert response.status_code == 302, response.context["adminform"].form.errors
    come_back.refresh_from_db()
    assert (come_back.days, come_back.conditions) == (60, conditions)
    assert come_back.state == "running"


def test_only_drafts_can_be_deleted(console: Client, come_back: Campaign) -> None:
    delete = reverse("admin:campaigns_campaign_delete", args=[come_back.pk])
    assert console.post(delete, {"post": "yes"}).status_code == 403
    assert Campaign.objects.filter(pk=come_back.pk).exists()


# --- results ------------------------------------------------------------------------------


def test_tells_how_we_know_that_it_worked(
    console: Client, come_back: Campaign, lapsed: Member, buy: Buy, now: datetime
) -> None:
    run_campaign(campaign=come_back, at=now, trigger="clock")
    Message.objects.filter(member=lapsed).update(
        state="delivered", sent_at=now, delivered_at=now, clicked_at=now
    )
    buy(lapsed, at=now + timedelta(minutes=5))
    funnel = campaign_results(come_back, at=now + timedelta(days=1)).funnel
    assert [figure.value for figure in funnel] == ["2", "1", "1", "1", "1"]
    assert funnel[-1].share == "50,0 %"
    text = console.get(page(come_back)).content.decode()
    assert "50.000 ₫" in text


def test_who_was_left_alone_did_not_come_back_by_it(
    console: Client, come_back: Campaign, lapsed: Member, buy: Buy, now: datetime
) -> None:
    run_campaign(campaign=come_back, at=now, trigger="clock")
    buy(lapsed, at=now + timedelta(minutes=5))
    Enrolment.objects.filter(member=lapsed).update(is_holdout=True)

    results = campaign_results(come_back, at=now + timedelta(days=1))

    assert (results.funnel[0].value, results.funnel[-1].value) == ("2", "0")
    assert results.funnel[-1].share == "0,0 %"
    assert [(figure.label, figure.value) for figure in results.other[:3]] == [
        ("orders that brought them back, worth", "0 ₫"),
        ("left alone, to compare", "1"),
        ("of these came back by themselves", "1 (100,0 %)"),
    ]
    assert list(console.get(results.funnel[-1].address).context["cl"].result_list) == []
    assert "0 (0,0 %)" in console.get(LIST).content.decode()


def test_every_number_leads_to_its_list(
    console: Client, come_back: Campaign, lapsed: Member, now: datetime
) -> None:
    run_campaign(campaign=come_back, at=now, trigger="clock")
    for figure in campaign_results(come_back, at=now + timedelta(days=1)).funnel:
        response = console.get(figure.address)
        assert response.status_code == 200, figure.address


def test_results_cost_the_same_however_many_members(
    come_back: Campaign,
    lapsed: Member,
    buy: Buy,
    now: datetime,
    django_assert_num_queries: Any,
) -> None:
    for number in range(20):
        buy(factories.make_member(phone=f"09120001{number:02}"), days_ago=60)
    run_campaign(campaign=come_back, at=now, trigger="clock")
    with django_assert_num_queries(8):
        campaign_results(come_back, at=now + timedelta(days=1))


def test_the_list_costs_the_same_for_ten_and_for_forty(console: Client, db: None) -> None:
    for number in range(10):
        Campaign.objects.create(code=f"c{number}", name="C")
    ten = num_queries(console, LIST)
    for number in range(10, 40):
        Campaign.objects.create(code=f"c{number}", name="C")
    assert num_queries(console, LIST) == ten


def test_a_paused_campaign_offers_to_resume(
    console: Client, come_back: Campaign, now: datetime
) -> None:
    pause_campaign(campaign=come_back, at=now, actor="staff")
    text = console.get(page(come_back)).content.decode()
    assert act(come_back, "resume") in text
    assert act(come_back, "run") not in text


def test_the_results_say_why_messages_were_not_sent(
    console: Client, come_back: Campaign, lapsed: Member, now: datetime
) -> None:
    run_campaign(campaign=come_back, at=now, trigger="command")
    assert campaign_results(come_back, at=now).refusals == []
    Message.objects.update(state="refused", reason="fatigue_cap")

    (figure,) = campaign_results(come_back, at=now).refusals
    assert figure.label == "The member has had enough offers lately."
    assert figure.value == "2"
    text = console.get(page(come_back)).content.decode()
    assert "Why messages were not sent" in text
    listed = console.get(figure.address)
    assert len(listed.context["cl"].result_list) == 2


def test_results_stand_above_the_form_once_there_are_any(
    console: Client, come_back: Campaign, lapsed: Member, now: datetime
) -> None:
    heading, form = "How we know that it worked", 'id="campaign_form"'
    text = console.get(page(come_back)).content.decode()
    assert text.index(form) < text.index(heading)
    run_campaign(campaign=come_back, at=now, trigger="command")
    text = console.get(page(come_back)).content.decode()
    assert text.index(heading) < text.index(form)
    assert text.count(heading) == 1
