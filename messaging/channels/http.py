"""One way to ask a provider over HTTP: short, bounded, and honest about how it ended."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlencode

import certifi
from urllib3 import BaseHTTPResponse, PoolManager, Timeout
from urllib3.exceptions import ConnectTimeoutError, HTTPError, NewConnectionError

from messaging.channels.answers import Outcome

CONNECT_SECONDS = 3.05
READ_SECONDS = 10.0
# A whole answer, however slowly it drips; leases are longer than this.
ANSWER_SECONDS = 15.0
LONGEST_ANSWER = 64 * 1024
FORM = "application/x-www-form-urlencoded"


def new_pool(connections: int) -> PoolManager:
    """Open kept-alive connections that serve many threads.

    Neither a .netrc nor a proxy variable of the machine sees our tokens: it reads none.
    """
    return PoolManager(
        4,
        maxsize=connections,
        retries=False,
        ca_certs=certifi.where(),
        cert_reqs="REQUIRED",
    )


def ask(
    pool: PoolManager,
    method: str,
    url: str,
    *,
    headers: Mapping[str, str],
    data: bytes | Mapping[str, str] | None = None,
) -> tuple[Outcome, dict[str, Any] | None]:
    """Ask and read one JSON object; every other end is named by its outcome.

    ``data`` is a body as it stands, or the fields of a form.
    """
    deadline = time.monotonic() + ANSWER_SECONDS
    if isinstance(data, Mapping):
        headers = {**headers, "Content-Type": FORM}
        data = urlencode(data).encode()
    try:
        response = pool.urlopen(
            method,
            url,
            body=data,
            headers=headers,
            timeout=Timeout(connect=CONNECT_SECONDS, read=READ_SECONDS),
            redirect=False,
            preload_content=False,
        )
        if response.status != 200:
            response.close()
            return _unanswered(response.status), None
        body = json.loads(_read(response, deadline))
    except (NewConnectionError, ConnectTimeoutError):
        # Only a connection that never opened is sure to have carried nothing.
        return Outcome.NOT_SENT, None
    except (HTTPError, OSError, ValueError, RecursionError):
        return Outcome.AMBIGUOUS, None
    if not isinstance(body, dict):
        return Outcome.AMBIGUOUS, None
    return Outcome.ACCEPTED, body


def whole(value: Any) -> int | None:
    """Read a number that a provider may give as a number or as text."""
    try:
        return None if isinstance(value, bool | float) else int(value)
    except (TypeError, ValueError):
        return None


def _read(response: BaseHTTPResponse, deadline: float) -> bytes:
    """Read a body, neither huge nor endless, to its end: so the connection lives on."""
    body = b""
    while part := response.read1(8192):
        body += part
        if len(body) > LONGEST_ANSWER or time.monotonic() > deadline:
            response.close()
            raise ValueError("The answer is too long or too slow.")
    return body


def _unanswered(status: int) -> Outcome:
    """A provider's own refusals come with status 200; 3xx and 4xx are a gateway's."""
    return Outcome.NOT_SENT if 300 <= status < 500 else Outcome.AMBIGUOUS
