"""Messages on the member's own pages."""

from datetime import timedelta

import pytest
from django.test import Client
from django.utils import timezone

from members.models import Member
from messaging.models import Message, MessageTemplate
from tests import factories
from tests.portal.conftest import SignIn

pytestmark = pytest.mark.django_db


def write(member: Member, key: str = "a", **fields: object) -> Message:
    template = MessageTemplate.objects.first() or factories.make_template()
    now = timezone.now()
    letter = {
        "title": "Quà tháng 3",
        "text": "Quà tháng 3\nMời bạn ghé quán <b>",
        "link": "",
    }
    values = {"channel": "inbox", "state": "sent", "due_at": now, "sent_at": now}
    return Message.objects.create(
        key=key, member=member, template=template, payload=letter, **values | fields
    )


def test_an_unread_message_is_marked_until_it_is_opened(
    mai: Member, signed_in: SignIn
) -> None:
    message = write(mai)
    browser = signed_in(mai)
    assert "is-unread" in browser.get("/messages/").content.decode()
    assert "1 new" in browser.get("/me/").content.decode()

    page = browser.get(f"/messages/{message.pk}/")

    assert "Mời bạn ghé quán &lt;b&gt;" in page.content.decode()
    assert "no-store" in page["Cache-Control"]
    message.refresh_from_db()
    assert message.state == "seen"
    assert "is-unread" not in browser.get("/messages/").content.decode()
    assert "1 new" not in browser.get("/me/").content.decode()


def test_an_empty_inbox_says_so(mai: Member, signed_in: SignIn) -> None:
    assert "No messages yet" in signed_in(mai).get("/messages/").content.decode()


def test_what_is_anothers_is_not_found(
    mai: Member, binh: Member, signed_in: SignIn
) -> None:
    message = write(binh)

    assert signed_in(mai).get(f"/messages/{message.pk}/").status_code == 404
    message.refresh_from_db()
    assert message.seen_at is None


@pytest.mark.parametrize(
    "fields",
    [
        {"channel": "sms"},
        {"state": "refused", "sent_at": None},
        {"sent_at": timezone.now() - timedelta(days=91)},
        {"expires_at": timezone.now() - timedelta(minutes=1)},
    ],
)
def test_what_never_came_or_is_over_is_not_shown(
    mai: Member, signed_in: SignIn, fields: dict[str, object]
) -> None:
    message = write(mai, **fields)
    browser = signed_in(mai)

    assert "Quà tháng 3" not in browser.get("/messages/").content.decode()
    assert browser.get(f"/messages/{message.pk}/").status_code == 404


def test_strangers_sign_in_first(client: Client, db: None) -> None:
    assert client.get("/messages/").status_code == 302
    assert client.get("/messages/1/").status_code == 302


def test_the_list_costs_the_same_for_one_and_for_thirty(
    mai: Member, signed_in: SignIn, django_assert_num_queries: object
) -> None:
    for number in range(30):
        write(mai, key=f"k{number}")
    browser = signed_in(mai)
    with django_assert_num_queries(4):  # type: ignore[operator]
        browser.get("/messages/")
