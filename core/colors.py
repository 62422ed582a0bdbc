"""A whole palette from the one brand colour that staff choose, readable whatever it is."""

# WCAG 2.2 AA for text of ordinary size.
ENOUGH = 4.5
WHITE = (255, 255, 255)

Rgb = tuple[int, int, int]

# Tints towards white and shades towards black around the step that carries white text.
TINTS = {50: 6, 100: 12, 200: 26, 300: 42, 400: 58, 500: 74}
SHADES = {700: 84, 800: 70, 900: 56, 950: 38}


def parse_hex(text: str) -> Rgb:
    """Read #RRGGBB."""
    return (int(text[1:3], 16), int(text[3:5], 16), int(text[5:7], 16))


def to_hex(color: Rgb) -> str:
    return "#{:02x}{:02x}{:02x}".format(*color)


def contrast(one: Rgb, other: Rgb) -> float:
    """Return the WCAG contrast ratio of two colours (1 to 21)."""
    light, dark = sorted((_luminance(one), _luminance(other)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


def readable_under_white(color: Rgb) -> Rgb:
    """Darken a colour just until white text on it can be read."""
    while contrast(color, WHITE) < ENOUGH:
        color = _mix(color, (0, 0, 0), 96)
    return color


def palette(brand: str) -> dict[str, str]:
    """Return the eleven steps from a tint to a shade; step 600 carries white text."""
    base = readable_under_white(parse_hex(brand))
    steps = {600: base}
    steps |= {step: _mix(base, WHITE, share) for step, share in TINTS.items()}
    steps |= {step: _mix(base, (0, 0, 0), share) for step, share in SHADES.items()}
    return {str(step): to_hex(steps[step]) for step in sorted(steps)}


def _mix(color: Rgb, other: Rgb, share: int) -> Rgb:
    """Mix ``share`` percent of a colour with the rest of another."""
    red, green, blue = (
        (share * one + (100 - share) * two) // 100
        for one, two in zip(color, other, strict=True)
    )
    return (red, green, blue)


def _luminance(color: Rgb) -> float:
    red, green, blue = (_linear(part / 255) for part in color)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def _linear(part: float) -> float:
    return part / 12.92 if part <= 0.04045 else float(((part + 0.055) / 1.055) ** 2.4)
