"""A receiver as a brand would run it: a real server, on this machine, that keeps count."""

from __future__ import annotations

import json
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

CERTIFICATES = Path(__file__).parent / "certificates"
AUTHORITY = str(CERTIFICATES / "authority.pem")


@dataclass
class Request:
    """One request as it came in, and when."""

    path: str
    headers: dict[str, str]
    body: bytes
    at: float

    @property
    def id(self) -> str:
        return self.headers["webhook-id"]

    @property
    def event(self) -> Any:
        return json.loads(self.body)


# Given a request, answers status, headers and body; may take its time.
Answering = Callable[[Request], tuple[int, dict[str, str], bytes]]


def accept(_request: Request) -> tuple[int, dict[str, str], bytes]:
    return 200, {}, b"thank you"


def answering(status: int, body: bytes = b"", **headers: str) -> Answering:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return lambda _request: (status, named, body)


def slowly(seconds: float, then: Answering = accept) -> Answering:
    def answer(request: Request) -> tuple[int, dict[str, str], bytes]:
        time.sleep(seconds)
        return then(request)

    return answer


@dataclass
class Receiver:
    port: int
    scheme: str
    answer: Answering = accept
    requests: list[Request] = field(default_factory=list)

    @property
    def address(self) -> str:
        return f"{self.scheme}://localhost:{self.port}/hook"

    @property
    def ids(self) -> list[str]:
        return [one.id for one in self.requests]


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Clients that hang up are what some tests are about."""


@contextmanager
def receiver(*, answer: Answering = accept, is_tls: bool = False) -> Iterator[Receiver]:
    """Run a receiver; it serves many requests at once."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            length = int(self.headers.get("Content-Length", 0))
            headers = {name.lower(): value for name, value in self.headers.items()}
            body = self.rfile.read(length)
            request = Request(self.path, headers, body, time.monotonic())
            found.requests.append(request)
            status, more, text = found.answer(request)
            self.send_response(status)
            for name, value in more.items():
                self.send_header(name, value)
            if "Content-Length" not in more:
                self.send_header("Content-Length", str(len(text)))
            self.end_headers()
            self.wfile.write(text)

        def log_message(self, *_args: Any) -> None:
            """Keep quiet."""

    server = _Server(("127.0.0.1", 0), Handler)
    if is_tls:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(CERTIFICATES / "server.pem")
        server.socket = context.wrap_socket(server.socket, server_side=True)
    found = Receiver(server.server_address[1], "https" if is_tls else "http", answer)
    thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    try:
        yield found
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
