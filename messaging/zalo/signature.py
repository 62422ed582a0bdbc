"""The signature of a webhook: SHA-256 over the raw body and the secret of the OA."""

import hashlib
import hmac
import re

_FORMAT = re.compile(r"\s*(?:mac\s*=\s*)?([0-9a-fA-F]{64})\s*")


def sign(*, body: bytes, timestamp: str, app_id: str, secret: str) -> str:
    """Return what Zalo writes into X-ZEvent-Signature after ``mac=``."""
    return hashlib.sha256(
        app_id.encode() + body + timestamp.encode() + secret.encode()
    ).hexdigest()


def is_signed(
    *, header: str, body: bytes, timestamp: str, app_id: str, secret: str
) -> bool:
    """Tell whether Zalo wrote this body; without a secret nobody can."""
    match = _FORMAT.fullmatch(header)
    if not match or not secret:
        return False
    expected = sign(body=body, timestamp=timestamp, app_id=app_id, secret=secret)
    return hmac.compare_digest(match.group(1).lower(), expected)
