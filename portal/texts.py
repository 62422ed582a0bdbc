"""What members type, before it is kept."""

from __future__ import annotations

import re

# What no database keeps as text, or what would turn a line around.
_NO_TEXT = re.compile(r"[\x00-\x1f\x7f\u202a-\u202e\u2066-\u2069]")


def clean_text(text: str, longest: int) -> str:
    """Return what was typed on one line, without what cannot be read."""
    return _NO_TEXT.sub("", " ".join(text.split()))[:longest]
