"""How a call ended: accepted, refused, never sent, or nobody knows."""

import socket
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from messaging.zalo import client as client_module
from messaging.zalo.client import Answer, Outcome, ZaloClient
from messaging.zalo.errors import (
    Kind,
    ZaloError,
    error_by_phone,
    error_by_uid,
)
from tests.messaging.conftest import point_to
from zalo_simulator.server import Simulator

Speak = Callable[[socket.socket], None]


@pytest.fixture
def client() -> Iterator[ZaloClient]:
    with ZaloClient() as opened:
        yield opened


@pytest.fixture
def speak(settings: Any) -> Iterator[Callable[[bytes], None]]:
    """A server that answers every request with the bytes it was given."""
    answer = [b""]
    listener = socket.create_server(("127.0.0.1", 0))

    def serve() -> None:
        while True:
            try:
                connection, _address = listener.accept()
            except OSError:
                return
            with connection:
                connection.recv(65536)
                connection.sendall(answer[0])

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    url = f"http://127.0.0.1:{listener.getsockname()[1]}"
    settings.ZALO_OPENAPI_URL = settings.ZALO_BUSINESS_URL = settings.ZALO_OAUTH_URL = url

    def say(text: bytes) -> None:
        answer[0] = text

    yield say
    listener.shutdown(socket.SHUT_RDWR)
    listener.close()
    thread.join()


def http(body: bytes, status: str = "200 OK", *headers: str) -> bytes:
    lines = [f"HTTP/1.1 {status}", f"Content-Length: {len(body)}", *headers, "", ""]
    return "\r\n".join(lines).encode() + body


def send(client: ZaloClient) -> Answer:
    return client.send_by_phone(
        token="t", phone="+84912345678", template_id="1", data={"a": "b"}, tracking_id="m1"
    ).result()


@pytest.mark.parametrize(
    ("answer", "outcome", "code"),
    [
        (b'{"error":0,"message":"Success","data":{"msg_id":"abc"}}', Outcome.ACCEPTED, 0),
        (b'{"error":"0","data":{"msg_id":"abc"}}', Outcome.ACCEPTED, 0),
        (b'{"error":-118,"message":"Zalo account not existed"}', Outcome.REFUSED, -118),
        (b'{"error":"-118"}', Outcome.REFUSED, -118),
        (b"{}", Outcome.AMBIGUOUS, 0),
        (b"[]", Outcome.AMBIGUOUS, 0),
        (b'{"error":null}', Outcome.AMBIGUOUS, 0),
        (b'{"error":true}', Outcome.AMBIGUOUS, 0),
        (b"<html>502</html>", Outcome.AMBIGUOUS, 0),
        (b"\xff\xfe", Outcome.AMBIGUOUS, 0),
        (b"[" * 60_000, Outcome.AMBIGUOUS, 0),
        (b'{"error":0,"x":"' + b"x" * 70_000 + b'"}', Outcome.AMBIGUOUS, 0),
    ],
)
def test_bodies(
    client: ZaloClient,
    speak: Callable[[bytes], None],
    answer: bytes,
    outcome: Outcome,
    code: int,
) -> None:
    speak(http(answer))

    got = send(client)

    assert (got.outcome, got.code) == (outcome, code)
    assert got.provider_id == ("abc" if outcome == Outcome.ACCEPTED else "")


@pytest.mark.parametrize(
    ("answer", "outcome"),
    [
        (http(b"", "500 Oops"), Outcome.AMBIGUOUS),
        (http(b"", "502 Bad Gateway"), Outcome.AMBIGUOUS),
        (http(b"", "404 Not Found"), Outcome.NOT_SENT),
        (http(b"", "302 Found", "Location: http://127.0.0.1:1/"), Outcome.NOT_SENT),
        (b"", Outcome.AMBIGUOUS),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 50\r\n\r\n{", Outcome.AMBIGUOUS),
        (b"nonsense\r\n\r\n", Outcome.AMBIGUOUS),
    ],
)
def test_broken_answers(
    client: ZaloClient, speak: Callable[[bytes], None], answer: bytes, outcome: Outcome
) -> None:
    speak(answer)

    assert send(client).outcome == outcome


def test_a_closed_door_means_that_nothing_was_sent(
    settings: Any, client: ZaloClient
) -> None:
    settings.ZALO_BUSINESS_URL = "http://127.0.0.1:1"

    assert send(client).outcome == Outcome.NOT_SENT


def test_silence_is_doubt(
    settings: Any, client: ZaloClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("core.http.ANSWER_SECONDS", 0.2)
    with socket.create_server(("127.0.0.1", 0)) as listener:
        settings.ZALO_BUSINESS_URL = f"http://127.0.0.1:{listener.getsockname()[1]}"
        started = time.monotonic()
        assert send(client).outcome == Outcome.AMBIGUOUS
    assert time.monotonic() - started < 2


def test_another_persons_receipt_is_doubt(
    client: ZaloClient, speak: Callable[[bytes], None]
) -> None:
    speak(http(b'{"error":0,"data":{"message_id":"abc","user_id":"2"}}'))

    answer = client.send_by_uid(token="t", user_id="1", template_id="1", data={}).result()

    assert answer.outcome == Outcome.AMBIGUOUS


@pytest.mark.parametrize("seconds", [b'"90000"', b"90000"])
def test_a_pair_of_tokens(
    client: ZaloClient, speak: Callable[[bytes], None], seconds: bytes
) -> None:
    speak(http(b'{"access_token":"a","refresh_token":"r","expires_in":' + seconds + b"}"))

    pair = client.refresh("old").pair

    assert pair == client_module.TokenPair("a", "r", 90_000)


@pytest.mark.parametrize(
    "body", [b'{"error":-14014}', b"{}", b'{"access_token":"a"}', b'{"access_token":1}']
)
def test_a_refresh_without_a_pair_is_a_refusal(
    client: ZaloClient, speak: Callable[[bytes], None], body: bytes
) -> None:
    speak(http(body))

    answer = client.refresh("old")

    assert (answer.outcome, answer.pair) == (Outcome.REFUSED, None)


def test_the_proof_is_what_the_platform_asks_for(settings: Any, client: ZaloClient) -> None:
    with Simulator(ignore_night=True, require_proof=True) as zalo:
        point_to(settings, zalo)
        token = client.refresh(zalo.options.first_refresh_token).pair.access_token

        answer = client.send_by_phone(
            token=token,
            phone="+84912345678",
            template_id="400002",
            data={"otp": "482913"},
            tracking_id="m1",
        ).result()

    assert answer.outcome == Outcome.ACCEPTED


@pytest.mark.parametrize(
    ("explain", "code", "kind"),
    [
        (error_by_uid, -216, Kind.TOKEN),
        (error_by_uid, -220, Kind.TOKEN),
        (error_by_uid, -321, Kind.HUMAN),
        (error_by_uid, -200, Kind.RETRY),
        (error_by_uid, -211, Kind.QUOTA),
        (error_by_uid, -234, Kind.NIGHT),
        (error_by_uid, -213, Kind.PERSON),
        (error_by_uid, -249, Kind.TEMPLATE),
        (error_by_uid, -100, Kind.PAYLOAD),
        # Errors of the template come from the other table.
        (error_by_uid, -1121, Kind.PAYLOAD),
        (error_by_uid, -132, Kind.TEMPLATE),
        (error_by_phone, -124, Kind.TOKEN),
        (error_by_phone, -115, Kind.HUMAN),
        (error_by_phone, -100, Kind.RETRY),
        (error_by_phone, -144, Kind.QUOTA),
        (error_by_phone, -133, Kind.NIGHT),
        (error_by_phone, -118, Kind.PERSON),
        (error_by_phone, -146, Kind.TEMPLATE),
        (error_by_phone, -1124, Kind.PAYLOAD),
        # What we never heard of is not repeated.
        (error_by_phone, -99999, Kind.PAYLOAD),
    ],
)
def test_the_tables(explain: Callable[[int], ZaloError], code: int, kind: Kind) -> None:
    assert (explain(code).code, explain(code).kind) == (code, kind)
