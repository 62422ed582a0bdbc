"""Events sent to the business, signed and repeated as the platform does."""

import hashlib
import heapq
import http.client
import json
import threading
import time
from collections import deque
from dataclasses import dataclass, field, replace
from typing import Any
from urllib.parse import urlsplit

from zalo_simulator.clock import Clock
from zalo_simulator.options import Options

# Seconds after a failed attempt, and how long the receiver may take to answer.
RETRY_LADDER = (30, 300, 900, 1800, 3600)
REPLY_SECONDS = 2.0
WORKERS = 4
# How late every other event comes when "out of order" is on.
OUT_OF_ORDER_SECONDS = 2.0


@dataclass(frozen=True)
class Event:
    body: bytes
    signature: str
    name: str
    is_zns: bool = False
    num_retry: int = 0


@dataclass(frozen=True)
class Attempt:
    """One delivery attempt, kept for the page and for tests; status 0 means no answer."""

    event_name: str
    status: int
    num_retry: int
    body: str


@dataclass(order=True)
class _Due:
    at: float
    order: int
    event: Event = field(compare=False)


class Webhooks:
    """A queue of due events and threads that post them; no reply waits for it."""

    def __init__(self, options: Options, clock: Clock) -> None:
        self.url = options.webhook_url
        self.is_duplicating = False
        self.is_out_of_order = False
        self.attempts: deque[Attempt] = deque(maxlen=500)
        self._options = options
        self._clock = clock
        self._queue: list[_Due] = []
        self._condition = threading.Condition()
        self._is_stopping = False
        self._last_order = 0
        self._num_posting = 0
        self._threads = [
            threading.Thread(target=self._work, daemon=True) for _ in range(WORKERS)
        ]

    def start(self) -> None:
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        with self._condition:
            self._is_stopping = True
            self._condition.notify_all()
        for thread in self._threads:
            thread.join(timeout=REPLY_SECONDS + 1)

    def send(
        self,
        name: str,
        members: dict[str, Any],
        *,
        after: float = 0.0,
        is_zns: bool = False,
    ) -> None:
        """Queue an event; without an address nothing is sent."""
        if not self.url:
            return
        event = self._event(name, members, after, is_zns)
        self._put(event, after + self._lateness())
        if self.is_duplicating:
            self._put(event, after)

    def num_waiting(self) -> int:
        with self._condition:
            return len(self._queue) + self._num_posting

    def signature(self, body: bytes, timestamp: str) -> str:
        """Sign with plain SHA-256 over app id, raw body, timestamp and OA secret."""
        digest = hashlib.sha256(self._options.app_id.encode() + body)
        digest.update(timestamp.encode() + self._options.oa_secret.encode())
        return f"mac={digest.hexdigest()}"

    def _event(
        self, name: str, members: dict[str, Any], after: float, is_zns: bool
    ) -> Event:
        timestamp = str(self._clock.milliseconds() + int(after * 1000))
        common = {
            "app_id": self._options.app_id,
            "event_name": name,
            "timestamp": timestamp,
        }
        body = json.dumps(common | members, ensure_ascii=False).encode()
        signed_time = str(members.get("timestamp", timestamp))
        return Event(body, self.signature(body, signed_time), name, is_zns)

    def _lateness(self) -> float:
        is_odd = self._last_order % 2 == 0
        return OUT_OF_ORDER_SECONDS if self.is_out_of_order and is_odd else 0.0

    def _put(self, event: Event, after: float) -> None:
        with self._condition:
            self._last_order += 1
            due = _Due(time.monotonic() + after, self._last_order, event)
            heapq.heappush(self._queue, due)
            self._condition.notify()

    def _work(self) -> None:
        while (event := self._take()) is not None:
            try:
                status = _post(self.url, event)
                self.attempts.append(
                    Attempt(event.name, status, event.num_retry, event.body.decode())
                )
                if status != 200:
                    self._put_again(event)
            finally:
                with self._condition:
                    self._num_posting -= 1

    def _take(self) -> Event | None:
        """Wait for the next due event; None when the simulator stops."""
        with self._condition:
            while not self._is_stopping:
                wait = self._queue[0].at - time.monotonic() if self._queue else None
                if wait is not None and wait <= 0:
                    self._num_posting += 1
                    return heapq.heappop(self._queue).event
                self._condition.wait(wait)
        return None

    def _put_again(self, event: Event) -> None:
        if event.num_retry >= len(RETRY_LADDER):
            return
        wait = RETRY_LADDER[event.num_retry] * self._options.webhook_time_scale
        self._put(replace(event, num_retry=event.num_retry + 1), wait)


def _post(url: str, event: Event) -> int:
    """Return the HTTP status, or 0 when there was no answer in time."""
    address = urlsplit(url)
    kind = (
        http.client.HTTPSConnection
        if address.scheme == "https"
        else http.client.HTTPConnection
    )
    target = (address.path or "/") + (f"?{address.query}" if address.query else "")
    try:
        connection = kind(address.hostname or "", address.port, timeout=REPLY_SECONDS)
        try:
            connection.request("POST", target, event.body, _headers(event))
            return connection.getresponse().status
        finally:
            connection.close()
    except (OSError, http.client.HTTPException):
        return 0


def _headers(event: Event) -> dict[str, str]:
    headers = {"Content-Type": "application/json", "X-ZEvent-Signature": event.signature}
    if event.is_zns:
        headers["X-ZEvent-Server"] = "ZNS"
    if event.num_retry:
        headers["num_retry"] = str(event.num_retry)
    return headers


def app_scoped_id(user_id: str) -> str:
    """Derive the id the person has in the app; it differs from the one at the OA."""
    return str(int(hashlib.sha256(user_id.encode()).hexdigest()[:15], 16) + 10**17)
