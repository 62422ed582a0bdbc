"""The page of the API in a real browser, under the site's own strict policy."""

import os
from collections.abc import Iterator
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Page, expect, sync_playwright
from pytest_django.live_server_helper import LiveServer

from tests.browser import ARGUMENTS, CHROMIUM, IN_A_BROWSER

pytestmark = IN_A_BROWSER


@pytest.fixture
def page() -> Iterator[Page]:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS)
        yield browser.new_page(viewport={"width": 1280, "height": 900})
        browser.close()


def test_shows_every_call_without_help_from_outside(
    page: Page, live_server: LiveServer
) -> None:
    complaints: list[str] = []
    hosts: set[str] = set()
    page.on("console", lambda message: complaints.append(f"{message.type} {message.text}"))
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.on("request", lambda request: hosts.add(urlsplit(request.url).netloc))

    page.goto(f"{live_server.url}/api/docs/")
    expect(page.locator("#operations-orders-tellOrder")).to_be_visible(timeout=20_000)
    page.locator("#operations-orders-tellOrder button").first.click()
    expect(page.get_by_text("Idempotency-Key").first).to_be_visible()
    if folder := os.environ.get("PICTURES"):
        page.screenshot(path=f"{folder}/api-docs.png")

    assert page.locator(".opblock").count() == 33
    assert [c for c in complaints if "error" in c.lower() or "policy" in c.lower()] == []
    assert {host for host in hosts if host} == {urlsplit(live_server.url).netloc}
