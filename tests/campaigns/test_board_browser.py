"""Staff build a journey on the board, card by card, and put it in force."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from django.contrib.auth.models import User
from django.utils import timezone
from playwright.sync_api import Locator, Page, expect
from pytest_django.live_server_helper import LiveServer

from campaigns.models import Campaign
from campaigns.presets import create_presets
from campaigns.services import read_board
from members.models import Tag
from rewards.models import Benefit
from tests import factories
from tests.browser import IN_A_BROWSER, strict_page

pytestmark = IN_A_BROWSER


@pytest.fixture(params=[1440, 360])
def page(request: pytest.FixtureRequest) -> Iterator[Page]:
    """Return a page of a desk and of a phone; an error of a script fails."""
    with strict_page(width=request.param) as page:
        yield page


@pytest.fixture
def come_back(staff: User) -> Campaign:
    """The preset, running, and a gift that can be given."""
    factories.make_programme()
    create_presets(at=timezone.now())
    tag = Tag.objects.create(code="gift", name="Gift")
    Benefit.objects.create(code="gift", name="A coffee", kind="tag", tag=tag)
    return Campaign.objects.get(code="come-back")


def open_board(page: Page, live_server: LiveServer, campaign: Campaign) -> None:
    page.goto(f"{live_server.url}/admin/campaigns/campaign/{campaign.pk}/board/")
    page.get_by_label("Username").fill("staff")
    page.get_by_label("Password").fill("staff-password")
    page.get_by_role("button", name="Sign in").click()
    expect(page.get_by_text("These steps are in force.")).to_be_visible()


def add(page: Page, lane: Locator, kind: str) -> Locator:
    """Add a step at the end of a lane and return its card, open."""
    lane.get_by_role("button", name="Add a step here").last.click()
    palette = page.get_by_role("group", name="What happens here?")
    palette.get_by_role("button", name=kind).click()
    return page.locator(".journey-card.is-open")


def saved(page: Page) -> None:
    expect(page.locator(".journey-status")).to_have_text("check_circleSaved")


def test_staff_build_a_journey_and_publish_it(
    page: Page, live_server: LiveServer, come_back: Campaign
) -> None:
    open_board(page, live_server, come_back)
    board = page.locator(".journey-canvas > .journey-lane")

    card = add(page, board, "Wait Some days")
    expect(card.get_by_label("How long", exact=True)).to_have_value("7")
    expect(page.get_by_text("Draft – not yet in force")).to_be_visible()
    card.get_by_role("button", name="Done").click()
    expect(page.get_by_role("button", name="Wait 7 days", exact=True)).to_be_focused()

    card = add(page, board, "Ask a question")
    card.get_by_label("What is asked", exact=True).select_option("clicked")
    expect(card.get_by_text("Did they open the link of the message?")).to_be_visible()
    expect(card.get_by_label("Which message", exact=True)).to_have_value("1")
    card.get_by_role("button", name="Done").click()

    yes, no = (page.locator(".journey-way").nth(n) for n in (0, 1))
    card = add(page, yes, "Give a benefit")
    card.get_by_label("Benefit", exact=True).select_option(label="A coffee")
    expect(card.get_by_text("Give “A coffee”")).to_be_visible()

    card = add(page, no, "Send a message")
    expect(page.get_by_text("Not saved: one step is not complete yet")).to_be_visible()
    card.get_by_label("Message", exact=True).select_option(
        label="Tin ưu đãi cho khách đã chọn"
    )
    card.get_by_label("Offer", exact=True).fill("Giảm 20%")
    card.get_by_label("News", exact=True).fill("Chúng tôi nhớ bạn")
    expect(card.locator(".phone")).to_contain_text("Ưu đãi: Giảm 20%")
    expect(card.locator(".phone")).to_contain_text("Chúng tôi nhớ bạn")

    add(page, no, "Stop here")
    saved(page)
    tree = read_board(come_back, version=2)
    assert [node["kind"] for node in tree] == ["message", "wait", "branch"]
    lanes = tree[2]["lanes"]
    assert [node["kind"] for node in lanes["yes"]] == ["give"]
    assert [node["kind"] for node in lanes["no"]] == ["message", "stop"]
    assert (lanes["no"][0]["offer"], lanes["no"][0]["news"]) == (
        "Giảm 20%",
        "Chúng tôi nhớ bạn",
    )
    assert tree[2]["settings"] == {"asks": "clicked", "step": "1"}

    page.get_by_role("button", name="Publish").click()
    dialog = page.get_by_role("dialog")
    expect(dialog).to_contain_text("Whoever enters from now on goes by these steps.")
    expect(dialog).to_contain_text("Nobody is on the way now.")
    dialog.get_by_role("button", name="Publish").click()
    expect(page.get_by_text("Published: these steps are in force.")).to_be_visible()
    come_back.refresh_from_db()
    assert come_back.version == 2
    assert read_board(come_back, version=2) == tree
    # Nothing is wider than the page.
    assert page.evaluate(
        "document.documentElement.scrollWidth <= document.documentElement.clientWidth"
    )


def test_cards_are_moved_copied_deleted_and_brought_back(
    page: Page, live_server: LiveServer, come_back: Campaign
) -> None:
    open_board(page, live_server, come_back)
    board = page.locator(".journey-canvas > .journey-lane")
    add(page, board, "Split at random")
    add(page, board, "Wait Some days").get_by_role("button", name="Done").click()
    cards = page.locator(".journey-canvas > .journey-lane > ol > li > .journey-card")

    def choose(card: Locator, act: str) -> None:
        card.get_by_role("button", name="More:").click()
        card.get_by_role("button", name=act, exact=True).click()

    choose(cards.nth(2), "Move up")
    expect(cards.nth(1)).to_contain_text("Wait 7 days")
    choose(cards.nth(1), "Copy to…")
    page.locator(".journey-way").nth(1).get_by_role("button", name="Put it here").click()
    expect(page.locator(".journey-way").nth(1)).to_contain_text("Wait 7 days")
    choose(cards.nth(1), "Delete")
    expect(cards).to_have_count(2)
    saved(page)
    (first, split) = read_board(come_back, version=2)
    (copy,) = split["lanes"]["b"]
    assert (first["key"], copy["settings"]) == ("1", {"amount": 7, "unit": "days"})

    page.locator(".journey-toast").get_by_role("button", name="Undo").click()
    expect(cards).to_have_count(3)
    saved(page)
    keys = [node["key"] for node in read_board(come_back, version=2)]
    assert len({*keys, copy["key"]}) == 4

    page.get_by_role("button", name="Discard the draft").click()
    page.get_by_role("dialog").get_by_role("button", name="Discard the draft").click()
    expect(cards).to_have_count(1)
    assert not come_back.steps.filter(version=2).exists()
