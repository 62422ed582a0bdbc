import hashlib
import json
import time
from collections.abc import Callable
from typing import Any

from tests.zalo_simulator.conftest import (
    MAI_PHONE,
    MAI_UID,
    Business,
    MakeSimulator,
    Receiver,
    register_mai_and_binh,
)

APP_ID, OA_ID = "1000000000000000001", "1000000000000000002"

MakeReceiver = Callable[..., Receiver]


def start(
    make_zalo: MakeSimulator, connect: Any, receiver: Receiver, **options: Any
) -> Business:
    # An hour of the retry ladder takes 3.6 seconds.
    zalo = make_zalo(**{"webhook_url": receiver.url, "webhook_time_scale": 0.001} | options)
    register_mai_and_binh(zalo)
    business: Business = connect(zalo)
    return business


def events(receiver: Receiver, number: int) -> list[Any]:
    return [json.loads(received.body) for received in receiver.wait_for(number)]


def test_phone_receipt(make_zalo: Any, connect: Any, make_receiver: MakeReceiver) -> None:
    receiver = make_receiver()
    business = start(make_zalo, connect, receiver)
    business.by_phone(tracking_id="t-1")

    (event,) = events(receiver, 1)
    message = business.zalo.sent()[0]
    timestamp = event.pop("timestamp")
    assert event == {
        "app_id": APP_ID,
        "event_name": "user_received_message",
        "sender": {"id": OA_ID},
        "recipient": {"id": MAI_PHONE},
        "message": {
            "delivery_time": str(message.delivered_at),
            "msg_id": message.message_id,
            "tracking_id": "t-1",
        },
    }
    assert timestamp.isdigit()
    assert receiver.received[0].headers["X-ZEvent-Server"] == "ZNS"


def test_signature_covers_the_raw_body(
    make_zalo: Any, connect: Any, make_receiver: MakeReceiver
) -> None:
    receiver = make_receiver()
    start(make_zalo, connect, receiver).by_phone()

    (received,) = receiver.wait_for(1)
    timestamp = json.loads(received.body)["timestamp"]
    signed = APP_ID.encode() + received.body + timestamp.encode() + b"simulator-oa-secret"
    expected = f"mac={hashlib.sha256(signed).hexdigest()}"
    assert received.headers["X-ZEvent-Signature"] == expected


def test_uid_receipt_and_seen_receipt(
    make_zalo: Any, connect: Any, make_receiver: MakeReceiver
) -> None:
    receiver = make_receiver()
    business = start(make_zalo, connect, receiver)
    message_id = business.by_uid()["data"]["message_id"]
    receiver.wait_for(1)
    business.post("/simulator/people/acts", {"user_id": MAI_UID, "action": "see"})

    received, seen = events(receiver, 2)
    assert received["recipient"] == {"id": MAI_UID}
    assert received["message"] == {"msg_id": message_id}
    assert "X-ZEvent-Server" not in receiver.received[0].headers
    assert seen["event_name"] == "user_seen_message"
    assert seen["message"] == {"msg_ids": [message_id]}


def test_phone_messages_are_never_reported_as_seen(
    make_zalo: Any, connect: Any, make_receiver: MakeReceiver
) -> None:
    receiver = make_receiver()
    business = start(make_zalo, connect, receiver)
    business.by_phone()
    receiver.wait_for(1)
    business.post("/simulator/people/acts", {"phone": MAI_PHONE, "action": "see"})

    time.sleep(0.2)
    assert len(receiver.received) == 1
    assert business.zalo.sent()[0].outcome == "seen"


def test_follow_unfollow_and_reply(
    make_zalo: Any, connect: Any, make_receiver: MakeReceiver
) -> None:
    receiver = make_receiver()
    business = start(make_zalo, connect, receiver)
    for number, act in enumerate(
        [{"action": "unfollow"}, {"action": "follow"}, {"action": "reply", "text": "TC"}]
    ):
        business.post("/simulator/people/acts", {"phone": MAI_PHONE} | act)
        receiver.wait_for(number + 1)

    unfollow, follow, reply = events(receiver, 3)
    assert (unfollow["event_name"], follow["event_name"]) == ("unfollow", "follow")
    assert (follow["oa_id"], follow["follower"]) == (OA_ID, {"id": MAI_UID})
    assert reply["event_name"] == "user_send_text"
    assert reply["sender"] == {"id": MAI_UID}
    assert reply["message"]["text"] == "TC"
    # What a customer wrote is not something that was sent.
    assert business.zalo.sent() == []


def test_failed_delivery_is_repeated_with_its_number(
    make_zalo: Any, connect: Any, make_receiver: MakeReceiver
) -> None:
    receiver = make_receiver(statuses=[500, 404])
    start(make_zalo, connect, receiver).by_phone()

    first, second, third = receiver.wait_for(3)
    assert "num_retry" not in first.headers
    assert (second.headers["num_retry"], third.headers["num_retry"]) == ("1", "2")
    assert first.body == second.body == third.body


def test_gives_up_after_five_repeats(
    make_zalo: Any, connect: Any, make_receiver: MakeReceiver
) -> None:
    receiver = make_receiver(statuses=[500] * 20)
    business = start(make_zalo, connect, receiver, webhook_time_scale=0.00001)
    business.by_phone()

    receiver.wait_for(6)
    time.sleep(0.2)
    assert len(receiver.received) == 6
    assert business.get("/simulator/webhooks")["num_waiting"] == 0


def test_duplicates_and_wrong_order(
    make_zalo: Any, connect: Any, make_receiver: MakeReceiver
) -> None:
    receiver = make_receiver()
    business = start(make_zalo, connect, receiver)
    business.post("/simulator/webhooks", {"duplicates": True})
    business.by_phone(tracking_id="t-1")
    assert len({received.body for received in receiver.wait_for(2)}) == 1

    business.post("/simulator/webhooks", {"duplicates": False, "out_of_order": True})
    business.by_phone(tracking_id="t-2")
    business.by_phone(tracking_id="t-3")
    order = [event["message"]["tracking_id"] for event in events(receiver, 4)]
    assert order == ["t-1", "t-1", "t-3", "t-2"]


def test_slow_receiver_never_delays_a_reply(
    make_zalo: Any, connect: Any, make_receiver: MakeReceiver
) -> None:
    business = start(make_zalo, connect, make_receiver())
    # Nobody listens on this address of the documentation range.
    business.post("/simulator/webhooks", {"url": "http://192.0.2.1/hook"})
    started = time.monotonic()

    for _ in range(20):
        assert business.by_phone()["error"] == 0
    assert time.monotonic() - started < 2


def test_offline_phone_sends_no_receipt(
    make_zalo: Any, connect: Any, make_receiver: MakeReceiver
) -> None:
    receiver = make_receiver()
    business = start(make_zalo, connect, receiver)
    business.zalo.people.set_state(MAI_PHONE, "offline")
    assert business.by_phone()["error"] == 0

    time.sleep(0.2)
    assert receiver.received == []
    assert business.zalo.sent()[0].outcome == "undelivered"


def test_any_event_can_be_sent(
    make_zalo: Any, connect: Any, make_receiver: MakeReceiver
) -> None:
    receiver = make_receiver()
    business = start(make_zalo, connect, receiver)
    business.post("/simulator/events", {"event_name": "user_withdraw", "user_id": MAI_UID})

    (event,) = events(receiver, 1)
    assert (event["event_name"], event["user_id"]) == ("user_withdraw", MAI_UID)


def test_quota_change_is_announced(
    make_zalo: Any, connect: Any, make_receiver: MakeReceiver
) -> None:
    receiver = make_receiver()
    start(make_zalo, connect, receiver).post("/simulator/account", {"daily_quota": 2000})

    (event,) = events(receiver, 1)
    assert event["oaId"] == OA_ID
    assert event["quota"] == {"prev_value": 500_000, "new_value": 2000}
