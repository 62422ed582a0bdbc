"""HTTP to Zalo: three calls, and an honest word about how each one ended.

The caller must know three things apart: Zalo said no (it was not sent), we never reached
Zalo (it was not sent), and anything else (it may have been sent).
"""

import hashlib
import hmac
import json
import time
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Self

import requests
from django.conf import settings
from requests.adapters import HTTPAdapter
from urllib3.exceptions import ConnectTimeoutError, NewConnectionError

CONNECT_SECONDS = 3.05
READ_SECONDS = 10.0
# A whole answer, however slowly it drips; leases are longer than this.
ANSWER_SECONDS = 15.0
LONGEST_ANSWER = 64 * 1024


class Outcome(StrEnum):
    ACCEPTED = "accepted"
    REFUSED = "refused"
    # Nothing left this machine.
    NOT_SENT = "not_sent"
    # The request may have had its effect.
    AMBIGUOUS = "ambiguous"


@dataclass(frozen=True, slots=True)
class Answer:
    """How a call ended; ``code`` is Zalo's error, ``data`` the body's ``data``."""

    outcome: Outcome
    code: int = 0
    data: Mapping[str, Any] | None = None

    @property
    def provider_id(self) -> str:
        data = self.data or {}
        return str(data.get("message_id") or data.get("msg_id") or "")[:60]


@dataclass(frozen=True, slots=True)
class TokenPair:
    access_token: str
    refresh_token: str
    seconds: int


@dataclass(frozen=True, slots=True)
class TokenAnswer:
    """The end of a refresh: a pair, a refusal with its code, or neither."""

    outcome: Outcome
    code: int = 0
    pair: TokenPair | None = None


class ZaloClient:
    """Calls with kept-alive connections; one may serve many threads."""

    def __init__(self, *, connections: int = 1) -> None:
        self._session = requests.Session()
        adapter = HTTPAdapter(pool_connections=4, pool_maxsize=connections, max_retries=0)
        self._session.mount("http://", adapter)
        self._session.mount("https://", adapter)
        # Neither a .netrc nor a proxy variable of the machine may see our tokens.
        self._session.trust_env = False

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_error: object) -> None:
        self._session.close()

    def send_by_uid(
        self, *, token: str, user_id: str, template_id: str, data: Mapping[str, str]
    ) -> Answer:
        """Send a template to a follower of the Official Account."""
        answer = self._post(
            f"{settings.ZALO_OPENAPI_URL}/v3.0/oa/message/template",
            token,
            {"user_id": user_id, "template_id": template_id, "template_data": data},
        )
        told = str((answer.data or {}).get("user_id") or user_id)
        if answer.outcome == Outcome.ACCEPTED and told != user_id:
            return Answer(Outcome.AMBIGUOUS)
        return answer

    def send_by_phone(
        self,
        *,
        token: str,
        phone: str,
        template_id: str,
        data: Mapping[str, str],
        tracking_id: str,
    ) -> Answer:
        """Send a template to a phone number (ZNS)."""
        return self._post(
            f"{settings.ZALO_BUSINESS_URL}/message/template",
            token,
            {
                "phone": phone.removeprefix("+"),
                "template_id": template_id,
                "template_data": data,
                "tracking_id": tracking_id,
            },
        )

    def refresh(self, refresh_token: str) -> TokenAnswer:
        """Exchange a refresh token, which thereby dies, for a new pair."""
        outcome, body = self._call(
            f"{settings.ZALO_OAUTH_URL}/v4/oa/access_token",
            headers={"secret_key": settings.ZALO_APP_SECRET},
            data={
                "refresh_token": refresh_token,
                "app_id": settings.ZALO_APP_ID,
                "grant_type": "refresh_token",
            },
        )
        if body is None:
            return TokenAnswer(outcome)
        if pair := _token_pair(body):
            return TokenAnswer(Outcome.ACCEPTED, pair=pair)
        return TokenAnswer(Outcome.REFUSED, code=_whole(body.get("error")) or 0)

    def _post(self, url: str, token: str, body: Mapping[str, Any]) -> Answer:
        outcome, answer = self._call(
            url,
            headers={
                "access_token": token,
                "appsecret_proof": _proof(token),
                "Content-Type": "application/json",
            },
            data=json.dumps(body, ensure_ascii=False).encode(),
        )
        if answer is None:
            return Answer(outcome)
        code = _whole(answer.get("error"))
        if code is None:
            return Answer(Outcome.AMBIGUOUS)
        if code != 0:
            return Answer(Outcome.REFUSED, code)
        data = answer.get("data")
        return Answer(Outcome.ACCEPTED, data=data if isinstance(data, dict) else None)

    def _call(
        self, url: str, *, headers: Mapping[str, str], data: Any
    ) -> tuple[Outcome, dict[str, Any] | None]:
        """Post and read one JSON object; every other end is named by its outcome."""
        deadline = time.monotonic() + ANSWER_SECONDS
        try:
            with self._session.post(
                url,
                headers=headers,
                data=data,
                timeout=(CONNECT_SECONDS, READ_SECONDS),
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


def _read(response: requests.Response, deadline: float) -> bytes:
    """Read a body that is neither huge nor endless."""
    body = b""
    for part in response.iter_content(8192):
        body += part
        if len(body) > LONGEST_ANSWER or time.monotonic() > deadline:
            raise ValueError("The answer is too long or too slow.")
    return body


def _unanswered(status: int) -> Outcome:
    """Zalo's own refusals come with status 200; a 3xx or 4xx is a gateway's before it."""
    return Outcome.NOT_SENT if 300 <= status < 500 else Outcome.AMBIGUOUS


def _unconnected(error: requests.ConnectionError) -> Outcome:
    """Only a connection that never opened is sure to have carried nothing."""
    reason = getattr(error.args[0], "reason", None) if error.args else None
    if isinstance(reason, NewConnectionError | ConnectTimeoutError):
        return Outcome.NOT_SENT
    return Outcome.AMBIGUOUS


def _proof(token: str) -> str:
    return hmac.new(
        settings.ZALO_APP_SECRET.encode(), token.encode(), hashlib.sha256
    ).hexdigest()


def _whole(value: Any) -> int | None:
    """Read a number that Zalo may give as a number or as text."""
    try:
        return None if isinstance(value, bool | float) else int(value)
    except (TypeError, ValueError):
        return None


def _token_pair(body: Mapping[str, Any]) -> TokenPair | None:
    access, refresh = body.get("access_token"), body.get("refresh_token")
    if not (isinstance(access, str) and access and isinstance(refresh, str) and refresh):
        return None
    return TokenPair(access, refresh, _whole(body.get("expires_in")) or 90_000)
