"""Codes as they are typed."""

from __future__ import annotations

import pytest

from rewards.codes import is_code, normalise_code


@pytest.mark.parametrize(
    ("typed", "stored"),
    [
        ("ACDEFGHJKM", "ACDEFGHJKM"),
        ("acde-fghj-km", "ACDEFGHJKM"),
        ("  AC DE\u00a0FG\u3000HJ\tKM\n", "ACDEFGHJKM"),
        ("ＡＣｄｅ３４６", "ACDE346"),
        ("AC‐DE‑FG–HJ—KM−3", "ACDEFGHJKM3"),
        ("\u200bACDE\ufeff\u202e34\x00", "ACDE34"),
        ("ab_12/34.x", "AB1234X"),
        ("AB+12", "AB+12"),
        ("", ""),
        (" - ", ""),
    ],
)
def test_spaces_dashes_and_small_letters_do_not_matter(typed: str, stored: str) -> None:
    assert normalise_code(typed) == stored


def test_look_alikes_stay_apart() -> None:
    assert normalise_code("O0I1") == "O0I1"


@pytest.mark.parametrize(
    "typed", ["giảm20đ", "straße", "AB+12", "ABC", "X" * 41, "\ud800AB12"]
)
def test_what_no_code_can_be_is_not_looked_for(typed: str) -> None:
    assert not is_code(normalise_code(typed))
