"""The whole story in a real browser: build it, start it, read it on a phone, buy, see it.

Staff take the come-back journey from its template; the simulator's process delivers; the
worker's tasks are called as the worker calls them.
"""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Iterator
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.conf import LazySettings
from django.contrib.auth.models import User
from django.utils import timezone
from playwright.sync_api import Page, expect
from pytest_django.live_server_helper import LiveServer

from activities.models import Order
from activities.services import OrderFact
from api.services import create_till_key
from campaigns.enrolling import is_held_out
from campaigns.models import Campaign, CampaignPolicy, Enrolment
from campaigns.services import read_board
from campaigns.tasks import go_on, run_one_campaign
from flows.record import record
from flows.setup import setup_programme
from loyalty_site.launch.ports import any_free_port
from loyalty_site.launch.site import simulator_environment
from members.models import Member
from messaging.models import Message, SendingPolicy
from messaging.services import connect_official_account
from messaging.tasks import dispatch, process_webhooks
from tests import factories
from tests.browser import IN_A_BROWSER, strict_page
from tests.messaging.event_door import EventDoor

pytestmark = IN_A_BROWSER

NAMES = ("Phạm Thị An", "Võ Văn Bảo", "Đỗ Minh Châu", "Lý Thu Dung", "Hồ Quốc Em")


@pytest.fixture
def desk() -> Iterator[Page]:
    """Return a page on a desk; an error of a script or of the content policy fails."""
    with strict_page(width=1440) as page:
        yield page


@pytest.fixture
def door() -> Iterator[EventDoor]:
    """Take down what the simulator tells, to hand it on when nobody else uses the site."""
    with EventDoor() as opened:
        yield opened


@pytest.fixture
def phones(
    settings: LazySettings, live_server: LiveServer, door: EventDoor
) -> Iterator[str]:
    """Start the simulated Zalo as a process of its own; return its address."""
    port = any_free_port()
    for name, value in simulator_environment(port).items():
        setattr(settings, name, value)
    settings.PUBLIC_URL = live_server.url
    process = subprocess.Popen(
        (
            *(sys.executable, "-m", "zalo_simulator", "--port", str(port)),
            *("--state", ":memory:", "--ignore-night"),
            *("--delivery-seconds", "0.2", "--webhook-url", door.url),
        ),
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    assert "Zalo simulator" in process.stdout.readline()
    yield settings.ZALO_OPENAPI_URL
    process.terminate()
    process.wait(10)
    process.stdout.close()


@pytest.fixture
def lapsed(phones: str, staff: User) -> list[Member]:
    """Five followers who bought 60 days ago, in a programme that is set up."""
    now = timezone.now()
    setup_programme(at=now)
    SendingPolicy.objects.update(marketing_from="00:00", marketing_until="23:59:59")
    connect_official_account(name="Cà phê Sông")
    members = [
        factories.make_member(
            code=f"KH{number}",
            name=name,
            phone=f"091200000{number}",
            zalo_user_id=f"400000000000000000{number}",
            follows_oa=True,
        )
        for number, name in enumerate(NAMES)
    ]
    at = now - timedelta(days=60)
    record([OrderFact("pos", m.code, m.pk, at, Decimal(50_000)) for m in members], at=at)
    return members


@pytest.fixture
def handed_over(monkeypatch: pytest.MonkeyPatch) -> list[dict[str, Any]]:
    """What the console handed to the worker."""
    calls: list[dict[str, Any]] = []
    monkeypatch.setattr(run_one_campaign, "delay", lambda **values: calls.append(values))
    return calls


def test_from_the_template_to_the_result(
    desk: Page,
    live_server: LiveServer,
    phones: str,
    door: EventDoor,
    lapsed: list[Member],
    handed_over: list[dict[str, Any]],
) -> None:
    campaign = _build(desk, live_server)
    _start(desk, [m for m in lapsed if not _is_alone(campaign, m)])
    (call,) = handed_over
    run_one_campaign(**call)
    dispatch()

    alone = [m for m in lapsed if _is_alone(campaign, m)]
    reached = [m for m in lapsed if m not in alone]
    _tell_phones(desk, phones, lapsed)
    _read_on_the_phone(desk, phones, reached[0])
    assert Message.objects.get(member=reached[0]).clicked_at is not None

    _hear_of_delivery(desk, live_server, door, len(reached))
    _buy(desk, live_server, reached[0])
    go_on()
    states = dict(Enrolment.objects.values_list("member__code", "state"))
    assert states.pop(reached[0].code) == "returned"
    assert set(states.values()) == {"active"}
    _see_the_result(desk, live_server, campaign, len(reached), len(alone))


def _build(desk: Page, live_server: LiveServer) -> Campaign:
    """Take the template, change the days, the offer and the wait."""
    desk.goto(f"{live_server.url}/admin/")
    desk.get_by_label("Username").fill("staff")
    desk.get_by_label("Password").fill("staff-password")
    desk.get_by_role("button", name="Sign in").click()
    desk.get_by_role("link", name="All campaigns").first.click()
    desk.get_by_role("link", name="From a template").click()
    desk.get_by_role("button", name="Use this: Come back, the whole journey").click()
    desk.get_by_label("Days (X)").fill("50")
    expect(desk.locator("[data-answer]")).to_contain_text("5 members match now")
    desk.get_by_role("button", name="Save and continue editing").click()

    desk.get_by_role("link", name="Open the board").click()
    desk.get_by_role("button", name="Send “Nhắc khách quay lại”").first.click()
    card = desk.locator(".journey-card.is-open")
    card.get_by_label("Offer", exact=True).fill("Giảm 15%")
    expect(card.locator(".phone")).to_contain_text("Giảm 15%")
    card.get_by_role("button", name="Done").click()
    desk.get_by_role("button", name="Wait 7 days", exact=True).click()
    card.get_by_label("How long", exact=True).fill("5")
    card.get_by_role("button", name="Done").click()
    expect(desk.locator(".journey-status")).to_have_text("check_circleSaved")

    campaign = Campaign.objects.get(code="come-back-journey")
    tree = read_board(campaign, version=1)
    assert (campaign.days, tree[0]["offer"]) == (50, "Giảm 15%")
    assert tree[1]["settings"] == {"amount": 5, "unit": "days"}
    return campaign


def _start(desk: Page, gets: list[Member]) -> None:
    """Look at the way in simulated time, then start."""
    desk.get_by_role("link", name="Back to the campaign").click()
    desk.get_by_role("link", name="Simulate the way").click()
    expect(desk.get_by_text("day 5")).to_be_visible()
    desk.get_by_role("link", name="Back to the campaign").click()
    desk.get_by_role("link", name="Start").click()
    expect(desk.get_by_text(f"{len(gets)} by Official Account")).to_be_visible()
    expect(desk.get_by_text("hold-out group")).to_be_visible()
    desk.get_by_role("button", name="Start").click()
    expect(desk.get_by_text("Handed to the background worker")).to_be_visible()


def _is_alone(campaign: Campaign, member: Member) -> bool:
    return is_held_out(campaign, member.pk, CampaignPolicy.current())


def _tell_phones(desk: Page, phones: str, members: list[Member]) -> None:
    """Tell the simulator whose phones these are, as the demo does."""
    people = [
        {
            "name": one.name,
            "phone": f"+8491200000{number}",
            "user_id": f"400000000000000000{number}",
            "follows": True,
        }
        for number, one in enumerate(members)
    ]
    assert desk.request.post(f"{phones}/simulator/people", data=people).ok


def _read_on_the_phone(desk: Page, phones: str, member: Member) -> None:
    """Find the phone on the simulator's page, and open what the button leads to."""
    desk.goto(phones)
    desk.get_by_role("link", name=re.compile(member.name)).click()
    message = desk.locator("#thread")
    expect(message).to_contain_text(f"Đã lâu chưa gặp, {member.name}")
    expect(message).to_contain_text("Giảm 15%")
    with desk.expect_popup() as opened:
        message.get_by_role("button", name="Xem ưu đãi của tôi").click()
    expect(opened.value.get_by_label("Phone number")).to_be_visible()
    opened.value.close()


def _hear_of_delivery(
    desk: Page, live_server: LiveServer, door: EventDoor, count: int
) -> None:
    """Let the simulator's word reach the site, and work it off."""
    for body, signature in door.events(count):
        headers = {"Content-Type": "application/json", "X-ZEvent-Signature": signature}
        address = f"{live_server.url}/api/v1/webhooks/zalo/"
        assert desk.request.post(address, data=body, headers=headers).ok
    process_webhooks()
    delivered = Message.objects.filter(state__in=["delivered", "seen"])
    assert delivered.count() == count


def _buy(desk: Page, live_server: LiveServer, member: Member) -> None:
    """Let a till tell a purchase."""
    _key, text = create_till_key(name="Till 1", source="till")
    answer = desk.request.post(
        f"{live_server.url}/api/v1/orders/",
        headers={"Authorization": f"Api-Key {text}", "Idempotency-Key": "HD-1"},
        data={
            "order_id": "HD-1",
            "member_id": member.code,
            "placed_at": timezone.now().isoformat(),
            "total": "185000",
        },
    )
    assert answer.ok, answer.text()
    assert Order.objects.get(external_id="HD-1").member_id == member.pk


def _see_the_result(
    desk: Page, live_server: LiveServer, campaign: Campaign, reached: int, alone: int
) -> None:
    """Go back to the console by its menu; the results stand above the form."""
    desk.goto(f"{live_server.url}/admin/")
    desk.get_by_role("link", name="All campaigns").first.click()
    desk.get_by_role("link", name=campaign.name).click()
    results = desk.locator(".console-results")
    funnel = results.locator(".console-funnel li")
    expect(funnel).to_have_text(
        [
            re.compile(r"^\s*5\s+members taken in"),
            re.compile(rf"^\s*{reached}\s+messages sent"),
            re.compile(rf"^\s*{reached}\s+delivered"),
            re.compile(r"^\s*1\s+opened the link"),
            re.compile(r"^\s*1\s+came back with an order"),
        ]
    )
    expect(results.get_by_text("185.000 ₫").first).to_be_visible()
    expect(results).to_contain_text(
        "No conclusion yet" if alone else "Nobody is left alone"
    )
