"""The HTTP server: `Simulator` starts and stops it, in a thread of its own."""

import contextlib
import logging
import socket
import socketserver
import struct
import threading
from dataclasses import replace
from http.client import responses
from types import TracebackType
from typing import Any, Self
from urllib.parse import urlsplit

from zalo_simulator.faults import Faults
from zalo_simulator.http_types import Reply, Request
from zalo_simulator.messages import Message
from zalo_simulator.options import Options
from zalo_simulator.people import People
from zalo_simulator.platform import Platform
from zalo_simulator.routing import Answer, answer

logger = logging.getLogger(__name__)

LONGEST_LINE = 65_536
LONGEST_BODY = 16 * 1024 * 1024


class _Handler(socketserver.StreamRequestHandler):
    """A small HTTP/1.1 reader; the standard library's costs more than the send."""

    server: "_Server"
    # Small replies must not wait for the receiver's acknowledgement.
    disable_nagle_algorithm = True

    def handle(self) -> None:
        while self._answer_one():
            pass

    def _answer_one(self) -> bool:
        """Answer one request; return whether another may follow on this connection."""
        start = self.rfile.readline(LONGEST_LINE)
        if not start or start in (b"\r\n", b"\n"):
            return False
        try:
            method, target, version = start.decode("latin-1").split()
            headers = self._read_headers()
            body = self._read_body(headers)
        except ValueError:
            self._write(Reply(b"Bad request", 400, "text/plain"))
            return False
        address = urlsplit(target)
        request = Request(method, address.path, address.query, headers, body)
        keeps = version == "HTTP/1.1" and headers.get("connection", "").lower() != "close"
        return self._reply_to(request) and keeps

    def _read_headers(self) -> dict[str, str]:
        headers: dict[str, str] = {}
        while (line := self.rfile.readline(LONGEST_LINE)) not in (b"\r\n", b"\n", b""):
            name, _, value = line.decode("latin-1").partition(":")
            headers[name.strip().lower()] = value.strip()
        return headers

    def _read_body(self, headers: dict[str, str]) -> bytes:
        length = int(headers.get("content-length") or 0)
        if not 0 <= length <= LONGEST_BODY or "transfer-encoding" in headers:
            raise ValueError("A body needs a Content-Length within bounds.")
        if headers.get("expect", "").lower() == "100-continue":
            self.wfile.write(b"HTTP/1.1 100 Continue\r\n\r\n")
        return self.rfile.read(length)

    def _reply_to(self, request: Request) -> bool:
        try:
            found = answer(self.server.platform, request)
        except Exception:
            logger.exception("The simulator failed on %s %s", request.method, request.path)
            found = Answer(Reply(b"The simulator itself failed", 500, "text/plain"))
        # Waiting on the event and not on the clock lets stop() end a held-back reply.
        if found.delay:
            self.server.stopping.wait(found.delay)
        if found.is_cut or self.server.stopping.is_set():
            self._cut()
            return False
        self._write(found.reply)
        return True

    def _write(self, reply: Reply) -> None:
        head = [
            f"HTTP/1.1 {reply.status} {responses.get(reply.status, 'Unknown')}",
            f"Content-Type: {reply.content_type}",
            f"Content-Length: {len(reply.body)}",
            *(f"{name}: {value}" for name, value in reply.headers),
        ]
        self.wfile.write("\r\n".join(head).encode("latin-1") + b"\r\n\r\n" + reply.body)

    def _cut(self) -> None:
        """Close so that the other side sees a connection reset."""
        linger = struct.pack("ii", 1, 0)
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
        self.connection.close()


class _Server(socketserver.ThreadingMixIn, socketserver.TCPServer):
    allow_reuse_address = True
    daemon_threads = True
    block_on_close = False
    request_queue_size = 512

    def __init__(self, address: tuple[str, int], platform: Platform) -> None:
        self.platform = platform
        self.stopping = threading.Event()
        self._open: set[socket.socket] = set()
        super().__init__(address, _Handler)

    def process_request(self, request: Any, client_address: Any) -> None:
        self._open.add(request)
        super().process_request(request, client_address)

    def shutdown_request(self, request: Any) -> None:
        self._open.discard(request)
        super().shutdown_request(request)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Ignore clients that hang up in the middle."""
        logger.debug("Connection from %s ended early", client_address, exc_info=True)

    def close_connections(self) -> None:
        """End kept-alive connections too, so that a stopped platform is really gone."""
        for connection in list(self._open):
            # It may have been closed in the meantime.
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)


class Simulator:
    """The whole simulated platform.

    `with Simulator(port=0, webhook_url="…", ignore_night=True) as zalo: zalo.base_url`
    """

    def __init__(
        self,
        port: int = 0,
        host: str = "127.0.0.1",
        options: Options | None = None,
        **changes: Any,
    ) -> None:
        self.options = replace(options or Options(), **changes)
        self.platform = Platform(self.options)
        self._server = _Server((host, port), self.platform)
        self._thread: threading.Thread | None = None

    @property
    def port(self) -> int:
        return int(self._server.server_address[1])

    @property
    def base_url(self) -> str:
        return f"http://{self._server.server_address[0]!s}:{self.port}"

    @property
    def faults(self) -> Faults:
        return self.platform.faults

    @property
    def people(self) -> People:
        return self.platform.people

    def sent(self, **filters: Any) -> list[Message]:
        """Return accepted messages; phone, user_id, template_id, tracking_id filter."""
        return self.platform.messages.sent(**filters)

    def start(self) -> Self:
        self.platform.webhooks.start()
        self._thread = threading.Thread(
            target=self._server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True
        )
        self._thread.start()
        return self

    def stop(self) -> None:
        self._server.stopping.set()
        if self._thread:
            self._server.shutdown()
            self._thread.join()
        self._server.server_close()
        self._server.close_connections()
        self.platform.webhooks.stop()
        self.platform.store.close()

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stop()
