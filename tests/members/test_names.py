"""A friend's name is known again, and a stranger's is not given away."""

import pytest

from members.names import mask_name


@pytest.mark.parametrize(
    ("name", "masked"),
    [
        ("Trần Văn Bình", "Trần V. B…"),
        ("Nguyễn Mai", "Nguyễn M…"),
        ("Công Tằng Tôn Nữ Vy", "Công T. T. N. V…"),
        ("  Lê   Văn  An ", "Lê V. A…"),
        ("Bình", "B…"),
        ("", ""),
        ("   ", ""),
    ],
)
def test_shows_the_family_name_and_first_letters(name: str, masked: str) -> None:
    assert mask_name(name) == masked
