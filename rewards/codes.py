"""Codes as people type them, and as they are stored."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable

from rewards.models.vouchers import MAX_CODE

# Spaces of all kinds, dashes of all kinds, and what nobody sees.
_DROPPED = frozenset({"Zs", "Zl", "Zp", "Pd", "Cc", "Cf"})
# A dash to the eye, though not to Unicode.
_MINUS = "\u2212"


def normalise_code(typed: str) -> str:
    """Return a code as it is stored and compared: capitals, no spaces, no dashes.

    Full-width letters and digits become plain ones, small letters become capitals; spaces,
    dashes and invisible signs go. Every other sign stays, since partners'
    codes may have some (``AB/12+3``). Look-alikes (0 and O) stay apart: generated codes
    have neither, and a prefix or a partner may mean one of them.

    A partner's code whose capitals or dashes matter to the partner is stored as the
    partner wrote it; ``codes_meant`` finds that one, too.
    """
    plain = unicodedata.normalize("NFKC", typed)
    kept = (
        sign
        for sign in plain
        if sign != _MINUS and unicodedata.category(sign) not in _DROPPED
    )
    return "".join(kept).upper()


def codes_meant(typed: Iterable[str]) -> dict[str, tuple[str, ...]]:
    """Return for each text the stored codes that it may mean, the likeliest first.

    What is longer than any code means none.
    """
    meant = {}
    for text in typed:
        tries = dict.fromkeys((text.strip(), normalise_code(text)))
        meant[text] = tuple(code for code in tries if 0 < len(code) <= MAX_CODE)
    return meant
