"""One brand colour: whatever it is, what stands on it and beside it can be read."""

import re

import pytest

from core.colors import contrast, parse_hex
from core.theme import DARK_SURFACE, LIGHT_SURFACE, theme_variables

COLORS = ["#8a4b2a", "#000000", "#ffffff", "#ffd400", "#00ff00", "#777777", "#0a5cff"]


def variables(color: str) -> dict[str, str]:
    return dict(re.findall(r"--([a-z-]+):(#[0-9a-f]{6});", theme_variables(color)))


@pytest.mark.parametrize("color", COLORS)
def test_every_pair_can_be_read(color: str) -> None:
    found = {name: parse_hex(value) for name, value in variables(color).items()}

    assert contrast(found["on-brand"], found["brand"]) >= 4.5
    assert contrast(found["on-brand"], found["brand-hover"]) >= 4.5
    assert contrast(found["brand-ink-light"], LIGHT_SURFACE) >= 4.5
    assert contrast(found["brand-ink-light"], parse_hex("#ffffff")) >= 4.5
    assert contrast(found["brand-ink-dark"], DARK_SURFACE) >= 4.5


def test_a_colour_that_is_readable_already_is_left_alone() -> None:
    assert variables("#8a4b2a") == {
        "brand": "#8a4b2a",
        "on-brand": "#ffffff",
        "brand-hover": "#753f23",
        "brand-ink-light": "#8a4b2a",
        "brand-ink-dark": variables("#8a4b2a")["brand-ink-dark"],
    }
