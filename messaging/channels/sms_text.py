"""What fits into an SMS: letters without accents, and how many parts a text takes."""

from __future__ import annotations

import unicodedata
from math import ceil

# The alphabet of GSM 03.38; what stands in the second table counts twice.
GSM = frozenset(
    "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?"
    "¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿abcdefghijklmnopqrstuvwxyzäöñüà"
)
GSM_TWICE = frozenset("^{}\\[~]|€\f")
PLAIN = str.maketrans(
    {
        "đ": "d",
        "Đ": "D",
        "₫": "d",
        "“": '"',
        "”": '"',
        "‘": "'",
        "’": "'",
        "–": "-",
        "—": "-",
        "…": "...",
        "•": "*",
        "\u00a0": " ",
    }
)
# Letters in a text of one part, and in each part of a longer one.
GSM_ONE, GSM_EACH = 160, 153
UNICODE_ONE, UNICODE_EACH = 70, 67


def unaccented(text: str) -> str:
    """Write Vietnamese without accents; what no phone of the network knows is left out."""
    apart = unicodedata.normalize("NFD", text.translate(PLAIN))
    plain = "".join(letter for letter in apart if not unicodedata.combining(letter))
    return "".join(letter for letter in plain if letter in GSM or letter in GSM_TWICE)


def is_gsm(text: str) -> bool:
    return all(letter in GSM or letter in GSM_TWICE for letter in text)


def num_parts(text: str) -> int:
    """Return how many SMS a text is, which is what the gateway bills."""
    if is_gsm(text):
        length = len(text) + sum(1 for letter in text if letter in GSM_TWICE)
        one, each = GSM_ONE, GSM_EACH
    else:
        length = len(text.encode("utf-16-be")) // 2
        one, each = UNICODE_ONE, UNICODE_EACH
    return 1 if length <= one else ceil(length / each)
