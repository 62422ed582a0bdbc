"""One request: over TLS to the name that was meant, short and bounded, whatever answers."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from standardwebhooks import Webhook

from tests.webhooks.receiving import AUTHORITY, answering, receiver
from webhooks import posting
from webhooks.models import new_secret
from webhooks.posting import Answer, post

SECRET = new_secret()


def send(address: str) -> Answer:
    with posting.new_client() as client:
        return post(
            client, address, message_id="msg_1", payload='{"a": "ở"}', secrets=[SECRET]
        )


@pytest.fixture
def inside(settings: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """A brand's own network: its names lead here, and its own authority signs for them."""
    settings.WEBHOOKS_ALLOW_PRIVATE = True
    settings.WEBHOOKS_CA_FILE = AUTHORITY
    real = socket.getaddrinfo

    def lookup(host: str, port: int, *args: Any, **more: Any) -> Any:
        is_ours = host.endswith(".example")
        return real("127.0.0.1" if is_ours else host, port, *args, **more)

    monkeypatch.setattr("webhooks.addresses.socket.getaddrinfo", lookup)


# --- TLS ----------------------------------------------------------------------------------


@pytest.mark.usefixtures("inside")
def test_it_goes_by_tls_to_the_name_that_was_meant() -> None:
    with receiver(is_tls=True) as crm:
        answer = send(f"https://crm.example:{crm.port}/hook?key=1")

    assert answer == Answer(200, "", "thank you")
    (request,) = crm.requests
    assert request.path == "/hook?key=1"
    assert request.headers["host"] == f"crm.example:{crm.port}"
    assert Webhook(SECRET).verify(request.body, request.headers) == {"a": "ở"}


@pytest.mark.usefixtures("inside")
def test_a_certificate_for_another_name_is_refused() -> None:
    with receiver(is_tls=True) as crm:
        assert send(f"https://shop.example:{crm.port}/").problem == "certificate"
        # The address is the right one; the certificate does not speak of it.
        assert send(f"https://127.0.0.1:{crm.port}/").problem == "certificate"

    assert crm.requests == []


@pytest.mark.usefixtures("inside")
def test_an_unknown_authority_is_refused(settings: Any) -> None:
    settings.WEBHOOKS_CA_FILE = ""
    with receiver(is_tls=True) as crm:
        assert send(f"https://crm.example:{crm.port}/").problem == "certificate"

    assert crm.requests == []


@pytest.mark.usefixtures("inside")
def test_a_server_without_tls_is_no_success() -> None:
    with receiver() as crm:
        answer = send(f"https://crm.example:{crm.port}/")

    assert answer.problem == "certificate"
    assert crm.requests == []


@pytest.mark.usefixtures("local")
def test_no_proxy_of_the_machine_is_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    with receiver() as proxy, receiver() as crm:
        for name in ("http_proxy", "HTTP_PROXY", "https_proxy", "ALL_PROXY"):
            monkeypatch.setenv(name, f"http://127.0.0.1:{proxy.port}")
        assert send(crm.address).status == 200

        assert proxy.requests == []


# --- answers ------------------------------------------------------------------------------


@pytest.mark.usefixtures("local")
@pytest.mark.parametrize(
    ("status", "problem"),
    [
        (200, ""),
        (202, ""),
        (204, ""),
        (299, ""),
        (300, "redirect"),
        (302, "redirect"),
        (400, "refused"),
        (404, "refused"),
        (410, "gone"),
        (429, "refused"),
        (500, "refused"),
        (503, "refused"),
    ],
)
def test_only_success_is_success(status: int, problem: str) -> None:
    with receiver(answer=answering(status)) as crm:
        answer = send(crm.address)

    assert (answer.status, answer.problem) == (status, problem)


@pytest.mark.usefixtures("local")
def test_the_first_500_characters_of_an_answer_are_kept() -> None:
    with receiver(answer=answering(200, "ở\0".encode() * 400)) as crm:
        answer = send(crm.address)

    assert answer.text == "ở\ufffd" * 250


@pytest.mark.usefixtures("local")
def test_an_answer_that_is_no_text_is_kept_all_the_same() -> None:
    with receiver(answer=answering(500, b"\xff\xfe")) as crm:
        assert send(crm.address).text == "\ufffd\ufffd"


@pytest.mark.usefixtures("local")
def test_a_bomb_stays_packed() -> None:
    import gzip

    bomb = gzip.compress(b"\0" * 10_000_000)
    with receiver(answer=answering(200, bomb, Content_Encoding="gzip")) as crm:
        answer = send(crm.address)

    assert answer.status == 200
    assert len(answer.text) <= 500
    assert crm.requests[0].headers["accept-encoding"] == "identity"


# --- those that take their time -----------------------------------------------------------


@contextmanager
def talker(talk: Callable[[socket.socket], None]) -> Iterator[str]:
    """A server that says byte by byte what it is told to say."""
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def serve() -> None:
            try:
                connection, _from = listener.accept()
            except OSError:
                return
            with connection:
                try:
                    talk(connection)
                except OSError:
                    return

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        yield f"http://localhost:{listener.getsockname()[1]}/"
        listener.shutdown(socket.SHUT_RDWR)
        thread.join()


def drip(start: bytes, drop: bytes) -> Callable[[socket.socket], None]:
    def talk(connection: socket.socket) -> None:
        connection.recv(65536)
        connection.sendall(start)
        while True:
            time.sleep(0.05)
            connection.sendall(drop)

    return talk


@pytest.fixture
def hurry(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(posting, "ANSWER_SECONDS", 0.6)


HEAD = b"HTTP/1.1 200 OK\r\nX: "


@pytest.mark.usefixtures("local", "hurry")
@pytest.mark.parametrize(
    ("start", "status", "problem"),
    [
        (b"HTTP/1.1 200 ", None, "too_slow"),  # in the status line
        (b"", None, "broken"),  # and what drips is no answer at all
        # In the head or the body: it was accepted, and the rest is of no interest.
        (HEAD, 200, ""),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 9000\r\n\r\n", 200, ""),
        (b"HTTP/1.1 500 No\r\nContent-Length: 9000\r\n\r\n", 500, "refused"),
    ],
)
def test_one_that_drips_is_cut_off(start: bytes, status: int | None, problem: str) -> None:
    began = time.monotonic()
    with talker(drip(start, b"H")) as address:
        answer = send(address)

        assert time.monotonic() - began < 3
    assert (answer.status, answer.problem) == (status, problem)


@pytest.mark.usefixtures("inside", "hurry")
def test_one_that_drips_in_the_handshake_is_cut_off() -> None:
    began = time.monotonic()
    # The head of a TLS record that announces far more than ever comes.
    with talker(drip(b"\x16\x03\x03\x40\x00", b"\x02")) as address:
        answer = send(address.replace("http://localhost", "https://crm.example"))

        assert time.monotonic() - began < 3
    assert answer.problem in ("too_slow", "certificate")


@pytest.mark.usefixtures("local", "hurry")
def test_one_that_says_nothing_is_too_slow() -> None:
    with talker(lambda connection: time.sleep(1)) as address:
        assert send(address).problem == "too_slow"


@pytest.mark.usefixtures("local")
def test_one_that_hangs_up_is_broken() -> None:
    with talker(lambda connection: None) as address:
        assert send(address).problem == "broken"


@pytest.mark.usefixtures("local")
def test_an_answer_without_end_is_read_to_a_bound(monkeypatch: pytest.MonkeyPatch) -> None:
    sent = 0

    def pour(connection: socket.socket) -> None:
        nonlocal sent
        connection.recv(65536)
        connection.sendall(b"HTTP/1.1 200 OK\r\n\r\n")
        while True:
            sent += connection.send(b"x" * 65536)

    with talker(pour) as address:
        began = time.monotonic()
        answer = send(address)

    assert (answer.status, answer.text) == (200, "x" * 500)
    assert time.monotonic() - began < 2
    # What was on its way in the machine's own buffers, and no more.
    assert sent < 20_000_000


@pytest.mark.usefixtures("local")
def test_where_nobody_listens_is_unreachable() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]

    assert send(f"http://localhost:{port}/").problem == "unreachable"
