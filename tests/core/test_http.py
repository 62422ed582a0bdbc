"""How long a server is listened to, and that none is asked the same twice."""

import os
import selectors
import socket
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from dataclasses import dataclass, field

import pytest

from core import http
from core.http import HttpClient, Problem, Reply, Request
from tests.webhooks.receiving import AUTHORITY, receiver

HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
SHORT = HEAD + b"Content-Length: 2\r\n\r\n{}"
LONG = HEAD + b"Content-Length: 5000\r\n\r\n"
UNREACHABLE = Reply(problem=Problem.UNREACHABLE, was_sent=False)
CHUNKED = HEAD + b"Transfer-Encoding: chunked\r\n\r\n"


@dataclass
class Server:
    """What a server saw: its address, who connected, and what was asked."""

    url: str
    ports: list[int] = field(default_factory=list)
    heard: list[bytes] = field(default_factory=list)


@contextmanager
def server(answer: Callable[[socket.socket], None]) -> Iterator[Server]:
    """A server that answers as told."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        seen = Server(f"http://127.0.0.1:{listener.getsockname()[1]}/send")

        def talk(connection: socket.socket) -> None:
            with connection:
                try:
                    while request := connection.recv(65536):
                        seen.heard.append(request)
                        answer(connection)
                except OSError:
                    return  # the client has hung up

        def serve() -> None:
            while True:
                try:
                    connection, (_host, port) = listener.accept()
                except OSError:
                    return
                seen.ports.append(port)
                threading.Thread(target=talk, args=(connection,), daemon=True).start()

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        try:
            yield seen
        finally:
            listener.shutdown(socket.SHUT_RDWR)
    thread.join()


@pytest.fixture
def client() -> Iterator[HttpClient]:
    with HttpClient(connections=4) as opened:
        yield opened


def begin(client: HttpClient, url: str, body: bytes | None = b'{"a": 1}') -> Future[Reply]:
    return client.ask(Request(url, {"X-Token": "t"}, body), lambda reply: reply)


def ask(client: HttpClient, url: str, body: bytes | None = b'{"a": 1}') -> Reply:
    return begin(client, url, body).result(timeout=20)


def short(connection: socket.socket) -> None:
    connection.sendall(SHORT)


def hang_up(connection: socket.socket) -> None:
    connection.shutdown(socket.SHUT_RDWR)


def drip(connection: socket.socket) -> None:
    """Send an answer that is never silent and never whole."""
    connection.sendall(LONG + b"{")
    for _number in range(200):
        time.sleep(0.02)
        connection.sendall(b" ")


# --- what goes out ------------------------------------------------------------------------


def test_a_body_is_posted_as_it_is(client: HttpClient) -> None:
    with server(short) as seen:
        assert ask(client, seen.url, "ở".encode()) == Reply(200, b"{}")

    lines = seen.heard[0].split(b"\r\n")
    assert lines[0] == b"POST /send HTTP/1.1"
    assert {b"X-Token: t", b"Content-Length: 3"} <= set(lines)
    assert lines[-1] == "ở".encode()


def test_without_a_body_it_is_a_question(client: HttpClient) -> None:
    with server(short) as seen:
        # After a request with a body: the connection's handle forgets that one.
        ask(client, seen.url)
        ask(client, f"{seen.url}/../x?a=1", None)

    # As it was written: an address is the provider's own affair.
    assert seen.heard[1].startswith(b"GET /send/../x?a=1 HTTP/1.1\r\n")
    assert b"Content-Length" not in seen.heard[1]


def test_neither_proxies_nor_a_netrc_see_our_tokens(
    client: HttpClient, monkeypatch: pytest.MonkeyPatch, tmp_path: os.PathLike[str]
) -> None:
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:1")
    monkeypatch.setenv("HOME", str(tmp_path))
    with open(os.path.join(tmp_path, ".netrc"), "w") as netrc:
        netrc.write("machine 127.0.0.1 login me password secret\n")

    with server(short) as seen:
        assert ask(client, seen.url).status == 200

    assert b"Authorization" not in seen.heard[0]


def test_no_redirect_is_followed(client: HttpClient) -> None:
    with server(short) as other:

        def away(connection: socket.socket) -> None:
            head = f"HTTP/1.1 302 Found\r\nLocation: {other.url}\r\nContent-Length: 0"
            connection.sendall(f"{head}\r\n\r\n".encode())

        with server(away) as seen:
            assert ask(client, seen.url) == Reply(302)
    assert other.heard == []


def test_only_the_web_is_asked(client: HttpClient, tmp_path: os.PathLike[str]) -> None:
    secret = os.path.join(tmp_path, "secret")
    with open(secret, "w") as file:
        file.write("secret")

    reply = ask(client, f"file://{secret}", None)

    assert (reply.body, reply.was_sent) == (b"", False)


def test_it_goes_to_the_address_that_was_meant(client: HttpClient) -> None:
    with server(short) as seen:
        port = seen.url.split(":")[-1]
        pinned = Request(f"http://shop.invalid:{port}", {}, b"1", connect_to="127.0.0.1")
        assert client.ask(pinned, lambda reply: reply).result(20).status == 200
        # And the next one by its own name again.
        assert ask(client, f"http://shop.invalid:{port}") == UNREACHABLE

    assert b"Host: shop.invalid:" in seen.heard[0]


@pytest.mark.parametrize(
    ("said", "seconds"), [("120", 120), ("Wed, 21 Oct 2015 07:28:00 GMT", 0), ("x", 0)]
)
def test_a_server_says_for_how_long_it_wants_to_be_left_alone(
    client: HttpClient, said: str, seconds: int
) -> None:
    def busy(connection: socket.socket) -> None:
        head = f"HTTP/1.1 503 Busy\r\nRetry-After: {said}\r\nContent-Length: 0\r\n\r\n"
        connection.sendall(head.encode())

    with server(busy) as seen:
        assert ask(client, seen.url) == Reply(503, retry_after=seconds)


# --- connections --------------------------------------------------------------------------


def test_one_connection_is_kept_for_many_requests(client: HttpClient) -> None:
    with server(short) as seen:
        assert [ask(client, seen.url) for _ in range(5)] == [Reply(200, b"{}")] * 5

    assert len(seen.ports) == 1


def test_requests_are_under_way_side_by_side(client: HttpClient) -> None:
    together = threading.Barrier(4, timeout=10)

    def wait_for_the_others(connection: socket.socket) -> None:
        together.wait()
        connection.sendall(SHORT)

    with server(wait_for_the_others) as seen:
        futures = [begin(client, seen.url) for _ in range(4)]
        assert [one.result(timeout=20) for one in futures] == [Reply(200, b"{}")] * 4

    assert len(seen.ports) == 4


def test_no_more_are_under_way_than_there_are_connections() -> None:
    most = [0, 0]
    lock = threading.Lock()

    def count(connection: socket.socket) -> None:
        with lock:
            most[0] += 1
            most[1] = max(most)
        time.sleep(0.02)
        with lock:
            most[0] -= 1
        connection.sendall(SHORT)

    with server(count) as seen, HttpClient(connections=3) as client:
        futures = [begin(client, seen.url) for _ in range(12)]
        assert [one.result(timeout=20).status for one in futures] == [200] * 12

    assert most[1] == 3
    assert len(seen.ports) == 3


def test_an_answer_in_pieces_is_read_whole(client: HttpClient) -> None:
    def in_pieces(connection: socket.socket) -> None:
        connection.sendall(CHUNKED)
        for piece in (b'{"err', b'or":0', b"}"):
            connection.sendall(b"%x\r\n%s\r\n" % (len(piece), piece))
            time.sleep(0.01)
        connection.sendall(b"0\r\n\r\n")

    with server(in_pieces) as seen:
        assert [ask(client, seen.url) for _ in range(2)] == [Reply(200, b'{"error":0}')] * 2

    assert len(seen.ports) == 1


def test_a_kept_connection_that_dies_is_never_asked_again(client: HttpClient) -> None:
    """The server read the request and may have obeyed it before it went away."""

    def answer_once(connection: socket.socket) -> None:
        if len(seen.heard) == 1:
            connection.sendall(SHORT)
        else:
            hang_up(connection)

    with server(answer_once) as seen:
        assert ask(client, seen.url).status == 200
        assert ask(client, seen.url) == Reply(problem=Problem.BROKEN)
        time.sleep(0.3)

    assert len(seen.ports) == 1
    assert len(seen.heard) == 2


@pytest.mark.parametrize("pause", [0.05, 1.1])
def test_a_connection_that_was_closed_meanwhile_is_replaced(
    client: HttpClient, pause: float
) -> None:
    """Servers close what is idle, some after every answer: nobody is asked in vain."""

    def answer_and_go(connection: socket.socket) -> None:
        connection.sendall(SHORT)
        hang_up(connection)

    with server(answer_and_go) as seen:
        for _number in range(3):
            assert ask(client, seen.url).status == 200
            time.sleep(pause)

    assert len(seen.ports) == len(seen.heard) == 3


@pytest.mark.parametrize("selector", ["DefaultSelector", "SelectSelector"])
def test_connections_that_are_no_longer_kept_are_forgotten(
    monkeypatch: pytest.MonkeyPatch, selector: str
) -> None:
    """Whatever this system has to wait with."""
    monkeypatch.setattr(http.selectors, "DefaultSelector", getattr(selectors, selector))
    with HttpClient(connections=1) as client, server(short) as one, server(short) as other:
        for _number in range(4):
            futures = [begin(client, seen.url) for seen in (one, other) for _ in range(3)]
            assert [future.result(timeout=20).status for future in futures] == [200] * 6
            time.sleep(0.02)


# --- ends ---------------------------------------------------------------------------------


def test_where_nobody_listens_nothing_was_sent(client: HttpClient) -> None:
    assert ask(client, "http://127.0.0.1:1/") == UNREACHABLE


def test_a_name_that_leads_nowhere_means_that_nothing_was_sent(client: HttpClient) -> None:
    assert ask(client, "http://nobody.invalid/") == UNREACHABLE


def test_a_stranger_behind_the_name_is_told_nothing(client: HttpClient) -> None:
    """TLS comes first: who cannot prove the name does not see the request."""
    with receiver(is_tls=True) as stranger:
        reply = ask(client, stranger.address)

    assert reply == Reply(problem=Problem.CERTIFICATE, was_sent=False)
    assert stranger.requests == []


def test_a_brands_own_authority_vouches_for_its_servers() -> None:
    with HttpClient(ca_file=AUTHORITY) as client, receiver(is_tls=True) as ours:
        known = Request(f"https://crm.example:{ours.port}/", {}, b"1", "127.0.0.1")
        other = Request(f"https://shop.example:{ours.port}/", {}, b"1", "127.0.0.1")
        found = [client.ask(one, lambda reply: reply).result(20) for one in (known, other)]

    assert [one.status for one in found] == [200, 0]
    assert found[1] == Reply(problem=Problem.CERTIFICATE, was_sent=False)


@pytest.mark.parametrize(
    ("answer", "status"),
    [
        (b"", 0),
        (b"nonsense\r\n\r\n", 0),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 50\r\n\r\n{", 200),
        (b"HTTP/1.1 500 No\r\nContent-Length: 50\r\n\r\n{", 500),
    ],
)
def test_what_breaks_may_have_had_its_effect(
    client: HttpClient, answer: bytes, status: int
) -> None:
    def speak(connection: socket.socket) -> None:
        connection.sendall(answer)
        hang_up(connection)

    with server(speak) as seen:
        reply = ask(client, seen.url)

    assert (reply.status, reply.problem) == (status, Problem.BROKEN)
    assert len(seen.heard) == 1


def test_an_answer_without_end_is_read_to_a_bound(client: HttpClient) -> None:
    sent = 0

    def pour(connection: socket.socket) -> None:
        nonlocal sent
        connection.sendall(b"HTTP/1.1 200 OK\r\n\r\n")
        while True:
            sent += connection.send(b"x" * 65536)

    with server(pour) as seen:
        reply = ask(client, seen.url)

    assert (reply.status, reply.problem) == (200, Problem.BROKEN)
    assert 0 < len(reply.body) <= http.LONGEST_ANSWER
    # What was on its way in the machine's own buffers, and no more.
    assert sent < 20_000_000


def test_an_answer_that_drips_is_given_up(
    client: HttpClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(http, "ANSWER_SECONDS", 0.2)
    with server(drip) as seen:
        started = time.monotonic()
        reply = ask(client, seen.url)

    assert (reply.status, reply.problem) == (200, Problem.TOO_SLOW)
    # All of it would take four seconds.
    assert time.monotonic() - started < 2


def test_silence_is_given_up_and_holds_up_nobody_else(
    client: HttpClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(http, "ANSWER_SECONDS", 1.0)
    with server(lambda connection: time.sleep(3)) as silent, server(short) as seen:
        waiting = begin(client, silent.url)
        assert [ask(client, seen.url).status for _ in range(5)] == [200] * 5
        assert not waiting.done()
        assert waiting.result(timeout=20) == Reply(problem=Problem.TOO_SLOW)


def test_a_server_that_does_not_even_accept_was_sent_nothing(
    client: HttpClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(http, "CONNECT_SECONDS", 0.3)
    with (
        socket.socket() as listener,
        socket.socket() as first,
        socket.socket() as second,
    ):
        listener.bind(("127.0.0.1", 0))
        listener.listen(0)
        # They fill the queue of those who wait to be let in.
        for one in (first, second):
            one.setblocking(False)
            one.connect_ex(listener.getsockname())

        assert ask(client, f"http://127.0.0.1:{listener.getsockname()[1]}/") == UNREACHABLE


# --- the thread ---------------------------------------------------------------------------


def test_what_a_reader_raises_reaches_whoever_waits(client: HttpClient) -> None:
    def read(reply: Reply) -> Reply:
        raise ValueError(reply.status)

    with server(short) as seen:
        failed = client.ask(Request(seen.url, {}), read)
        with pytest.raises(ValueError, match="200"):
            failed.result(timeout=20)
        # And nobody else.
        assert ask(client, seen.url).status == 200


def test_closing_leaves_nobody_waiting() -> None:
    with server(lambda connection: time.sleep(3)) as silent:
        with HttpClient(connections=2) as client:
            begun = [begin(client, silent.url) for _ in range(2)]
            while len(silent.heard) < 2:
                time.sleep(0.01)
        started = time.monotonic()

        assert [one.result(timeout=1) for one in begun] == [
            Reply(problem=Problem.BROKEN)
        ] * 2
    assert time.monotonic() - started < 4


def test_a_request_that_libcurl_cannot_take_harms_no_other(client: HttpClient) -> None:
    with server(short) as seen:
        with pytest.raises(UnicodeEncodeError):
            client.ask(Request("http://ở/", {"X": "ở"}), lambda reply: reply).result(20)
        assert ask(client, seen.url).status == 200


def test_a_crowd_is_served(client: HttpClient) -> None:
    """Far more at once than connections are kept, from several threads."""
    with server(short) as seen:
        found: list[int] = []

        def many() -> None:
            futures = [begin(client, seen.url) for _ in range(50)]
            found.extend(one.result(timeout=20).status for one in futures)

        threads = [threading.Thread(target=many) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

    assert found == [200] * 200
    assert len(seen.heard) == 200
