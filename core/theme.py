"""One brand colour, and every colour of the pages on phones that follows from it."""

from __future__ import annotations

from functools import lru_cache

from core.colors import Rgb, contrast, parse_hex, to_hex

WHITE: Rgb = (255, 255, 255)
BLACK: Rgb = (0, 0, 0)
# The surfaces of portal.css; text in the brand's colour must be readable on both.
LIGHT_SURFACE: Rgb = (250, 247, 244)
DARK_SURFACE: Rgb = (33, 27, 23)
# More than the 4.5 of WCAG AA: the bar's words are small.
READABLE = 5.5


@lru_cache(maxsize=64)
def theme_variables(brand_color: str) -> str:
    """Return the CSS variables of a brand colour, for a style attribute."""
    brand = parse_hex(brand_color)
    on_brand = max(WHITE, BLACK, key=lambda color: contrast(color, brand))
    variables = {
        "brand": brand,
        "on-brand": on_brand,
        # Away from the text on it, so that hovering never costs contrast.
        "brand-hover": mix(brand, BLACK if on_brand == WHITE else WHITE, 15),
        "brand-ink-light": readable(brand, LIGHT_SURFACE, toward=BLACK),
        "brand-ink-dark": readable(brand, DARK_SURFACE, toward=WHITE),
    }
    return "".join(f"--{name}:{to_hex(color)};" for name, color in variables.items())


def mix(color: Rgb, other: Rgb, percent: int) -> Rgb:
    """Return the colour with so many percent of the other in it."""
    red, green, blue = (
        one + (two - one) * percent // 100 for one, two in zip(color, other, strict=True)
    )
    return (red, green, blue)


def readable(color: Rgb, surface: Rgb, *, toward: Rgb) -> Rgb:
    """Move a colour just far enough that text in it can be read on the surface."""
    for percent in range(0, 100, 5):
        candidate = mix(color, toward, percent)
        if contrast(candidate, surface) >= READABLE:
            return candidate
    return toward
