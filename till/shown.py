"""What this till was shown, by random tokens kept in its own session.

An address names a token and never a row, so nobody can ask for another till's voucher or
member; and the token is the key of what is done with it, so a second tap does nothing more.
"""

from __future__ import annotations

from typing import Any

from django.http import Http404, HttpRequest

from core.codes import random_code
from till.access import SESSION_KEY

LENGTH = 12
# A till serves one customer after the other; what is older is no longer on any screen.
MOST = 40

Facts = dict[str, Any]


def show(request: HttpRequest, kind: str, **facts: Any) -> str:
    """Remember what is on the screen; returns its token. ``facts`` are plain values."""
    token = random_code(LENGTH)
    keep(request, token, {"kind": kind, **facts})
    return token


def keep(request: HttpRequest, token: str, facts: Facts) -> None:
    """Remember under this token, as the newest of all."""
    state = request.session[SESSION_KEY]
    shown = {key: value for key, value in state.get("shown", {}).items() if key != token}
    shown[token] = facts
    newest = dict(list(shown.items())[-MOST:])
    request.session[SESSION_KEY] = {**state, "shown": newest}


def shown(request: HttpRequest, token: str, kind: str) -> Facts:
    """Return what a token stands for, or 404: another till's, another kind's, too old."""
    facts = peek(request, token, kind)
    if facts is None:
        raise Http404
    return facts


def peek(request: HttpRequest, token: str, kind: str) -> Facts | None:
    """Return what a token stands for, or None."""
    facts: Facts | None = request.session[SESSION_KEY].get("shown", {}).get(token)
    return facts if facts is not None and facts["kind"] == kind else None


def find_shown(request: HttpRequest, kind: str, **facts: Any) -> str:
    """Return the newest token of a kind with these facts; nothing when there is none."""
    tokens = request.session[SESSION_KEY].get("shown", {})
    for token, told in reversed(tokens.items()):
        if told["kind"] == kind and facts.items() <= told.items():
            return str(token)
    return ""
