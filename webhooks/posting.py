"""One signed request to one endpoint: pinned to a judged address, short, and bounded."""

from __future__ import annotations

import socket
import ssl
import threading
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from http.client import HTTPException

import certifi
from django.conf import settings
from django.utils import timezone
from standardwebhooks import Webhook
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.exceptions import (
    ConnectTimeoutError,
    HTTPError,
    NewConnectionError,
    SSLError,
)
from urllib3.response import BaseHTTPResponse

from webhooks.addresses import Target, read_target, resolve
from webhooks.errors import AddressRefused, NameNotFound
from webhooks.models import ANSWER_LENGTH, WebhookDelivery

Problem = WebhookDelivery.Problem

CONNECT_SECONDS = 3.0
# From the first byte out to the last byte in, however slowly it drips.
ANSWER_SECONDS = 10.0
LONGEST_ANSWER = 64 * 1024
LONGEST_PAUSE = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back, if anything; ``problem`` is empty when it was accepted."""

    status: int | None = None
    problem: str = ""
    text: str = ""
    retry_after: timedelta = timedelta(0)


def post(address: str, *, message_id: str, payload: str, secrets: Sequence[str]) -> Answer:
    """Send a payload, signed with each secret; every end is an answer, none is raised."""
    try:
        target = read_target(address)
        found = resolve(target)
    except NameNotFound:
        return Answer(problem=Problem.NOT_FOUND)
    except AddressRefused:
        return Answer(problem=Problem.FORBIDDEN)
    headers = _headers(target, message_id, payload, secrets)
    deadline = time.monotonic() + ANSWER_SECONDS
    answer = Answer(problem=Problem.UNREACHABLE)
    for ip in found:
        answer = _ask(target, ip, payload.encode(), headers, deadline)
        # Another address of the same name is worth a try only while nothing was sent.
        if answer.problem != Problem.UNREACHABLE or time.monotonic() >= deadline:
            break
    return answer


def _headers(
    target: Target, message_id: str, payload: str, secrets: Sequence[str]
) -> dict[str, str]:
    now = timezone.now()
    signatures = (
        Webhook(secret).sign(msg_id=message_id, timestamp=now, data=payload)
        for secret in secrets
    )
    return {
        "Host": target.host_header,
        "Content-Type": "application/json",
        "Accept-Encoding": "identity",
        "Connection": "close",
        "User-Agent": "Loyalty-Webhooks/1",
        "webhook-id": message_id,
        "webhook-timestamp": str(int(now.timestamp())),
        "webhook-signature": " ".join(signatures),
    }


def _ask(
    target: Target, ip: str, body: bytes, headers: dict[str, str], deadline: float
) -> Answer:
    connection = _connection(target, ip)
    left = deadline - time.monotonic()
    # A server that drips resets every timeout with each byte; this clock it cannot reset.
    clock = threading.Timer(left, connection.cut)
    clock.daemon = True
    clock.start()
    try:
        connection.connect()
        connection.sock.settimeout(left)
        connection.request(
            "POST", target.path, body=body, headers=headers, preload_content=False
        )
        response = connection.getresponse()
        if time.monotonic() >= deadline:
            # Cut off within its head, which looks as if it had ended there.
            return Answer(problem=Problem.TOO_SLOW)
        return _read(response, deadline)
    except (NewConnectionError, ConnectTimeoutError):
        return Answer(problem=Problem.UNREACHABLE)
    except (ssl.SSLError, SSLError):
        return Answer(problem=Problem.CERTIFICATE)
    except (HTTPError, HTTPException, OSError, ValueError) as error:
        is_late = isinstance(error, TimeoutError) or time.monotonic() >= deadline
        return Answer(problem=Problem.TOO_SLOW if is_late else Problem.BROKEN)
    finally:
        clock.cancel()
        connection.close()


class _Severable(HTTPConnection):
    """A connection that another thread can end, be it in the middle of a handshake."""

    _handle: socket.socket | None = None

    def _new_conn(self) -> socket.socket:
        opened = super()._new_conn()
        # TLS takes the socket over and leaves the old object empty; a second handle on the
        # same connection stays good.
        self._handle = opened.dup()
        return opened

    def cut(self) -> None:
        """End the conversation; whoever reads it finds it closed."""
        with suppress(OSError, AttributeError):
            self._handle.shutdown(socket.SHUT_RDWR)  # type: ignore[union-attr]

    def close(self) -> None:
        super().close()
        if self._handle is not None:
            self._handle.close()


class _SeverableTls(_Severable, HTTPSConnection):
    pass


def _connection(target: Target, ip: str) -> _Severable:
    """Open nothing yet: a connection to this address, for a server of that name."""
    if target.scheme == "http":
        return _Severable(ip, target.port, timeout=CONNECT_SECONDS)
    return _SeverableTls(
        ip,
        target.port,
        timeout=CONNECT_SECONDS,
        server_hostname=target.host,
        cert_reqs="CERT_REQUIRED",
        ca_certs=settings.WEBHOOKS_CA_FILE or certifi.where(),
    )


def _read(response: BaseHTTPResponse, deadline: float) -> Answer:
    text = _text(response, deadline)
    status = response.status
    if 200 <= status < 300:
        return Answer(status, text=text)
    problem = Problem.REFUSED
    if status == 410:
        problem = Problem.GONE
    elif 300 <= status < 400:
        problem = Problem.REDIRECT
    pause = _retry_after(response.headers.get("Retry-After", ""))
    return Answer(status, problem, text, pause)


def _text(response: BaseHTTPResponse, deadline: float) -> str:
    """Return how the answer begins; the status stands, whatever becomes of the body."""
    body = b""
    with suppress(HTTPError, HTTPException, OSError, ValueError):
        while len(body) < LONGEST_ANSWER and time.monotonic() < deadline:
            part = response.read1(8192)
            if not part:
                break
            body += part
    # Neither database keeps a NUL in a text.
    return body.decode(errors="replace").replace("\0", "\ufffd")[:ANSWER_LENGTH]


def _retry_after(text: str) -> timedelta:
    """Read for how long the receiver asks us to wait: seconds or a date, a day at most."""
    try:
        wait = (
            timedelta(seconds=int(text))
            if text.strip().isdecimal() and len(text) < 10
            else _until(text)
        )
    except (ValueError, OverflowError):
        return timedelta(0)
    return min(max(wait, timedelta(0)), LONGEST_PAUSE)


def _until(text: str) -> timedelta:
    moment = parsedate_to_datetime(text)
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    return moment - datetime.now(UTC)
