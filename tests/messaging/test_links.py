"""Signed links: short, ours only, without a table."""

import base64
from datetime import timedelta
from typing import Any

import pytest
from django.utils.crypto import salted_hmac

from members.models import Member
from messaging.links import make_token, member_link, note_click, read_link
from messaging.models import Message, MessageTemplate
from messaging.services import queue_messages
from tests.conftest import NOW
from tests.messaging.conftest import plan


def test_leads_back_to_its_message(settings: Any) -> None:
    settings.PUBLIC_URL = "https://loyalty.example"

    link = member_link(1_234_567)

    assert link.startswith("https://loyalty.example/m/")
    assert len(link) <= 26 + 12 + 8 + 1
    assert read_link(link.removesuffix("/").rpartition("/")[2]) == 1_234_567


def test_links_that_are_out_there_stay_good() -> None:
    """They were signed by Django's own function."""
    digest = salted_hmac("messaging.links", "35", algorithm="sha256").digest()

    assert make_token(35) == base64.urlsafe_b64encode(digest[:9]).decode() + "z"


@pytest.mark.parametrize("change", [-1, 0, 5])
def test_a_changed_letter_is_not_ours(change: int) -> None:
    token = list(make_token(35))
    token[change] = "x" if token[change] != "x" else "y"

    assert read_link("".join(token)) is None


@pytest.mark.parametrize(
    "junk", ["", "abc", "a" * 500, "0" * 12, "điểm", "-" * 13, "\x00" * 20]
)
def test_junk_is_not_ours(junk: str) -> None:
    assert read_link(junk) is None


def test_one_link_has_one_spelling() -> None:
    token = make_token(35)

    assert read_link(token[:12] + "0" + token[12:]) is None
    assert read_link(token[:12] + token[12:].upper()) is None


def test_an_older_key_still_opens_its_links(settings: Any) -> None:
    settings.SECRET_KEY = "old"
    token = make_token(9)
    settings.SECRET_KEY = "new"
    assert read_link(token) is None
    settings.SECRET_KEY_FALLBACKS = ["old"]
    assert read_link(token) == 9


def test_only_the_first_click_is_noted(mai: Member, offer: MessageTemplate) -> None:
    queue_messages([plan(offer, mai)])
    message = Message.objects.get()

    assert note_click(message.pk, NOW) is True
    assert note_click(message.pk, NOW + timedelta(hours=1)) is False
    message.refresh_from_db()
    assert message.clicked_at == NOW
