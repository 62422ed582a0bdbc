"""Codes: random ones without letters that people mix up, long ones to be compared."""

import os
import secrets

# No 0/O, 1/I/L, 2/Z, 5/S, 8/B.
ALPHABET = "ACDEFGHJKMNPQRTUVWXY34679"
# Ten bytes stand for each letter; the few that are left over would favour some letters.
_USED = 256 - 256 % len(ALPHABET)
_LETTERS = bytes(ord(ALPHABET[byte % len(ALPHABET)]) for byte in range(256))
_LEFT_OVER = bytes(range(_USED, 256))


def random_code(length: int) -> str:
    """Return random letters that can be read aloud (4.6 bits a letter)."""
    return "".join(secrets.choice(ALPHABET) for _ in range(length))


def random_codes(count: int, length: int) -> list[str]:
    """Return many codes like ``random_code``, from the same source but far faster."""
    wanted = count * length
    letters = b""
    while len(letters) < wanted:
        drawn = os.urandom((wanted - len(letters)) * 256 // _USED + 64)
        letters += drawn.translate(_LETTERS, _LEFT_OVER)
    text = letters[:wanted].decode("ascii")
    return [text[start : start + length] for start in range(0, wanted, length)]


def random_digits(length: int) -> str:
    """Return random digits, the first one not zero, so that no spreadsheet shortens it."""
    return str(secrets.randbelow(9 * 10 ** (length - 1)) + 10 ** (length - 1))


def in_groups(digest: str) -> str:
    """Write a long digest so that two people can compare it."""
    return " ".join(digest[start : start + 8] for start in range(0, len(digest), 8))
