"""A member's story in a real browser, at the size of a small phone."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from decimal import Decimal
from pathlib import Path

import pytest
from django.db import connections
from django.utils import timezone
from playwright.sync_api import Browser, Page, expect, sync_playwright
from pytest_django.live_server_helper import LiveServer

from activities.models import Store
from activities.services import OrderFact
from flows.record import record
from members.models import Member
from messaging.models import Message, MessageTemplate
from points.models import Wallet
from points.queries import balances
from tests import factories
from tests.points.helpers import give

CHROMIUM = os.environ.get("CHROMIUM", "/usr/bin/chromium")
ARGUMENTS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking"]

pytestmark = [
    pytest.mark.browser,
    pytest.mark.django_db(transaction=True),
    pytest.mark.skipif(not Path(CHROMIUM).exists(), reason="there is no Chromium here"),
]


@pytest.fixture(autouse=True)
def _beside_a_browser(monkeypatch: pytest.MonkeyPatch) -> None:
    # Playwright runs an event loop in this thread; Django must not mistake it for ours.
    monkeypatch.setenv("DJANGO_ALLOW_ASYNC_UNSAFE", "true")


@contextmanager
def chromium() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS)
        try:
            yield browser
        finally:
            browser.close()
            # Under the loop Django has opened a connection of its own; left open, it
            # would stop the test database from being dropped.
            connections.close_all()


@pytest.fixture
def phone() -> Iterator[Page]:
    """Return a page on a phone 360 pixels wide; a script error fails the test."""
    errors: list[str] = []
    with chromium() as browser:
        page = browser.new_page(viewport={"width": 360, "height": 740}, locale="en-US")
        page.set_default_timeout(10_000)
        page.on("pageerror", lambda error: errors.append(str(error)))
        yield page
    assert errors == []


@pytest.fixture
def order(mai: Member, wallet: Wallet) -> None:
    """Mai has bought coffee for 45.000 ₫ and has 4 points."""
    factories.make_earn_rule(wallet=wallet)
    store = Store.objects.create(code="nh", name="Sông Nguyễn Huệ")
    now = timezone.now()
    fact = OrderFact("pos", "HD-1", mai.pk, now, Decimal(45000), store_id=store.pk)
    record([fact], at=now)


def sign_in(page: Page, address: str) -> None:
    page.goto(address)
    page.get_by_label("Phone number").fill("0912345678")
    page.get_by_role("button", name="Send me a code").click()
    expect(page.get_by_role("heading", name="Type the code")).to_be_visible()
    expect(page.get_by_role("button", name="New code in")).to_be_disabled()
    # The sixth digit sends the form.
    code = Message.objects.latest("pk").context["otp"]
    page.get_by_label("Code", exact=True).press_sequentially(str(code))
    expect(page.get_by_role("navigation", name="Main places")).to_be_visible(timeout=10_000)


def test_signs_in_shows_the_card_and_reads_the_history(
    phone: Page, live_server: LiveServer, order: None, card: str, template: MessageTemplate
) -> None:
    sign_in(phone, live_server.url)
    expect(phone.get_by_text("Nguyễn Thị Mai", exact=True)).to_be_visible()
    expect(phone.locator(".face-points")).to_contain_text("4 điểm")

    phone.get_by_role("link", name="Card", exact=True).click()
    expect(phone.get_by_role("img", name="QR code of your card")).to_be_visible()
    expect(phone.get_by_text("1234 5678 9012")).to_be_visible()

    phone.get_by_role("link", name="History", exact=True).click()
    why = phone.get_by_text("1 điểm for every 10.000 ₫")
    expect(why).to_be_hidden()
    phone.get_by_text("Purchase").click()
    expect(why).to_be_visible()
    assert phone.evaluate("document.documentElement.scrollWidth") == 360


def test_the_card_opens_without_a_network_until_signing_out(
    phone: Page, live_server: LiveServer, mai: Member, card: str, template: MessageTemplate
) -> None:
    sign_in(phone, f"{live_server.url}/sign-in/?next=/card/")
    expect(phone.locator("[data-card]")).to_be_visible()
    phone.evaluate("navigator.serviceWorker.ready.then(() => true)")

    phone.context.set_offline(True)
    phone.goto(f"{live_server.url}/card/")
    expect(phone.get_by_text("You are offline.")).to_be_visible()
    expect(phone.get_by_text("1234 5678 9012")).to_be_visible()
    expect(phone.get_by_role("img", name="QR code of your card")).to_be_visible()

    # The page comes back by itself with the network.
    phone.context.set_offline(False)
    expect(phone.locator("[data-card]")).to_be_visible(timeout=20_000)
    phone.goto(f"{live_server.url}/me/")
    phone.get_by_role("button", name="Sign out").click()
    expect(phone.get_by_label("Phone number")).to_be_visible()
    assert phone.evaluate("localStorage.getItem('card')") is None


def test_gives_points_to_a_friend(
    phone: Page, live_server: LiveServer, mai: Member, binh: Member,
    template: MessageTemplate,
) -> None:  # fmt: skip
    factories.make_wallet(transfers_allowed=True)
    give(mai, 100, "earned", timezone.now())
    sign_in(phone, f"{live_server.url}/sign-in/?next=/points/")
    phone.get_by_role("link", name="Give some to a friend").click()
    phone.get_by_label("Your friend’s phone number").fill("0987 654 321")
    phone.get_by_label("How many điểm").fill("30")
    phone.get_by_role("button", name="Continue").click()
    expect(phone.get_by_text("Trần V. B…")).to_be_visible()
    expect(phone.get_by_text("70 điểm")).to_be_visible()

    phone.get_by_role("button", name="Send me a code").click()
    code = phone.get_by_label("Code sent to")
    expect(code).to_be_focused()
    # The sixth digit alone gives nothing away: only the button does.
    code.press_sequentially(str(Message.objects.latest("pk").context["otp"]))
    expect(phone.get_by_role("button", name="New code in")).to_be_disabled()
    assert phone.evaluate("document.documentElement.scrollWidth") == 360
    assert balances([binh.pk]) == {binh.pk: 0}
    phone.get_by_role("button", name="Give 30 điểm").dblclick()

    expect(phone.get_by_text("has your 30 điểm")).to_be_visible()
    assert balances([mai.pk, binh.pk]) == {mai.pk: 70, binh.pk: 30}
    phone.get_by_role("link", name="See it in the history").click()
    expect(phone.get_by_text("Points given")).to_be_visible()


def test_works_without_scripts(
    live_server: LiveServer, order: None, card: str, template: MessageTemplate
) -> None:
    with chromium() as browser:
        page = browser.new_page(java_script_enabled=False, locale="en-US")
        page.goto(live_server.url)
        page.get_by_label("Phone number").fill("0912345678")
        page.get_by_role("button", name="Send me a code").click()
        page.get_by_label("Code", exact=True).fill(Message.objects.get().context["otp"])
        page.get_by_role("button", name="Sign in").click()
        page.get_by_role("link", name="History", exact=True).click()
        page.get_by_text("Purchase").click()

        expect(page.get_by_text("1 điểm for every 10.000 ₫")).to_be_visible()
