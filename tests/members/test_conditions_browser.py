"""The editor of conditions by keyboard: nested groups, the search, two values."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from django.contrib.auth.models import User
from playwright.sync_api import Page, expect
from pytest_django.live_server_helper import LiveServer

from members.models import Member, Segment
from tests import factories
from tests.browser import IN_A_BROWSER, strict_page

pytestmark = IN_A_BROWSER


@pytest.fixture
def phone() -> Iterator[Page]:
    """Return a narrow page; an error of a script or of the content policy fails."""
    with strict_page(width=360, height=780) as page:
        yield page


def test_a_nested_question_is_built_by_keyboard(
    phone: Page, live_server: LiveServer, mai: Member, binh: Member, staff: User
) -> None:
    factories.make_programme()
    Member.objects.filter(pk=mai.pk).update(follows_oa=True)
    segment = Segment.objects.create(code="s", name="S", conditions={"all": []})
    phone.goto(f"{live_server.url}/admin/members/segment/{segment.pk}/change/")
    phone.get_by_label("Username").fill("staff")
    phone.get_by_label("Password").fill("staff-password")
    phone.get_by_role("button", name="Sign in").click()
    answer = phone.locator("[data-answer]")
    expect(answer).to_contain_text("2 members match now")

    def press(*keys: str) -> None:
        for key in keys:
            phone.keyboard.press(key)

    # A group of its own: its first condition has the focus.
    phone.get_by_role("button", name="Add a group").focus()
    press("Enter", "Enter")
    phone.keyboard.type("orders in a window")
    press("Enter", "Tab", "ArrowDown", "Tab")
    phone.keyboard.type("0")
    phone.get_by_label("days", exact=True).fill("90")
    group = phone.locator(".conditions-group.is-nested").first
    group.get_by_role("button", name="Add a condition").focus()
    press("Enter", "Enter")
    phone.keyboard.type("follows official")
    press("Enter")
    group.locator("> .conditions-head").get_by_role("button", name="not").press("Enter")
    expect(answer).to_contain_text("0 members match now")
    # No wider than the phone.
    assert phone.evaluate("document.querySelector('.conditions').scrollWidth") <= 360

    phone.get_by_role("button", name="Save and continue editing").click()
    expect(group).to_be_visible()
    segment.refresh_from_db()
    orders = {"field": "orders_within", "is": "at_most", "value": 0, "days": 90}
    follows = {"field": "follows_oa", "is": "yes"}
    assert segment.conditions == {"all": [{"not": {"any": [orders, follows]}}]}


def test_groups_are_wrapped_and_dissolved(
    phone: Page, live_server: LiveServer, mai: Member, staff: User
) -> None:
    factories.make_programme()
    follows = {"field": "follows_oa", "is": "yes"}
    segment = Segment.objects.create(code="s", name="S", conditions={"all": [follows]})
    phone.goto(f"{live_server.url}/admin/members/segment/{segment.pk}/change/")
    phone.get_by_label("Username").fill("staff")
    phone.get_by_label("Password").fill("staff-password")
    phone.get_by_role("button", name="Sign in").click()
    groups = phone.locator(".conditions-group.is-nested")
    store = phone.locator("textarea[name=conditions]")

    for depth in range(1, 6):
        phone.get_by_role("button", name="Put into a group of its own").click()
        expect(groups).to_have_count(depth)
    phone.get_by_role("button", name="Dissolve this group").first.click()
    expect(groups).to_have_count(4)
    tree = store.input_value()
    assert tree.count("any") + tree.count("all") == 5
    phone.get_by_role("button", name="Remove").first.click()
    expect(groups).to_have_count(0)
    assert store.input_value() == '{"all":[]}'
