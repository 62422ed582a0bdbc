"""Events from Zalo: kept first, worked off later, twice and in any order the same."""

import itertools
import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from core.errors import InvalidInput
from members.models import Consent, Identifier, Member
from messaging import events
from messaging.errors import WrongSignature
from messaging.models import Follower, Message, MessageTemplate, WebhookEvent
from messaging.services import (
    connect_official_account,
    dispatch_messages,
    queue_messages,
)
from messaging.webhooks import accept_event, process_events
from messaging.zalo.signature import sign
from tests import factories
from tests.conftest import NOW
from tests.messaging.conftest import plan, point_to
from tests.messaging.event_door import EventDoor
from zalo_simulator.server import Simulator

MS = int(NOW.timestamp() * 1000)


@pytest.fixture(autouse=True)
def _secrets(settings: Any) -> None:
    settings.ZALO_APP_ID = "360846524940903967"
    settings.ZALO_OA_SECRET = "oa-secret"


def tell(event: dict[str, Any], at: datetime = NOW) -> bool:
    event = {"app_id": "360846524940903967", "timestamp": str(MS), **event}
    body = json.dumps(event).encode()
    mac = sign(
        body=body,
        timestamp=str(event["timestamp"]),
        app_id="360846524940903967",
        secret="oa-secret",
    )
    return accept_event(body=body, signature=f"mac={mac}", at=at)


def received(provider_id: str, ms: int = MS, **message: Any) -> dict[str, Any]:
    return {
        "event_name": "user_received_message",
        "sender": {"id": "oa"},
        "recipient": {"id": "700"},
        "message": {"msg_id": provider_id, **message},
        "timestamp": str(ms),
    }


def seen(*provider_ids: str, ms: int = MS) -> dict[str, Any]:
    return {
        "event_name": "user_seen_message",
        "sender": {"id": "oa"},
        "recipient": {"id": "700"},
        "message": {"msg_ids": list(provider_ids)},
        "timestamp": str(ms),
    }


def follow(name: str = "follow", ms: int = MS, user_id: str = "700") -> dict[str, Any]:
    return {"event_name": name, "follower": {"id": user_id}, "timestamp": str(ms)}


def submit(phone: Any, user_id: str = "700") -> dict[str, Any]:
    return {
        "event_name": "user_submit_info",
        "sender": {"id": user_id},
        "info": {"name": "Mai", "phone": phone},
    }


@pytest.fixture
def message(mai: Member, offer: MessageTemplate) -> Message:
    """An offer that Zalo has accepted."""
    queue_messages([plan(offer, mai)])
    Message.objects.update(state="sent", provider_id="abc", sent_at=NOW)
    return Message.objects.get()


def state(message: Message) -> tuple[str, datetime | None, datetime | None]:
    message.refresh_from_db()
    return message.state, message.delivered_at, message.seen_at


def moment(seconds: int) -> datetime:
    return NOW + timedelta(seconds=seconds)


# --- Keeping ----------------------------------------------------------------------------


def test_keeps_an_event_once(db: None) -> None:
    assert tell(received("abc")) is True
    assert tell(received("abc")) is False

    event = WebhookEvent.objects.get()
    assert (event.event_name, event.received_at, event.processed_at) == (
        "user_received_message",
        NOW,
        None,
    )
    assert event.payload["message"] == {"msg_id": "abc"}


def test_a_repetition_with_another_time_of_telling_is_the_same_event(db: None) -> None:
    assert tell(received("abc", ms=MS)) is True
    assert tell(received("abc", ms=MS + 5)) is False


def test_a_wrong_signature_keeps_nothing(db: None) -> None:
    with pytest.raises(WrongSignature):
        accept_event(body=b'{"timestamp":"1"}', signature="mac=" + "0" * 64, at=NOW)
    assert not WebhookEvent.objects.exists()


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"no json",
        b"[]",
        b"1",
        b"\xff\xfe",
        b"[" * 100_000,
        b'{"a":' + b"9" * 5000 + b"}",
    ]
    + [b'{"a":"' + b"x" * 300_000 + b'"}'],
)
def test_what_is_no_event_is_refused_in_one_sentence(db: None, body: bytes) -> None:
    with pytest.raises(InvalidInput, match="JSON object"):
        accept_event(body=body, signature="", at=NOW)


def test_what_a_database_cannot_keep_is_left_out(db: None) -> None:
    tell({"event_name": "user_send_text", "text": "a\x00b\ud800c", "n": float("nan")})

    assert WebhookEvent.objects.get().payload["text"] == "ab?c"


# --- Receipts ---------------------------------------------------------------------------


def test_a_receipt_by_user_id(message: Message) -> None:
    tell(received("abc"))

    assert process_events(at=NOW).done == 1
    assert state(message) == ("delivered", NOW, None)


def test_a_receipt_by_phone_tells_the_deliverys_own_time(message: Message) -> None:
    delivered_at = NOW - timedelta(minutes=3)
    ms = str(int(delivered_at.timestamp() * 1000))
    tell(received("abc", delivery_time=ms, tracking_id=f"m{message.pk}"))

    process_events(at=NOW)

    assert state(message) == ("delivered", delivered_at, None)


def test_a_receipt_ends_our_doubt(message: Message) -> None:
    Message.objects.update(state="unknown", provider_id="", reason="outcome_unknown")
    tell(received("xyz", tracking_id=f"m{message.pk}"))

    process_events(at=NOW)

    assert state(message) == ("delivered", NOW, None)
    assert message.reason == ""


def test_several_messages_are_seen_at_once(
    message: Message, offer: MessageTemplate, binh: Member
) -> None:
    queue_messages([plan(offer, binh, key="k2")])
    Message.objects.filter(key="k2").update(state="delivered", provider_id="def")
    tell(seen("abc", "def"))

    process_events(at=NOW)

    assert set(Message.objects.values_list("state", flat=True)) == {"seen"}


@pytest.mark.parametrize("order", list(itertools.permutations(range(3))))
@pytest.mark.parametrize("together", [True, False])
def test_order_does_not_matter(
    message: Message, order: tuple[int, ...], together: bool
) -> None:
    told = [received("abc", ms=MS), seen("abc", ms=MS + 7000), received("abc", ms=MS)]
    for index in order:
        tell(told[index], at=moment(60))
        if not together:
            process_events(at=moment(60))
    process_events(at=moment(60))

    assert state(message) == ("seen", NOW, moment(7))


def test_a_receipt_that_overtakes_our_own_commit_waits(message: Message) -> None:
    Message.objects.update(state="sending", provider_id="")
    tell(received("abc"))

    assert process_events(at=NOW).waiting == 1
    Message.objects.update(state="sent", provider_id="abc")
    assert process_events(at=NOW).done == 1
    assert state(message) == ("delivered", NOW, None)


def test_a_receipt_that_is_not_ours_is_put_aside(db: None) -> None:
    tell(received("chat"))

    assert process_events(at=NOW + timedelta(minutes=11)).done == 1
    assert WebhookEvent.objects.get().error == "no message of ours"


def test_a_failed_message_stays_failed(message: Message) -> None:
    Message.objects.update(state="failed")
    tell(received("abc"))

    process_events(at=NOW + timedelta(minutes=11))

    assert state(message) == ("failed", None, None)


def test_many_receipts_are_a_constant_number_of_queries(
    message: Message, django_assert_max_num_queries: Any
) -> None:
    for number in range(50):
        tell(received(f"other{number}"))

    with django_assert_max_num_queries(12):
        process_events(at=NOW + timedelta(minutes=11))


# --- People -----------------------------------------------------------------------------


@pytest.fixture
def lan(db: None) -> Member:
    return factories.make_member(code="LAN", phone="0905111222", zalo_user_id="700")


def test_follow_and_unfollow(lan: Member) -> None:
    tell(follow())
    process_events(at=NOW)
    lan.refresh_from_db()
    assert lan.follows_oa is True

    tell(follow("unfollow", ms=MS + 1000), at=moment(1))
    process_events(at=moment(1))
    lan.refresh_from_db()
    assert lan.follows_oa is False


def test_an_older_unfollow_that_comes_late_changes_nothing(lan: Member) -> None:
    tell(follow(ms=MS + 1000), at=moment(5))
    process_events(at=moment(5))
    tell(follow("unfollow", ms=MS), at=moment(6))
    process_events(at=moment(6))

    lan.refresh_from_db()
    assert lan.follows_oa is True


def test_a_follower_who_is_no_member_yet_is_remembered(mai: Member) -> None:
    tell(follow())
    process_events(at=NOW)
    assert Follower.objects.get().follows is True

    tell(submit("84912345678"))
    process_events(at=NOW)

    mai.refresh_from_db()
    assert mai.follows_oa is True
    assert Identifier.objects.get(member=mai, kind="zalo").value == "700"


@pytest.mark.parametrize("phone", ["84912345678", 84912345678, "0912 345 678"])
def test_a_submitted_phone_links_the_account(mai: Member, phone: Any) -> None:
    tell(submit(phone))

    process_events(at=NOW)

    assert Identifier.objects.get(member=mai, kind="zalo").value == "700"


@pytest.mark.parametrize("phone", ["", None, "hello", "0999999999", "0905111222"])
def test_a_submitted_phone_takes_nobodys_account(lan: Member, phone: Any) -> None:
    tell(submit(phone, user_id="666"))

    assert process_events(at=NOW).failed == 0
    assert Identifier.objects.get(kind="zalo").value == "700"


def test_a_withdrawal_ends_consent(lan: Member) -> None:
    tell({"event_name": "user_withdraw", "user_id": "700"})

    process_events(at=NOW)

    refused = Consent.objects.filter(member=lan, purpose="marketing", is_given=False)
    assert set(refused.values_list("channel", flat=True)) == {"zalo_uid", "zalo_phone"}


# --- Robustness -------------------------------------------------------------------------


def test_an_event_that_nobody_knows_is_kept(db: None) -> None:
    tell({"event_name": "change_template_quality", "anything": [1, 2]})

    assert process_events(at=NOW).done == 1
    assert WebhookEvent.objects.get().processed_at == NOW


@pytest.mark.parametrize(
    "event",
    [
        {
            "event_name": "user_received_message",
            "message": {"msg_id": "This is message id"},
        },
        {"event_name": "user_received_message", "message": "x"},
        {"event_name": "user_received_message"},
        {"event_name": "user_seen_message", "message": {"msg_ids": None}},
        {"event_name": "user_seen_message", "message": {"msg_ids": [None, {"a": 1}]}},
        {"event_name": "follow"},
        {"event_name": "follow", "follower": "x", "timestamp": "x"},
        {"event_name": "user_submit_info", "info": "x"},
        {"event_name": "user_withdraw"},
        {"event_name": 5},
        {},
        received("a", tracking_id="m99999999999999999"),
        received("a", tracking_id="m²", delivery_time="-1e400"),
        received("a", ms=10**30),
    ],
)
def test_toys_and_nonsense_do_no_harm(message: Message, event: dict[str, Any]) -> None:
    tell(event)

    assert process_events(at=NOW + timedelta(minutes=11)).failed == 0
    assert state(message) == ("sent", None, None)


def test_a_poisoned_event_holds_up_no_other(
    message: Message, lan: Member, monkeypatch: pytest.MonkeyPatch
) -> None:
    def poison(payload: Any, at: datetime) -> None:
        raise RuntimeError("0912345678")

    monkeypatch.setitem(events.HANDLERS, "poison", poison)
    tell(follow())
    tell({"event_name": "poison"})
    tell(received("abc"))

    result = process_events(at=NOW)

    assert (result.done, result.failed) == (2, 1)
    assert state(message) == ("delivered", NOW, None)
    bad = WebhookEvent.objects.get(event_name="poison")
    assert (bad.processed_at, bad.attempts, bad.error) == (None, 1, "RuntimeError")
    for _ in range(10):
        process_events(at=NOW)
    bad.refresh_from_db()
    assert bad.attempts == 5


def test_the_simulators_events_are_understood(
    settings: Any, transactional_db: None, mai: Member, offer: MessageTemplate
) -> None:
    with (
        EventDoor() as door,
        Simulator(ignore_night=True, webhook_url=door.url, delivery_seconds=0.0) as zalo,
    ):
        point_to(settings, zalo)
        connect_official_account()
        queue_messages([plan(offer, mai)])
        dispatch_messages(at=NOW)
        ((body, signature),) = door.events()
    accept_event(body=body, signature=signature, at=datetime.now(UTC))
    process_events(at=datetime.now(UTC))

    assert Message.objects.get().state == "delivered"
