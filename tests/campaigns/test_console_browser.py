"""Staff open the come-back preset, change X, look at whom it finds, and start it."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.urls import reverse
from django.utils import timezone
from playwright.sync_api import Page, expect
from pytest_django.live_server_helper import LiveServer

from activities.services import OrderFact
from campaigns.models import Campaign
from campaigns.presets import create_presets
from campaigns.tasks import run_one_campaign
from flows.record import record
from members.models import Member
from tests import factories
from tests.browser import IN_A_BROWSER, strict_page

pytestmark = IN_A_BROWSER


@pytest.fixture
def desk() -> Iterator[Page]:
    """Return a page on a desk; an error of a script or of the content policy fails."""
    with strict_page(width=1440) as page:
        yield page


@pytest.fixture
def come_back(mai: Member, binh: Member, staff: User) -> Campaign:
    """The preset, not started; Mai bought 50 days ago and Binh 70 days ago."""
    factories.make_programme()
    now = timezone.now()
    create_presets(at=now, running=False)
    for member, days in ((mai, 50), (binh, 70)):
        at = now - timedelta(days=days)
        record([OrderFact("pos", member.code, member.pk, at, Decimal(50_000))], at=at)
    return Campaign.objects.get(code="come-back")


def test_staff_change_x_look_and_start(
    desk: Page, live_server: LiveServer, come_back: Campaign
) -> None:
    desk.goto(f"{live_server.url}/admin/")
    desk.get_by_label("Username").fill("staff")
    desk.get_by_label("Password").fill("staff-password")
    desk.get_by_role("button", name="Sign in").click()
    expect(desk.get_by_role("heading", name="Overview")).to_be_visible()

    desk.get_by_role("link", name="All campaigns").first.click()
    desk.get_by_role("link", name=come_back.name).click()
    answer = desk.locator("[data-answer]")
    expect(answer).to_contain_text("2 members match now")

    # X decides, and the count follows it while it is typed.
    desk.get_by_label("Days (X)").fill("60")
    expect(answer).to_contain_text("1 member matches now")
    expect(answer).to_contain_text("Trần Văn Bình")
    desk.get_by_role("button", name="Save and continue editing").click()
    expect(desk.get_by_label("Days (X)")).to_have_value("60")

    desk.get_by_role("link", name="Preview").click()
    expect(desk.get_by_text("1 will get a message: 1 by ZNS.")).to_be_visible()
    desk.get_by_role("link", name="Start").click()
    expect(desk.get_by_text("1 member", exact=True)).to_be_visible()
    desk.get_by_role("button", name="Start").click()
    expect(desk.get_by_role("link", name="Pause")).to_be_visible()
    come_back.refresh_from_db()
    assert (come_back.days, come_back.state) == (60, "running")


def test_the_page_tells_by_itself_how_the_run_goes(
    desk: Page,
    live_server: LiveServer,
    come_back: Campaign,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    handed_over: list[dict[str, Any]] = []
    monkeypatch.setattr(
        run_one_campaign, "delay", lambda **values: handed_over.append(values)
    )
    asked: list[str] = []
    desk.on("request", lambda one: asked.append(one.url) if "progress" in one.url else None)
    act = reverse("admin:campaigns_campaign_act", args=[come_back.pk, "start"])
    desk.goto(f"{live_server.url}{act}")
    desk.get_by_label("Username").fill("staff")
    desk.get_by_label("Password").fill("staff-password")
    desk.get_by_role("button", name="Sign in").click()
    desk.get_by_role("button", name="Start").click()
    progress = desk.locator("#run-progress")
    expect(progress).to_contain_text("Handed to the background worker")

    # In a tab that nobody sees, nothing is asked.
    desk.evaluate("Object.defineProperty(document, 'hidden', {value: 1, writable: true})")
    desk.wait_for_timeout(500)
    asked.clear()
    desk.wait_for_timeout(4_500)
    assert asked == []
    run_one_campaign(**handed_over[0])
    desk.evaluate("document.hidden = false")

    expect(progress).to_contain_text("2 taken in · 2 messages planned")
    asked.clear()
    desk.wait_for_timeout(4_500)
    assert asked == []
    progress.get_by_role("link", name="Show the new results").click()
    expect(desk.locator(".console-funnel")).to_contain_text("members taken in")
    expect(progress).to_have_count(0)


def test_conditions_are_edited_as_rows(
    desk: Page, live_server: LiveServer, come_back: Campaign
) -> None:
    desk.goto(f"{live_server.url}/admin/campaigns/campaign/{come_back.pk}/change/")
    desk.get_by_label("Username").fill("staff")
    desk.get_by_label("Password").fill("staff-password")
    desk.get_by_role("button", name="Sign in").click()
    answer = desk.locator("[data-answer]")
    expect(answer).to_contain_text("2 members match now")

    desk.get_by_role("button", name="Add a group").click()
    group = desk.locator(".conditions-group.is-nested")
    group.get_by_role("button", name="What:").click()
    desk.get_by_label("Search what to ask about").fill("official")
    desk.keyboard.press("Enter")
    expect(answer).to_contain_text("0 members match now")
    group.get_by_role("button", name="not", exact=True).last.click()
    expect(answer).to_contain_text("2 members match now")
    desk.get_by_role("button", name="Save and continue editing").click()
    expect(group).to_be_visible()

    come_back.refresh_from_db()
    nested = come_back.conditions["all"][-1]
    assert nested == {"any": [{"not": {"field": "follows_oa", "is": "yes"}}]}
