"""A mail server that keeps every letter it takes, and sometimes fails on purpose.

It hangs up after taking a letter, before it says so: whoever sent it cannot know. Or it
says "later" before it takes anything.
"""

from __future__ import annotations

import random
import socketserver
import threading
from email import message_from_bytes, policy
from typing import Self


class SmtpSink:
    """``letters`` are the texts of what was taken."""

    def __init__(self, *, seed: int) -> None:
        self.letters: list[str] = []
        self.hangs_up = 0.0
        self.says_later = 0.0
        self.num_hung_up = 0
        self.lock = threading.Lock()
        self._chance = random.Random(seed)
        sink = self

        class Handler(_Handler):
            server_sink = sink

        self._server = _Server(("127.0.0.1", 0), Handler)
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)

    @property
    def port(self) -> int:
        return int(self._server.server_address[1])

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_error: object) -> None:
        self._server.shutdown()
        self._server.server_close()

    def happens(self, percent: float) -> bool:
        with self.lock:
            return self._chance.random() * 100 < percent

    def keep(self, data: bytes) -> None:
        letter = message_from_bytes(data, policy=policy.default)
        body = letter.get_body(("plain",))
        assert body is not None
        with self.lock:
            self.letters.append(str(body.get_content()))


class _Server(socketserver.ThreadingTCPServer):
    daemon_threads = True
    block_on_close = False
    request_queue_size = 256

    def handle_error(self, request: object, client_address: object) -> None:
        """Ignore clients that are killed in the middle."""


class _Handler(socketserver.StreamRequestHandler):
    server_sink: SmtpSink

    def handle(self) -> None:
        self._say("220 sink")
        while line := self.rfile.readline(2000):
            verb = line[:4].upper()
            if verb == b"QUIT":
                self._say("221 bye")
                return
            if verb != b"DATA":
                is_later = verb == b"RCPT" and self.server_sink.happens(
                    self.server_sink.says_later
                )
                self._say("451 later" if is_later else "250 ok")
                continue
            self._say("354 go on")
            self.server_sink.keep(self._read_letter())
            if self.server_sink.happens(self.server_sink.hangs_up):
                with self.server_sink.lock:
                    self.server_sink.num_hung_up += 1
                return
            self._say("250 taken")

    def _read_letter(self) -> bytes:
        lines = []
        while (line := self.rfile.readline(4000)) not in (b".\r\n", b""):
            lines.append(line.removeprefix(b".") if line.startswith(b"..") else line)
        if not line:
            # Killed in the middle of a letter: nothing was taken.
            raise ConnectionResetError
        return b"".join(lines)

    def _say(self, text: str) -> None:
        self.wfile.write(f"{text}\r\n".encode())
