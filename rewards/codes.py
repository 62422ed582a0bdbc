"""Codes of vouchers: how they are read and written, and how many a space has room for."""

from __future__ import annotations

import re
import unicodedata

from core.codes import ALPHABET
from rewards.models.vouchers import MAX_CODE

MIN_CODE = 4
# When every code of a kind is out there, one guess in a million may meet one.
GUESSES = 1_000_000

_SEPARATORS = re.compile(r"[\s\-‐-―−_./]+")
# Control signs, and what turns a line around or joins letters without being seen.
_UNSEEN = frozenset({"Cc", "Cf"})
_is_code = re.compile(rf"[A-Z0-9]{{{MIN_CODE},{MAX_CODE}}}").fullmatch


def normalise_code(text: str) -> str:
    """Bring a code to the form in which it is stored and compared: tet-2027 → TET2027.

    Full-width letters and digits become plain ones, small letters capitals; spaces,
    dashes, dots, strokes and what nobody sees go. What else a partner writes (small letters
    that matter, other signs) is kept beside the code and never compared. Look-alikes stay
    apart: made codes have neither 0 nor O, and a prefix or a partner may mean one of them.
    """
    plain = unicodedata.normalize("NFKC", text)
    seen = "".join(sign for sign in plain if unicodedata.category(sign) not in _UNSEEN)
    code = _SEPARATORS.sub("", seen)
    # Other alphabets are left as they are: “ß” in capitals would pass for “SS”.
    return code.upper() if code.isascii() else code


def is_code(code: str) -> bool:
    """Tell whether a normalised text can be a code."""
    return _is_code(code) is not None


def in_fours(code: str) -> str:
    """Write a code so that it can be read aloud."""
    return " ".join(code[start : start + 4] for start in range(0, len(code), 4))


def looks_like_number(code: str) -> bool:
    """Tell a code that a spreadsheet would take for a number: 34679, 3E77."""
    return not code.strip("0123456789E")


def room_for(length: int) -> int:
    """Return how many codes of so many random letters stay hopeless to guess."""
    return int(len(ALPHABET) ** length) // GUESSES


def needed_length(count: int) -> int:
    """Return how many random letters so many codes need."""
    length = 1
    while room_for(length) < count:
        length += 1
    return length
