"""One brand colour, and every colour that follows from it."""

from __future__ import annotations

from functools import lru_cache

Rgb = tuple[float, float, float]

WHITE: Rgb = (255, 255, 255)
BLACK: Rgb = (20, 18, 16)
# The surfaces of portal.css; text in the brand's colour must be readable on both.
LIGHT_SURFACE: Rgb = (246, 245, 243)
DARK_SURFACE: Rgb = (32, 30, 28)
# WCAG AA for text.
READABLE = 4.5


@lru_cache(maxsize=64)
def theme_variables(brand_color: str) -> str:
    """Return the CSS variables of a brand colour, for a style attribute."""
    brand = parse_color(brand_color)
    on_brand = max(WHITE, BLACK, key=lambda color: contrast(color, brand))
    variables = {
        "brand": brand,
        "on-brand": on_brand,
        # Away from the text on it, so that hovering never costs contrast.
        "brand-hover": mix(brand, BLACK if on_brand == WHITE else WHITE, 0.15),
        "brand-ink-light": readable(brand, LIGHT_SURFACE, toward=BLACK),
        "brand-ink-dark": readable(brand, DARK_SURFACE, toward=WHITE),
    }
    return "".join(f"--{name}:{to_hex(color)};" for name, color in variables.items())


def parse_color(text: str) -> Rgb:
    """Read #rrggbb."""
    red, green, blue = (int(text[i : i + 2], 16) for i in (1, 3, 5))
    return (red, green, blue)


def to_hex(color: Rgb) -> str:
    return "#" + "".join(f"{round(part):02x}" for part in color)


def mix(color: Rgb, other: Rgb, share: float) -> Rgb:
    """Return the colour with this share of the other in it."""
    red, green, blue = (
        a + (b - a) * share for a, b in zip(color, other, strict=True)
    )
    return (red, green, blue)


def contrast(one: Rgb, other: Rgb) -> float:
    """Return the WCAG contrast ratio, 1 to 21."""
    dark, light = sorted((_luminance(one), _luminance(other)))
    return (light + 0.05) / (dark + 0.05)


def readable(color: Rgb, surface: Rgb, *, toward: Rgb) -> Rgb:
    """Move a colour just far enough that text in it can be read on the surface."""
    for step in range(21):
        candidate = mix(color, toward, step / 20)
        if contrast(candidate, surface) >= READABLE:
            return candidate
    return toward


def _luminance(color: Rgb) -> float:
    red, green, blue = (_linear(part / 255) for part in color)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def _linear(part: float) -> float:
    return part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4
