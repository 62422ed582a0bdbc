"""HTTP to Zalo: the calls we make, and an honest word about how each one ended."""

import hashlib
import hmac
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self
from urllib.parse import urlencode

from django.conf import settings

from messaging.channels import http
from messaging.channels.answers import Answer, Outcome
from messaging.channels.http import whole

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
    """Calls with kept-alive connections; one may serve many threads."""

    def __init__(self, *, connections: int = 1) -> None:
        self._pool = http.new_pool(connections)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_error: object) -> None:
        self._pool.clear()

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

    def read(self, path: str, *, token: str, **query: str | int) -> Answer:
        """Ask the business host a question; ``data`` is the whole body it answers."""
        outcome, body = http.ask(
            self._pool,
            "GET",
            f"{settings.ZALO_BUSINESS_URL}{path}?{urlencode(query)}",
            headers={"access_token": token, "appsecret_proof": _proof(token)},
        )
        if body is None:
            return Answer(outcome)
        code = whole(body.get("error"))
        if code != 0:
            return Answer(Outcome.REFUSED, code or 0)
        return Answer(Outcome.ACCEPTED, data=body)

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
        return TokenAnswer(Outcome.REFUSED, code=whole(body.get("error")) or 0)

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
        code = whole(answer.get("error"))
        if code is None:
            return Answer(Outcome.AMBIGUOUS)
        if code != 0:
            return Answer(Outcome.REFUSED, code)
        data = answer.get("data")
        return Answer(Outcome.ACCEPTED, data=data if isinstance(data, dict) else None)

    def _call(
        self, url: str, *, headers: Mapping[str, str], data: Any
    ) -> tuple[Outcome, dict[str, Any] | None]:
        return http.ask(
            self._pool,
            "POST",
            url,
            headers=headers,
            data=data,
        )


def _proof(token: str) -> str:
    return hmac.new(
        settings.ZALO_APP_SECRET.encode(), token.encode(), hashlib.sha256
    ).hexdigest()


def _token_pair(body: Mapping[str, Any]) -> TokenPair | None:
    access, refresh = body.get("access_token"), body.get("refresh_token")
    if not (isinstance(access, str) and access and isinstance(refresh, str) and refresh):
        return None
    return TokenPair(access, refresh, whole(body.get("expires_in")) or 90_000)
