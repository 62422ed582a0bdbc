"""Planning messages: each key once, in any number of rows a constant number of queries."""

from datetime import timedelta
from typing import Any

from members.models import Member
from messaging.models import Message, MessageTemplate
from messaging.services import queue_messages
from tests.conftest import NOW
from tests.messaging.conftest import CONTEXT, plan


def test_writes_a_pending_row(mai: Member, offer: MessageTemplate) -> None:
    expires_at = NOW + timedelta(days=3)
    planned = plan(
        offer,
        mai,
        key="come-back/7",
        expires_at=expires_at,
        source_type="campaign",
        source_id=5,
    )

    assert queue_messages([planned]) == 1

    message = Message.objects.get()
    assert (message.key, message.state, message.channel) == (
        "come-back/7",
        "pending",
        "zalo_phone",
    )
    assert (message.member, message.template) == (mai, offer)
    assert (message.due_at, message.expires_at) == (NOW, expires_at)
    assert (message.source_type, message.source_id) == ("campaign", 5)
    assert (message.context, message.payload, message.attempts) == (CONTEXT, {}, 0)


def test_a_known_key_is_passed_over(mai: Member, offer: MessageTemplate) -> None:
    queue_messages([plan(offer, mai, key="a")])

    again = [plan(offer, mai, key="a", context={}), plan(offer, mai, key="b")]
    assert queue_messages(again) == 1
    assert Message.objects.get(key="a").context == CONTEXT


def test_the_same_key_twice_in_one_call_is_one_message(
    mai: Member, offer: MessageTemplate
) -> None:
    assert queue_messages([plan(offer, mai), plan(offer, mai)]) == 1


def test_a_thousand_messages_are_one_statement(
    mai: Member, offer: MessageTemplate, django_assert_max_num_queries: Any
) -> None:
    plans = [plan(offer, mai, key=f"k{n}") for n in range(1000)]

    with django_assert_max_num_queries(3):
        assert queue_messages(plans) == 1000


def test_nothing_planned_is_nothing_done(
    db: None, django_assert_max_num_queries: Any
) -> None:
    with django_assert_max_num_queries(2):
        assert queue_messages([]) == 0
