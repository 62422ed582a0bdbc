"""One way to ask a provider over HTTP: short, bounded, and honest about how it ended."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from typing import Any

import requests
from requests.adapters import HTTPAdapter
from urllib3.exceptions import ConnectTimeoutError, NewConnectionError

from messaging.channels.answers import Outcome

CONNECT_SECONDS = 3.05
READ_SECONDS = 10.0
# A whole answer, however slowly it drips; leases are longer than this.
ANSWER_SECONDS = 15.0
LONGEST_ANSWER = 64 * 1024


def new_session(connections: int) -> requests.Session:
    """Open kept-alive connections; one session may serve many threads."""
    session = requests.Session()
    adapter = HTTPAdapter(pool_connections=4, pool_maxsize=connections, max_retries=0)
    session.mount("http://", adapter)
    session.mount("https://", adapter)
    # Neither a .netrc nor a proxy variable of the machine may see our tokens.
    session.trust_env = False
    return session


def ask(
    session: requests.Session,
    method: str,
    url: str,
    *,
    headers: Mapping[str, str],
    data: Any = None,
    read_seconds: float = READ_SECONDS,
) -> tuple[Outcome, dict[str, Any] | None]:
    """Ask and read one JSON object; every other end is named by its outcome."""
    deadline = time.monotonic() + ANSWER_SECONDS
    try:
        with session.request(
            method,
            url,
            headers=headers,
            data=data,
            timeout=(CONNECT_SECONDS, read_seconds),
            allow_redirects=False,
            stream=True,
        ) as response:
            if response.status_code != 200:
                return _unanswered(response.status_code), None
            body = json.loads(_read(response, deadline))
    except requests.ConnectionError as error:
        return _unconnected(error), None
    except (requests.RequestException, OSError, ValueError, RecursionError):
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


def _read(response: requests.Response, deadline: float) -> bytes:
    """Read a body that is neither huge nor endless."""
    body = b""
    for part in response.iter_content(8192):
        body += part
        if len(body) > LONGEST_ANSWER or time.monotonic() > deadline:
            raise ValueError("The answer is too long or too slow.")
    return body


def _unanswered(status: int) -> Outcome:
    """A provider's own refusals come with status 200; 3xx and 4xx are a gateway's."""
    return Outcome.NOT_SENT if 300 <= status < 500 else Outcome.AMBIGUOUS


def _unconnected(error: requests.ConnectionError) -> Outcome:
    """Only a connection that never opened is sure to have carried nothing."""
    reason = getattr(error.args[0], "reason", None) if error.args else None
    if isinstance(reason, NewConnectionError | ConnectTimeoutError):
        return Outcome.NOT_SENT
    return Outcome.AMBIGUOUS
