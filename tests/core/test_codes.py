"""Random codes: the letters asked for, each as likely as the others."""

from __future__ import annotations

from collections import Counter

from core.codes import ALPHABET, random_code, random_codes


def test_as_many_and_as_long_as_asked_for() -> None:
    codes = random_codes(1000, 7)

    assert [len(code) for code in codes] == [7] * 1000
    assert set("".join(codes)) == set(ALPHABET)
    assert len(set(codes)) == 1000
    assert random_codes(0, 7) == []
    assert len(random_code(7)) == 7


def test_no_letter_is_favoured() -> None:
    """Bytes modulo 25 would favour the first six letters by a tenth."""
    counts = Counter("".join(random_codes(100_000, 5)))

    assert sum(counts.values()) == 500_000
    # Seven standard deviations of 20,000; a tenth more would be 2,000.
    assert all(abs(count - 20_000) < 1000 for count in counts.values()), counts
