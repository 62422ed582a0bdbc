"""A real browser with a camera that looks at our own QR code: scanned, used, used up."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import qrcode
from django.db import connections
from django.utils import timezone
from PIL import Image
from playwright.sync_api import Page, Route, expect, sync_playwright
from pytest_django.live_server_helper import LiveServer

from activities.models import Order
from members.models import Member
from points.models import Wallet
from rewards.models import Voucher, VoucherUse
from rewards.services import redeem_reward
from tests.browser import ARGUMENTS, CHROMIUM, IN_A_BROWSER
from tests.points.helpers import give
from tests.rewards.helpers import make_benefit, make_reward, make_voucher_type
from tests.till.helpers import PASSWORD, make_shop_staff
from till.models import TillAct

WIDTH, HEIGHT = 640, 480

pytestmark = IN_A_BROWSER

Open = Callable[..., Page]


def film(code: str, path: Path) -> Path:
    """Write what a camera sees that is held over a phone: one slightly turned QR code."""
    qr = qrcode.QRCode(border=4, box_size=8)
    qr.add_data(code)
    picture = qr.make_image().convert("L").resize((300, 300))
    scene = Image.new("L", (WIDTH, HEIGHT), 96)
    scene.paste(picture.rotate(4, expand=True, fillcolor=96), (160, 80))
    grey = bytes([128]) * (WIDTH * HEIGHT // 4)
    frame = b"FRAME\n" + scene.tobytes() + grey + grey
    head = f"YUV4MPEG2 W{WIDTH} H{HEIGHT} F10:1 Ip A1:1 C420jpeg\n"
    path.write_bytes(head.encode() + frame * 4)
    return path


@contextmanager
def browser_page(*arguments: str, **context: object) -> Iterator[Page]:
    errors: list[str] = []
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=CHROMIUM, args=[*ARGUMENTS, *arguments]
        )
        try:
            told = {"viewport": {"width": 360, "height": 740}, "locale": "en-US"}
            page = browser.new_context(**{**told, **context}).new_page()  # type: ignore[arg-type]
            page.set_default_timeout(15_000)
            page.on("pageerror", lambda error: errors.append(str(error)))
            page.on(
                "console",
                lambda said: errors.append(said.text) if "Policy" in said.text else None,
            )
            yield page
        finally:
            browser.close()
            # Under the loop Django has opened a connection of its own; left open, it
            # would stop the test database from being dropped.
            connections.close_all()
    assert errors == []


@contextmanager
def camera_on(code: str, folder: Path) -> Iterator[Page]:
    """Open a phone whose camera looks at a code."""
    scene = film(code, folder / "camera.y4m")
    with browser_page(
        "--use-fake-device-for-media-stream",
        "--use-fake-ui-for-media-stream",
        f"--use-file-for-fake-video-capture={scene}",
    ) as page:
        yield page


def sign_in(page: Page, address: str) -> None:
    page.goto(f"{address}/till/")
    page.get_by_label("User name").fill("lan")
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Sign in").click()
    expect(page.get_by_role("button", name="Scan with the camera")).to_be_visible()


@pytest.fixture
def voucher(lan: object, mai: Member, wallet: Wallet) -> Voucher:
    """What mai redeemed on her phone: 20 % off."""
    give(mai, 500, "opening", timezone.now())
    terms = {"kind": "percent", "percent": "20", "at_most": "35000"}
    benefit = make_benefit(voucher_type=make_voucher_type(terms=terms))
    redeem_reward(member=mai, reward=make_reward(benefit), key="phone", at=timezone.now())
    return Voucher.objects.get()


def test_scans_uses_and_says_used_at_the_next_scan(
    voucher: Voucher, live_server: LiveServer, tmp_path: Path
) -> None:
    asked: list[str] = []
    with camera_on(voucher.code, tmp_path) as page:
        page.on("request", lambda request: asked.append(request.url))
        sign_in(page, live_server.url)
        assert not any("vendor" in url for url in asked)

        page.get_by_role("button", name="Scan with the camera").click()
        expect(page.get_by_text("Usable", exact=True)).to_be_visible()
        assert any("vendor/qr/decode" in url for url in asked)
        expect(page.get_by_text("Nguyễn T. M…")).to_be_visible()
        page.get_by_label("Total of the order").press_sequentially("100000")
        expect(page.get_by_label("Total of the order")).to_have_value("100.000")
        page.get_by_label("Order number").fill("HD-1")
        page.get_by_role("button", name="See what it takes off").click()
        expect(page.locator(".is-owed")).to_contain_text("80.000")
        page.get_by_role("button", name="Use the voucher").dblclick()
        expect(page.get_by_text("Voucher used")).to_be_visible()
        assert page.evaluate("document.documentElement.scrollWidth") == 360

        page.get_by_role("link", name="Next customer").click()
        page.get_by_role("button", name="Scan with the camera").click()
        expect(page.get_by_text("Already used")).to_be_visible()
        expect(page.get_by_text("Sông Nguyễn Huệ", exact=False).last).to_be_visible()

    assert VoucherUse.objects.get().state == "used"
    assert Order.objects.get().external_id == "HD-1"
    assert TillAct.objects.count() == 1


def test_scans_a_card_and_adds_an_order(
    lan: object, mai: Member, wallet: Wallet, card: str, live_server: LiveServer,
    tmp_path: Path,
) -> None:  # fmt: skip
    with camera_on(card, tmp_path) as page:
        sign_in(page, live_server.url)
        page.get_by_role("button", name="Scan with the camera").click()
        expect(page.get_by_role("heading", name="Nguyễn Thị Mai")).to_be_visible()
        expect(page.get_by_text("Showed who they are.")).to_be_visible()
        page.get_by_role("link", name="Add an order").click()
        page.get_by_label("Total of the order").fill("250000")
        page.get_by_role("button", name="Continue").click()
        page.get_by_role("button", name="Record the order").click()
        expect(page.get_by_text("Order recorded")).to_be_visible()
        expect(page.get_by_text("+25 điểm")).to_be_visible()

        # The browser's own way back leads to what was done, and does it no second time.
        page.go_back()
        expect(page.get_by_text("Order recorded")).to_be_visible()

    assert Order.objects.count() == 1


def test_a_refused_camera_says_what_to_do(lan: object, live_server: LiveServer) -> None:
    with browser_page(permissions=[]) as page:
        sign_in(page, live_server.url)
        page.evaluate(
            "void (navigator.mediaDevices.getUserMedia = () => "
            "Promise.reject(new DOMException('no', 'NotAllowedError')))"
        )
        page.get_by_role("button", name="Scan with the camera").click()
        expect(page.get_by_text("The camera is not allowed.")).to_be_visible()
        page.get_by_role("button", name="Type instead").click()
        expect(page.locator("#q")).to_be_focused()


def test_a_scanner_in_the_hand_types_and_presses_enter(
    voucher: Voucher, live_server: LiveServer
) -> None:
    with browser_page() as page:
        sign_in(page, live_server.url)
        page.locator("h2").first.click()
        expect(page.locator("#q")).not_to_be_focused()

        page.keyboard.type(voucher.code)
        page.keyboard.press("Enter")

        expect(page.get_by_text("Usable", exact=True)).to_be_visible()


def test_a_lost_network_loses_nothing(voucher: Voucher, live_server: LiveServer) -> None:
    with browser_page() as page:
        sign_in(page, live_server.url)
        page.locator("#q").fill(voucher.code)
        page.keyboard.press("Enter")
        page.get_by_label("Total of the order").fill("100000")
        page.get_by_role("button", name="See what it takes off").click()
        use = page.get_by_role("button", name="Use the voucher")
        expect(use).to_be_visible()

        # It arrives and is done; only the answer is lost.
        def lose(route: Route) -> None:
            route.fetch(max_redirects=0)
            route.abort()

        page.route("**/till/sale/**", lose)
        use.click()
        expect(page.get_by_text("Nothing was lost")).to_be_visible()
        assert VoucherUse.objects.count() == 1
        page.unroute("**/till/sale/**")
        page.get_by_role("button", name="Try again").click()

        expect(page.get_by_text("Voucher used")).to_be_visible()
    assert VoucherUse.objects.count() == 1
    assert TillAct.objects.count() == 1


def test_works_without_scripts(voucher: Voucher, live_server: LiveServer) -> None:
    with browser_page(java_script_enabled=False) as page:
        page.goto(f"{live_server.url}/till/")
        page.get_by_label("User name").fill("lan")
        page.get_by_label("Password").fill(PASSWORD)
        page.get_by_role("button", name="Sign in").click()
        page.locator("#q").fill(voucher.code)
        page.get_by_role("button", name="Look up").click()
        page.get_by_label("Total of the order").fill("100.000")
        page.get_by_role("button", name="See what it takes off").click()
        page.get_by_role("button", name="Use the voucher").click()

        expect(page.get_by_text("Voucher used")).to_be_visible()


def test_two_stores_are_chosen_from(
    live_server: LiveServer, store: object, other_store: object
) -> None:
    make_shop_staff("lan", store, other_store)  # type: ignore[arg-type]
    with browser_page() as page:
        page.goto(f"{live_server.url}/till/")
        page.get_by_label("User name").fill("lan")
        page.get_by_label("Password").fill(PASSWORD)
        page.get_by_role("button", name="Sign in").click()
        page.get_by_role("button", name="Sông Bạch Đằng").click()

        expect(page.get_by_role("link", name="Sông Bạch Đằng")).to_be_visible()
