"""Links in messages: short, signed, without a table of their own.

A token is twelve letters of signature and the message's number. 72 bits cannot be
guessed, and nothing needs to be stored for a million links.
"""

import base64
import hashlib
import hmac
from datetime import datetime
from functools import lru_cache
from typing import Any

from django.conf import settings
from django.utils.crypto import constant_time_compare
from django.utils.http import base36_to_int, int_to_base36

from messaging.models import Message

SALT = "messaging.links"
OPT_OUT_SALT = "messaging.opt_out"
SIGNATURE_LENGTH = 12
LARGEST_ID = 2**63 - 1


def member_link(message_id: int) -> str:
    """Return the address of the member's page that this message leads to."""
    return f"{settings.PUBLIC_URL}/m/{make_token(message_id)}/"


def opt_out_link(message_id: int) -> str:
    """Return the address at which the recipient of this message refuses further offers."""
    return f"{settings.PUBLIC_URL}/o/{make_token(message_id, salt=OPT_OUT_SALT)}/"


def make_token(message_id: int, *, salt: str = SALT) -> str:
    return _signature(message_id, settings.SECRET_KEY, salt) + int_to_base36(message_id)


def read_opt_out(token: str) -> int | None:
    return read_link(token, salt=OPT_OUT_SALT)


def read_link(token: str, *, salt: str = SALT) -> int | None:
    """Return the message a token was made for, or None when we did not make it."""
    signature, number = token[:SIGNATURE_LENGTH], token[SIGNATURE_LENGTH:]
    try:
        message_id = base36_to_int(number)
    except ValueError:
        return None
    # Only the spelling that we write is ours: no leading zeros, no capital letters.
    if message_id > LARGEST_ID or number != int_to_base36(message_id):
        return None
    keys: list[Any] = [settings.SECRET_KEY, *settings.SECRET_KEY_FALLBACKS]
    ours = [_signature(message_id, key, salt) for key in keys]
    if any(constant_time_compare(signature, one) for one in ours):
        return message_id
    return None


def note_click(message_id: int, at: datetime) -> bool:
    """Remember the first time a link was opened; return whether this was it."""
    first = Message.objects.filter(pk=message_id, clicked_at__isnull=True)
    return bool(first.update(clicked_at=at))


def _signature(message_id: int, secret: str, salt: str) -> str:
    digest = hmac.digest(_key(secret, salt), str(message_id).encode(), "sha256")
    return base64.urlsafe_b64encode(digest[:9]).decode()


@lru_cache(maxsize=8)
def _key(secret: str, salt: str) -> bytes:
    """Derive the key as Django's ``salted_hmac`` does, once for all messages."""
    return hashlib.sha256((salt + secret).encode()).digest()
