"""Chance that stays the same: a member falls into the same bucket every time."""

from __future__ import annotations

from hashlib import blake2b

BUCKETS = 10_000


def bucket(salt: str, member_id: int) -> int:
    """Return where a member falls, 0 to 9.999; other salts shuffle anew."""
    digest = blake2b(f"{salt}:{member_id}".encode(), digest_size=8).digest()
    return int.from_bytes(digest) % BUCKETS


def is_among(salt: str, member_id: int, *, percent: float) -> bool:
    """Tell whether a member is among so many of a hundred."""
    return bucket(salt, member_id) < percent * BUCKETS / 100
