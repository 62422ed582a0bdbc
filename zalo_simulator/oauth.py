"""Access tokens, and refresh tokens that work once."""

import base64
import hashlib
import hmac
import secrets
import threading
from urllib.parse import urlencode

from zalo_simulator.clock import Clock
from zalo_simulator.errors import Host, refuse
from zalo_simulator.http_types import Reply, Request, json_reply, redirect
from zalo_simulator.options import Options
from zalo_simulator.store import Store

WRONG_APP_ID = (-14002, "Invalid appId")
WRONG_SECRET = (-14004, "Invalid secret key")
WRONG_CODE = (-14005, "Invalid authorization code")
WRONG_GRANT = (-14006, "Invalid grant type")
WRONG_REFRESH_TOKEN = (-14014, "Invalid refresh token")

CODE_MILLISECONDS = 600_000


class Tokens:
    def __init__(self, options: Options, store: Store, clock: Clock) -> None:
        self._options = options
        self._store = store
        self._clock = clock
        self._lock = threading.Lock()
        self._expiry_of_access: dict[str, int] = dict(store.tokens("access"))
        # Kept when it is known already: a token that was used stays used after a restart.
        store.add_token("refresh", options.first_refresh_token, self._refresh_expiry())

    def mint(self, refresh_token: str = "") -> str:
        """Make a refresh token usable (again), so that a demo can start over."""
        value = refresh_token or self._options.first_refresh_token
        self._store.replace_token("refresh", value, self._refresh_expiry())
        return value

    def mint_access(self) -> str:
        value = secrets.token_urlsafe(48)
        expires_at = self._clock.milliseconds() + self._options.access_token_seconds * 1000
        self._expiry_of_access[value] = expires_at
        self._store.add_token("access", value, expires_at)
        return value

    def mint_code(self, challenge: str = "") -> str:
        """Make an authorization code, as if an OA admin had just agreed."""
        value = secrets.token_urlsafe(32)
        expires_at = self._clock.milliseconds() + CODE_MILLISECONDS
        self._store.add_token("code", value, expires_at, challenge)
        return value

    def revoke_access(self) -> None:
        """Forget every access token, as when an OA admin withdraws the grant."""
        self._expiry_of_access.clear()
        self._store.delete_tokens("access")

    def exchange(self, request: Request) -> Reply:
        """Answer `POST /v4/oa/access_token`."""
        form = request.form
        if form.get("app_id") != self._options.app_id:
            return _refused(*WRONG_APP_ID)
        if request.header("secret_key") != self._options.app_secret:
            return _refused(*WRONG_SECRET)
        if form.get("grant_type") == "refresh_token":
            return self._spend(
                "refresh", form.get("refresh_token", ""), WRONG_REFRESH_TOKEN
            )
        if form.get("grant_type") == "authorization_code":
            return self._spend_code(form.get("code", ""), form.get("code_verifier", ""))
        return _refused(*WRONG_GRANT)

    def consent(self, request: Request) -> Reply:
        """Answer the consent link as an OA admin who agrees at once."""
        query = request.query
        if query.get("app_id") != self._options.app_id:
            return _refused(*WRONG_APP_ID)
        callback = {
            "code": self.mint_code(query.get("code_challenge", "")),
            "oa_id": self._options.oa_id,
            "state": query.get("state", ""),
        }
        return redirect(f"{query.get('redirect_uri', '/')}?{urlencode(callback)}")

    def check(self, request: Request, host: Host) -> None:
        """Raise the refusal the platform gives for a missing, stale or unproven token."""
        token = request.header("access_token")
        expires_at = self._expiry_of_access.get(token)
        if expires_at is None:
            raise refuse("token_unknown", host)
        if expires_at <= self._clock.milliseconds():
            raise refuse("token_expired", host)
        self._check_proof(token, request.header("appsecret_proof"), host)

    def _check_proof(self, token: str, proof: str, host: Host) -> None:
        if not proof and not self._options.require_proof:
            return
        secret = self._options.app_secret.encode()
        expected = hmac.new(secret, token.encode(), hashlib.sha256).hexdigest()
        if not hmac.compare_digest(proof.encode(), expected.encode()):
            raise refuse("proof_wrong", host)

    def _spend_code(self, code: str, verifier: str) -> Reply:
        challenge = self._store.token_note("code", code)
        if challenge and challenge != _challenge_of(verifier):
            return _refused(*WRONG_CODE)
        return self._spend("code", code, WRONG_CODE)

    def _spend(self, kind: str, value: str, refusal: tuple[int, str]) -> Reply:
        with self._lock:
            if not self._store.use_token(kind, value, self._clock.milliseconds()):
                return _refused(*refusal)
            refresh_token = secrets.token_urlsafe(48)
            self._store.add_token("refresh", refresh_token, self._refresh_expiry())
            return self._pair(self.mint_access(), refresh_token)

    def _pair(self, access_token: str, refresh_token: str) -> Reply:
        seconds = self._options.access_token_seconds
        return json_reply(
            {
                "access_token": access_token,
                "refresh_token": refresh_token,
                "expires_in": seconds if self._options.flip_types else str(seconds),
            }
        )

    def _refresh_expiry(self) -> int:
        return self._clock.milliseconds() + self._options.refresh_token_seconds * 1000


def _challenge_of(verifier: str) -> str:
    digest = hashlib.sha256(verifier.encode()).digest()
    return base64.urlsafe_b64encode(digest).rstrip(b"=").decode()


def _refused(code: int, name: str) -> Reply:
    return json_reply(
        {
            "error": code,
            "error_name": name,
            "error_reason": name,
            "error_description": name,
            "ref_doc": "https://developers.zalo.me/docs/official-account",
        }
    )
