"""HTTP to Zalo: the calls we make, and an honest word about how each one ended."""

import hashlib
import hmac
import json
from collections.abc import Mapping
from concurrent.futures import Future
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Self
from urllib.parse import urlencode

from django.conf import settings

from core.http import HttpClient, Request
from messaging.channels.answers import Answer, Outcome
from messaging.channels.http import FORM, Body, ask, whole

__all__ = ["Answer", "Outcome", "TokenAnswer", "TokenPair", "ZaloClient"]


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
    """Calls over kept-alive connections.

    What is sent is only begun: its future holds the answer. What is asked is waited for.
    """

    def __init__(self, *, connections: int = 1) -> None:
        self._http = HttpClient(connections=connections)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_error: object) -> None:
        self.close()

    def close(self) -> None:
        self._http.close()

    def send_by_uid(
        self, *, token: str, user_id: str, template_id: str, data: Mapping[str, str]
    ) -> Future[Answer]:
        """Send a template to a follower of the Official Account."""

        def read(outcome: Outcome, body: Body) -> Answer:
            answer = _receipt(outcome, body)
            told = str((answer.data or {}).get("user_id") or user_id)
            if answer.outcome == Outcome.ACCEPTED and told != user_id:
                return Answer(Outcome.AMBIGUOUS)
            return answer

        request = _to_send(
            f"{settings.ZALO_OPENAPI_URL}/v3.0/oa/message/template",
            token,
            {"user_id": user_id, "template_id": template_id, "template_data": data},
        )
        return ask(self._http, request, read)

    def send_by_phone(
        self,
        *,
        token: str,
        phone: str,
        template_id: str,
        data: Mapping[str, str],
        tracking_id: str,
    ) -> Future[Answer]:
        """Send a template to a phone number (ZNS)."""
        request = _to_send(
            f"{settings.ZALO_BUSINESS_URL}/message/template",
            token,
            {
                "phone": phone.removeprefix("+"),
                "template_id": template_id,
                "template_data": data,
                "tracking_id": tracking_id,
            },
        )
        return ask(self._http, request, _receipt)

    def read(self, path: str, *, token: str, **query: str | int) -> Answer:
        """Ask the business host a question; ``data`` is the whole body it answers."""
        request = Request(
            f"{settings.ZALO_BUSINESS_URL}{path}?{urlencode(query)}",
            {"access_token": token, "appsecret_proof": _proof(token)},
        )
        return ask(self._http, request, _whole_body).result()

    def refresh(self, refresh_token: str) -> TokenAnswer:
        """Exchange a refresh token, which thereby dies, for a new pair."""
        fields = {
            "refresh_token": refresh_token,
            "app_id": settings.ZALO_APP_ID,
            "grant_type": "refresh_token",
        }
        request = Request(
            f"{settings.ZALO_OAUTH_URL}/v4/oa/access_token",
            {"secret_key": settings.ZALO_APP_SECRET, "Content-Type": FORM},
            urlencode(fields).encode(),
        )
        return ask(self._http, request, _new_token).result()


def _to_send(url: str, token: str, body: Mapping[str, Any]) -> Request:
    headers = {
        "access_token": token,
        "appsecret_proof": _proof(token),
        "Content-Type": "application/json",
    }
    return Request(url, headers, json.dumps(body, ensure_ascii=False).encode())


def _receipt(outcome: Outcome, body: Body) -> Answer:
    if body is None:
        return Answer(outcome)
    code = whole(body.get("error"))
    if code is None:
        return Answer(Outcome.AMBIGUOUS)
    if code != 0:
        return Answer(Outcome.REFUSED, code)
    data = body.get("data")
    return Answer(Outcome.ACCEPTED, data=data if isinstance(data, dict) else None)


def _whole_body(outcome: Outcome, body: Body) -> Answer:
    if body is None:
        return Answer(outcome)
    code = whole(body.get("error"))
    if code != 0:
        return Answer(Outcome.REFUSED, code or 0)
    return Answer(Outcome.ACCEPTED, data=body)


def _new_token(outcome: Outcome, body: Body) -> TokenAnswer:
    if body is None:
        return TokenAnswer(outcome)
    if pair := _token_pair(body):
        return TokenAnswer(Outcome.ACCEPTED, pair=pair)
    return TokenAnswer(Outcome.REFUSED, code=whole(body.get("error")) or 0)


# A token serves thousands of messages.
@lru_cache(maxsize=4)
def _hashed(token: str, secret: str) -> str:
    return hmac.new(secret.encode(), token.encode(), hashlib.sha256).hexdigest()


def _proof(token: str) -> str:
    return _hashed(token, settings.ZALO_APP_SECRET)


def _token_pair(body: Mapping[str, Any]) -> TokenPair | None:
    access, refresh = body.get("access_token"), body.get("refresh_token")
    if not (isinstance(access, str) and access and isinstance(refresh, str) and refresh):
        return None
    return TokenPair(access, refresh, whole(body.get("expires_in")) or 90_000)
