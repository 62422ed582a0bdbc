"""Who starts a run sees on the campaign's page how it goes, without asking anew."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from campaigns import enrolling, runs
from campaigns.models import Campaign, CampaignRun, Enrolment
from campaigns.runs import ABANDONED_AFTER, run_campaign
from campaigns.services import NotRunning, pause_campaign, save_board, start_campaign
from campaigns.tasks import run_one_campaign
from members.models import Member
from tests import factories
from tests.campaigns.journeys import EVERYBODY, wait
from tests.console import allow, num_queries


@pytest.fixture
def now() -> datetime:
    """Pages look at the clock; so do these tests."""
    return timezone.now()


@pytest.fixture
def campaign(mai: Member, binh: Member, now: datetime) -> Campaign:
    campaign = Campaign.objects.create(
        code="all", name="All", conditions=EVERYBODY, episode="once"
    )
    save_board(campaign=campaign, tree=[wait("w1", 1)])
    return start_campaign(campaign=campaign, at=now)


@pytest.fixture
def handed_over(monkeypatch: pytest.MonkeyPatch) -> list[dict[str, Any]]:
    """What the console handed to the worker."""
    calls: list[dict[str, Any]] = []
    monkeypatch.setattr(run_one_campaign, "delay", lambda **values: calls.append(values))
    return calls


def page(campaign: Campaign) -> str:
    return reverse("admin:campaigns_campaign_change", args=[campaign.pk])


def part(console: Client, campaign: Campaign, after: int | None = None) -> str:
    """Return the part of the page that asks again and again."""
    address = reverse("admin:campaigns_campaign_progress", args=[campaign.pk])
    told = {} if after is None else {"after": after}
    response = console.get(address, told)
    assert response.status_code == 200
    return response.content.decode()


def log_run(campaign: Campaign, now: datetime, **values: Any) -> CampaignRun:
    return CampaignRun.objects.create(
        campaign=campaign, trigger="staff", actor="staff", at=now, **values
    )


@pytest.mark.parametrize("code", ["start", "run", "dry-run"])
def test_whoever_starts_a_run_lands_where_it_is_shown(
    console: Client, campaign: Campaign, handed_over: list[Any], now: datetime, code: str
) -> None:
    if code == "start":
        Campaign.objects.update(state="draft")
    last = log_run(campaign, now, state="done")
    act = reverse("admin:campaigns_campaign_act", args=[campaign.pk, code])

    response = console.post(act)

    assert response["Location"] == f"{page(campaign)}?after={last.pk}"
    assert len(handed_over) == 1
    text = console.get(response["Location"]).content.decode()
    again = reverse("admin:campaigns_campaign_progress", args=[campaign.pk])
    assert "Handed to the background worker" in text
    assert f'hx-get="{again}?after={last.pk}"' in text
    assert 'hx-trigger="every 2s [!document.hidden]"' in text
    assert 'aria-live="polite"' in text
    assert f'<noscript><a class="console-link" href="{response["Location"]}">' in text


def test_from_queued_to_done(
    console: Client, campaign: Campaign, handed_over: list[Any]
) -> None:
    console.post(reverse("admin:campaigns_campaign_act", args=[campaign.pk, "run"]))
    assert "queued" in part(console, campaign, after=0)

    run_one_campaign(**handed_over[0])

    text = part(console, campaign, after=0)
    assert "2 taken in" in text
    assert "hx-get" not in text
    assert f'href="{page(campaign)}"' in text


def test_while_it_counts_and_while_it_takes_in(
    console: Client, campaign: Campaign, now: datetime
) -> None:
    run = log_run(campaign, now)
    text = part(console, campaign)
    assert "Counting whom it meets" in text
    assert "every 2s" in text

    counts = {"entered": 1200, "expected": 3000, "messages": 1100}
    CampaignRun.objects.filter(pk=run.pk).update(counts=counts)
    text = part(console, campaign)
    assert "1.200 of 3.000 members taken in" in text
    assert "1.100 messages planned" in text
    assert 'max="3000" value="1200"' in text
    assert "every 2s" in text


def test_the_log_line_grows_while_a_run_is_under_way(
    campaign: Campaign, now: datetime, monkeypatch: pytest.MonkeyPatch
) -> None:
    told: list[tuple[int, int | None]] = []
    take_in_chunk = enrolling._take_in_chunk

    def watched(*args: Any, **kwargs: Any) -> None:
        counts = CampaignRun.objects.get().counts
        told.append((counts.get("entered", 0), counts.get("expected")))
        take_in_chunk(*args, **kwargs)

    monkeypatch.setattr(enrolling, "CHUNK", 1)
    monkeypatch.setattr(enrolling, "_take_in_chunk", watched)
    monkeypatch.setattr(runs, "TELL_EVERY_SECONDS", 0.0)

    run = run_campaign(campaign=campaign, at=now, trigger="staff")

    assert told == [(0, 2), (1, 2)]
    assert (run.counts["entered"], "expected" in run.counts) == (2, False)


def test_the_line_is_written_once_a_second_at_most(
    campaign: Campaign, now: datetime, django_assert_num_queries: Any
) -> None:
    run = log_run(campaign, now)
    counts = runs.LiveCounts(run)
    with django_assert_num_queries(1):
        counts.expect(5)
        for _chunk in range(20):
            counts.add(runs.Counts(entered=1))
    run.refresh_from_db()
    assert (run.counts["expected"], run.counts["entered"]) == (5, 0)
    assert counts.entered == 20


def test_a_failed_run_says_why(
    console: Client, campaign: Campaign, now: datetime, monkeypatch: pytest.MonkeyPatch
) -> None:
    def paused(*args: Any, **kwargs: Any) -> None:
        pause_campaign(campaign=Campaign.objects.get(pk=campaign.pk), at=now)
        return take_in_chunk(*args, **kwargs)

    take_in_chunk = enrolling._take_in_chunk
    monkeypatch.setattr(enrolling, "_take_in_chunk", paused)
    with pytest.raises(NotRunning):
        run_campaign(campaign=campaign, at=now, trigger="staff", actor="staff")

    text = console.get(page(campaign)).content.decode()
    assert "It could not be finished." in text
    assert "“All” is not running (it is: paused). Start it first." in text
    assert "hx-get" not in part(console, campaign)
    assert not Enrolment.objects.exists()


def test_a_run_whose_process_was_killed_is_not_waited_for(
    console: Client, campaign: Campaign, now: datetime
) -> None:
    run = log_run(campaign, now)
    long_ago = now - ABANDONED_AFTER - timedelta(minutes=1)
    CampaignRun.objects.filter(pk=run.pk).update(started_at=long_ago)
    text = part(console, campaign, after=0)
    assert "It was stopped in the middle" in text
    assert "hx-get" not in text


def test_what_is_long_over_is_not_shown(
    console: Client, campaign: Campaign, now: datetime
) -> None:
    log_run(campaign, now, state="done")
    assert "run-progress" not in console.get(page(campaign)).content.decode()


@pytest.mark.parametrize("after", ["x", "-1", "9" * 30, "²"])
def test_a_number_that_is_none_shows_nothing(
    console: Client, campaign: Campaign, after: str
) -> None:
    response = console.get(page(campaign), {"after": after})
    assert response.status_code == 200
    assert "run-progress" not in response.content.decode()


def test_it_needs_the_right_to_see_campaigns(
    helper: User, helper_console: Client, campaign: Campaign
) -> None:
    address = reverse("admin:campaigns_campaign_progress", args=[campaign.pk])
    assert helper_console.get(address).status_code == 403
    allow(helper, "view_campaign")
    assert helper_console.get(address).status_code == 200


def test_a_stranger_is_sent_to_sign_in(client: Client, campaign: Campaign) -> None:
    address = reverse("admin:campaigns_campaign_progress", args=[campaign.pk])
    assert "login" in client.get(address)["Location"]


def test_asking_costs_the_same_however_much_there_is(
    console: Client, campaign: Campaign, now: datetime
) -> None:
    address = reverse("admin:campaigns_campaign_progress", args=[campaign.pk])
    log_run(campaign, now)
    # What the first page of a process asks once is no part of it.
    console.get(address)
    few = num_queries(console, address)
    for number in range(20):
        log_run(campaign, now, state="done" if number else "failed")
        factories.make_member(phone=f"09120002{number:02}")
    assert num_queries(console, address) == few <= 5


@pytest.fixture
def vietnamese(console: Client) -> Iterator[Client]:
    console.cookies.load({"django_language": "vi"})
    return console


def test_in_vietnamese(vietnamese: Client, campaign: Campaign, now: datetime) -> None:
    text = part(vietnamese, campaign, after=0)
    assert "Đã chuyển cho tiến trình chạy nền. Bạn có thể rời trang này" in text
    log_run(campaign, now, counts={"entered": 1, "expected": 2})
    text = part(vietnamese, campaign)
    assert '<progress class="console-progress" max="2" value="1"' in text
