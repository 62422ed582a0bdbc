"""A member's story in a real browser, at the size of a small phone."""

from collections.abc import Iterator
from contextlib import contextmanager
from decimal import Decimal

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
from portal.pictures import qr_code
from rewards.models import Reward, Voucher
from rewards.services import redeem_reward
from tests import factories
from tests.browser import ARGUMENTS, CHROMIUM, IN_A_BROWSER
from tests.points.helpers import give
from tests.rewards.helpers import make_benefit, make_reward, make_voucher_type

pytestmark = IN_A_BROWSER


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

    phone.get_by_role("link", name="Points", exact=True).click()
    phone.get_by_role("link", name="How I got and used them").click()
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
    phone.wait_for_function("localStorage.getItem('card')")
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


@pytest.fixture
def coffee(mai: Member) -> Reward:
    """Mai has 250 points; a coffee costs 100 of them."""
    factories.make_wallet()
    give(mai, 250, "earned", timezone.now())
    kind = make_voucher_type(name="Cà phê sữa miễn phí", valid_days=30)
    return make_reward(make_benefit(voucher_type=kind), name="Cà phê sữa")


def drawn(page: Page) -> str | None:
    """Return the path of the QR code on the page."""
    code = page.get_by_role("img", name="QR code of your voucher")
    expect(code).to_be_visible()
    return code.locator("path").get_attribute("d")


def test_two_taps_from_home_to_the_voucher_and_its_code(
    phone: Page, live_server: LiveServer, mai: Member, coffee: Reward,
    template: MessageTemplate,
) -> None:  # fmt: skip
    sign_in(phone, live_server.url)
    # The first tap.
    phone.get_by_role("link", name="Cà phê sữa").click()
    expect(phone.get_by_text("150 điểm")).to_be_visible()
    assert phone.evaluate("document.documentElement.scrollWidth") == 360
    # The second one, doubled by a hasty thumb. Without scrolling: it is in sight.
    take = phone.get_by_role("button", name="Redeem for 100 điểm")
    box = take.bounding_box()
    assert box is not None
    assert box["y"] + box["height"] < 740
    take.dblclick()

    expect(phone.get_by_text("It is yours. Enjoy it!")).to_be_visible()
    voucher = Voucher.objects.get()
    assert phone.url == f"{live_server.url}/vouchers/{voucher.code}/"
    assert drawn(phone) == qr_code(voucher.code).path
    assert balances([mai.pk]) == {mai.pk: 150}
    assert phone.evaluate("document.documentElement.scrollWidth") == 360
    # Whole pixels a module, or a scanner cannot read it.
    code = phone.get_by_role("img", name="QR code of your voucher").bounding_box()
    assert code is not None
    assert code["width"] % qr_code(voucher.code).width == 0

    phone.get_by_role("link", name="Home", exact=True).click()
    phone.get_by_role("link", name="Cà phê sữa miễn phí").click()
    assert drawn(phone) == qr_code(voucher.code).path


def test_an_opened_voucher_opens_without_a_network_until_it_is_used(
    phone: Page, live_server: LiveServer, mai: Member, coffee: Reward,
    template: MessageTemplate,
) -> None:  # fmt: skip
    redeem_reward(member=mai, reward=coffee, key="a", at=timezone.now())
    redeem_reward(member=mai, reward=coffee, key="b", at=timezone.now())
    one, other = Voucher.objects.order_by("pk")
    address = f"{live_server.url}/vouchers/{one.code}/"
    sign_in(phone, f"{live_server.url}/sign-in/?next=/vouchers/{other.code}/")
    phone.goto(address)
    path = drawn(phone)
    phone.wait_for_function(f"localStorage.getItem('vouchers').includes('{one.code}')")
    phone.evaluate("navigator.serviceWorker.ready.then(() => true)")

    phone.context.set_offline(True)
    phone.goto(address)
    expect(phone.get_by_text("You are offline.")).to_be_visible()
    # The one that was asked for is open, the other one waits.
    assert drawn(phone) == path
    expect(phone.locator("details.is-slip")).to_have_count(2)
    expect(phone.locator("details.is-slip[open]")).to_have_count(1)

    # What was used meanwhile is forgotten with the next look at the list.
    phone.context.set_offline(False)
    Voucher.objects.filter(pk=one.pk).update(uses=1)
    expect(phone.get_by_text("USED")).to_be_visible(timeout=20_000)
    kept = "JSON.parse(localStorage.getItem('vouchers')).map((v) => v.code).join()"
    phone.wait_for_function(f"{kept} === '{other.code}'")
    Voucher.objects.filter(pk=other.pk).update(uses=1)
    phone.goto(f"{live_server.url}/vouchers/")
    phone.wait_for_function(f"{kept} === ''")


def test_signing_out_forgets_the_vouchers(
    phone: Page, live_server: LiveServer, mai: Member, coffee: Reward,
    template: MessageTemplate,
) -> None:  # fmt: skip
    redeem_reward(member=mai, reward=coffee, key="a", at=timezone.now())
    voucher = Voucher.objects.get()
    sign_in(phone, f"{live_server.url}/sign-in/?next=/vouchers/{voucher.code}/")
    drawn(phone)
    phone.wait_for_function("localStorage.getItem('vouchers')")
    phone.goto(f"{live_server.url}/me/")
    phone.get_by_role("button", name="Sign out").click()
    expect(phone.get_by_label("Phone number")).to_be_visible()

    assert phone.evaluate("localStorage.getItem('vouchers')") is None


def test_a_gift_asks_only_for_what_was_chosen(
    phone: Page, live_server: LiveServer, mai: Member, template: MessageTemplate
) -> None:
    factories.make_wallet()
    Store.objects.create(code="nh", name="Sông Nguyễn Huệ")
    make_reward(make_benefit("gift"), code="mug", name="A mug", price_points=0)
    sign_in(phone, f"{live_server.url}/sign-in/?next=/rewards/mug/")
    expect(phone.get_by_label("Store")).to_be_hidden()
    expect(phone.get_by_label("Who receives it")).to_be_hidden()
    phone.get_by_label("Send it to me").check()
    expect(phone.get_by_label("Who receives it")).to_have_value("Nguyễn Thị Mai")
    phone.get_by_label("I pick it up").check()
    expect(phone.get_by_label("Who receives it")).to_be_hidden()
    phone.get_by_label("Store").select_option("Sông Nguyễn Huệ")
    phone.get_by_role("button", name="Take it, free of charge").click()

    expect(phone.get_by_text("Being prepared", exact=True)).to_be_visible()
    expect(phone.get_by_text("Pick it up at")).to_be_visible()
    phone.get_by_role("link", name="Cancel", exact=True).click()
    phone.get_by_role("button", name="Yes, cancel it").click()
    expect(phone.get_by_role("status")).to_have_text("Cancelled.")


def test_a_partner_s_code_is_copied_with_one_tap(
    phone: Page, live_server: LiveServer, mai: Member, template: MessageTemplate
) -> None:
    factories.make_wallet()
    kind = make_voucher_type(terms={"kind": "partner"})
    reward = make_reward(make_benefit(voucher_type=kind), price_points=0)
    redeem_reward(member=mai, reward=reward, key="a", at=timezone.now())
    code = Voucher.objects.get().code
    sign_in(phone, f"{live_server.url}/sign-in/?next=/vouchers/{code}/")
    phone.context.grant_permissions(["clipboard-read", "clipboard-write"])
    phone.get_by_role("button", name="Copy the code").click()

    expect(phone.get_by_role("button", name="Copied")).to_be_visible()
    assert phone.evaluate("navigator.clipboard.readText()") == code


def test_redeems_without_scripts(
    live_server: LiveServer, mai: Member, coffee: Reward, template: MessageTemplate
) -> None:
    with chromium() as browser:
        page = browser.new_page(java_script_enabled=False, locale="en-US")
        page.goto(f"{live_server.url}/sign-in/?next=/rewards/")
        page.get_by_label("Phone number").fill("0912345678")
        page.get_by_role("button", name="Send me a code").click()
        page.get_by_label("Code", exact=True).fill(Message.objects.get().context["otp"])
        page.get_by_role("button", name="Sign in").click()
        page.get_by_role("link", name="Cà phê sữa").click()
        page.get_by_role("button", name="Redeem for 100 điểm").click()

        assert drawn(page) == qr_code(Voucher.objects.get().code).path


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
        page.get_by_role("link", name="All of it").click()
        page.get_by_text("Purchase").click()

        expect(page.get_by_text("1 điểm for every 10.000 ₫")).to_be_visible()
