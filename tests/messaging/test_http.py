"""How long we listen to a provider, and over how many connections."""

import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest

from messaging.channels import http
from messaging.channels.answers import Outcome

HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
SHORT = HEAD + b"Content-Length: 2\r\n\r\n{}"
LONG = HEAD + b"Content-Length: 5000\r\n\r\n"
CHUNKED = HEAD + b"Transfer-Encoding: chunked\r\n\r\n"


@contextmanager
def provider(answer: Callable[[socket.socket], None]) -> Iterator[tuple[str, list[int]]]:
    """A server that answers as told; yields its address and the ports that connected."""
    ports: list[int] = []
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def talk(connection: socket.socket) -> None:
            with connection:
                while _heard(connection):
                    answer(connection)

        def serve() -> None:
            while True:
                try:
                    connection, (_host, port) = listener.accept()
                except OSError:
                    return
                ports.append(port)
                threading.Thread(target=talk, args=(connection,), daemon=True).start()

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        try:
            yield f"http://127.0.0.1:{listener.getsockname()[1]}/send", ports
        finally:
            listener.shutdown(socket.SHUT_RDWR)
    thread.join()


def _heard(connection: socket.socket) -> bool:
    """Wait for a request; False when the client has hung up."""
    try:
        return bool(connection.recv(65536))
    except OSError:
        return False


def drip(connection: socket.socket) -> None:
    """Send an answer that is never silent and never whole."""
    try:
        connection.sendall(LONG + b"{")
        for _number in range(200):
            time.sleep(0.02)
            connection.sendall(b" ")
    except OSError:
        pass  # the client has hung up


def test_an_answer_that_drips_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(http, "ANSWER_SECONDS", 0.2)
    with provider(drip) as (url, _ports):
        started = time.monotonic()
        outcome, body = http.ask(http.new_pool(1), "GET", url, headers={})

    assert (outcome, body) == (Outcome.AMBIGUOUS, None)
    # All of it would take four seconds.
    assert time.monotonic() - started < 2


def test_an_answer_in_pieces_is_read_whole() -> None:
    def in_pieces(connection: socket.socket) -> None:
        connection.sendall(CHUNKED)
        for piece in (b'{"err', b'or":0', b"}"):
            connection.sendall(b"%x\r\n%s\r\n" % (len(piece), piece))
            time.sleep(0.01)
        connection.sendall(b"0\r\n\r\n")

    with provider(in_pieces) as (url, ports):
        pool = http.new_pool(1)
        answers = [http.ask(pool, "GET", url, headers={}) for _ in range(2)]

    assert answers == [(Outcome.ACCEPTED, {"error": 0})] * 2
    assert len(ports) == 1


def test_one_connection_is_kept_for_many_requests() -> None:
    with provider(lambda link: link.sendall(SHORT)) as (url, ports):
        pool = http.new_pool(1)
        answers = [http.ask(pool, "GET", url, headers={}) for _ in range(5)]

    assert answers == [(Outcome.ACCEPTED, {})] * 5
    assert len(ports) == 1


def test_the_machines_proxies_do_not_see_our_tokens(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:1")

    with provider(lambda link: link.sendall(SHORT)) as (url, _ports):
        outcome, _body = http.ask(http.new_pool(1), "GET", url, headers={})

    assert outcome == Outcome.ACCEPTED
