"""A door of our own that takes down what a simulated provider tells, and does no more.

A test hands it on itself, in its own thread: the site's live server would write to the
database that the relay is just writing to, and in memory both have one connection.
"""

from __future__ import annotations

import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TypeVar

Told = TypeVar("Told")


class EventDoor:
    """Keeps what was posted, with its signature, and the paths that were asked for."""

    def __init__(self) -> None:
        posted: list[tuple[bytes, str]] = []
        asked: list[str] = []

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                length = int(self.headers["Content-Length"])
                posted.append((self.rfile.read(length), self.headers["X-ZEvent-Signature"]))
                self._answer()

            def do_GET(self) -> None:
                asked.append(self.path)
                self._answer()

            def _answer(self) -> None:
                self.send_response(200)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *args: object) -> None:
                pass

        self._posted, self._asked = posted, asked
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"

    def events(self, number: int = 1) -> list[tuple[bytes, str]]:
        """Wait for so many bodies, each with its signature."""
        return _first(self._posted, number)

    def first_path(self) -> str:
        """Wait for the path that somebody asked for, with its query."""
        return _first(self._asked, 1)[0]

    def __enter__(self) -> EventDoor:
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *error: object) -> None:
        self._server.shutdown()
        self._server.server_close()


def _first(told: list[Told], number: int) -> list[Told]:
    deadline = time.monotonic() + 10
    while len(told) < number:
        assert time.monotonic() < deadline, "nobody told anything"
        time.sleep(0.02)
    return told[:number]
