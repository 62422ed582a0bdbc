"""A palette that can be read, whatever colour the brand has."""

import pytest

from core.colors import ENOUGH, WHITE, contrast, palette, parse_hex, to_hex


@pytest.mark.parametrize("brand", ["#8a4b2a", "#ffe600", "#ffffff", "#000000", "#00ff88"])
def test_white_text_is_readable_on_the_main_step(brand: str) -> None:
    steps = palette(brand)
    assert contrast(parse_hex(steps["600"]), WHITE) >= ENOUGH
    assert len(steps) == 11


def test_a_colour_that_is_readable_stays_itself() -> None:
    assert palette("#8a4b2a")["600"] == "#8a4b2a"


def test_contrast_of_black_and_white_is_the_largest() -> None:
    assert contrast((0, 0, 0), WHITE) == pytest.approx(21)
    assert to_hex(parse_hex("#0a1b2c")) == "#0a1b2c"
