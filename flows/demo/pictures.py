"""Pictures of the demo's rewards, drawn on the spot: no file, no photographer.

draw_picture("cup")  # bytes, for core.pictures.save_picture
"""

from __future__ import annotations

import io
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import copysign, cos, radians, sin

from PIL import Image, ImageDraw, ImageFilter

# Drawn on a sheet of 400 × 300 units, larger than it is shown: then its edges are smooth.
SHEET = (400, 300)
SCALE = 4

Colour = tuple[int, ...]
Point = tuple[float, float]

CREAM, PAPER, INK = (255, 247, 234), (255, 255, 255), (62, 39, 35)
COFFEE, MILK, CARAMEL = (92, 58, 40), (214, 178, 140), (201, 132, 66)
LEAF, ROSE, GOLD = (74, 124, 89), (226, 88, 103), (245, 183, 65)
SHINE, SHADE = (255, 255, 255, 90), (40, 20, 10, 38)


class Pen:
    """Draws shapes in units of the sheet; a colour with four parts lets others through."""

    def __init__(self, picture: Image.Image) -> None:
        self._draw = ImageDraw.Draw(picture, "RGBA")

    def box(self, box: Sequence[float], fill: Colour, radius: float = 0) -> None:
        scaled = [value * SCALE for value in box]
        self._draw.rounded_rectangle(scaled, radius * SCALE, fill=fill)

    def oval(self, box: Sequence[float], fill: Colour) -> None:
        self._draw.ellipse([value * SCALE for value in box], fill=fill)

    def dot(self, x: float, y: float, radius: float, fill: Colour) -> None:
        self.oval((x - radius, y - radius, x + radius, y + radius), fill)

    def ring(self, box: Sequence[float], fill: Colour, width: float) -> None:
        scaled = [value * SCALE for value in box]
        self._draw.ellipse(scaled, outline=fill, width=round(width * SCALE))

    def arc(
        self, box: Sequence[float], start: float, end: float, fill: Colour, width: float
    ) -> None:
        scaled = [value * SCALE for value in box]
        self._draw.arc(scaled, start, end, fill=fill, width=round(width * SCALE))

    def shape(self, points: Sequence[Point], fill: Colour) -> None:
        self._draw.polygon([(x * SCALE, y * SCALE) for x, y in points], fill=fill)

    def line(self, points: Sequence[Point], fill: Colour, width: float) -> None:
        scaled = [(x * SCALE, y * SCALE) for x, y in points]
        self._draw.line(scaled, fill=fill, width=round(width * SCALE), joint="curve")
        for x, y in (points[0], points[-1]):
            self.dot(x, y, width / 2, fill)


@dataclass(frozen=True, slots=True)
class Drawing:
    """A thing, the two colours of the wall behind it, and how far its shadow reaches."""

    thing: Callable[[Pen], None]
    light: Colour
    dark: Colour
    shadow: tuple[float, float] = (120, 280)


def draw_picture(name: str) -> bytes:
    """Draw one of DRAWINGS as a JPEG; the same name always gives the same bytes."""
    drawing = DRAWINGS[name]
    picture = _wall(drawing)
    drawing.thing(Pen(picture))
    file = io.BytesIO()
    picture.reduce(SCALE // 2).save(file, "JPEG", quality=92, subsampling=0)
    return file.getvalue()


def _wall(drawing: Drawing) -> Image.Image:
    """Paint a wall that is lit from above, a table, and the soft shadow on it."""
    size = (SHEET[0] * SCALE, SHEET[1] * SCALE)
    small = (SHEET[0] // 2, SHEET[1] // 2)
    slope = Image.linear_gradient("L").resize(small)
    wall = Image.composite(
        Image.new("RGB", small, drawing.dark),
        Image.new("RGB", small, drawing.light),
        slope,
    )
    # The light falls on the middle.
    glow = Image.radial_gradient("L").resize(small).point(lambda v: max(0, 110 - v))
    wall.paste(Image.new("RGB", small, PAPER), (0, 0), glow)
    brush = ImageDraw.Draw(wall, "RGBA")
    brush.rectangle((0, 121, *small), fill=(255, 255, 255, 60))
    shadow = Image.new("L", small, 0)
    left, right = (value / 2 for value in drawing.shadow)
    ImageDraw.Draw(shadow).ellipse((left, 119, right, 131), fill=110)
    wall.paste(
        Image.new("RGB", small, INK), (0, 0), shadow.filter(ImageFilter.GaussianBlur(4))
    )
    return wall.resize(size, Image.Resampling.BILINEAR)


# --- Things -----------------------------------------------------------------------------


def _cup(pen: Pen) -> None:
    for x, lift in ((170, 0), (198, 14), (226, 2)):
        pen.arc((x - 9, 52 - lift, x + 9, 76 - lift), 90, 270, (255, 255, 255, 190), 5)
        pen.arc((x - 9, 72 - lift, x + 9, 96 - lift), 270, 90, (255, 255, 255, 190), 5)
    pen.oval((96, 230, 304, 262), (232, 221, 208))
    pen.oval((96, 226, 304, 256), PAPER)
    pen.ring((240, 126, 308, 196), CREAM, 13)
    pen.shape(_bowl(1), CREAM)
    pen.shape([*_bowl(1)[12:], *reversed(_bowl(0.45)[12:])], SHADE)
    pen.oval((128, 100, 268, 132), PAPER)
    pen.oval((136, 104, 260, 129), COFFEE)
    pen.oval((160, 108, 236, 125), MILK)
    pen.oval((174, 111, 222, 122), COFFEE)
    pen.oval((186, 114, 210, 120), MILK)


def _bowl(part: float) -> list[Point]:
    """Return the outline of a cup, from its left rim to its right one."""
    angles = [radians(180 - 7.5 * step) for step in range(25)]
    sides = [copysign(abs(cos(a)) ** 0.5, cos(a)) for a in angles]
    return [
        (198 + part * 70 * side * (1 - 0.2 * sin(a)), 116 + 126 * abs(sin(a)))
        for a, side in zip(angles, sides, strict=True)
    ]


def _leaf(pen: Pen, x: float, y: float, size: float, fill: Colour, vein: Colour) -> None:
    steps = [radians(7.5 * step) for step in range(25)]
    right = [(x + size * 0.55 * sin(a), y - size * cos(a)) for a in steps]
    left = [(2 * x - across, down) for across, down in reversed(right)]
    pen.shape([*right, *left], fill)
    pen.line([(x, y - size * 0.4), (x, y + size * 1.3)], vein, size / 9)


def _bean(pen: Pen, x: float, y: float, size: float) -> None:
    pen.oval((x - size * 0.7, y - size, x + size * 0.7, y + size), COFFEE)
    steps = [step / 6 for step in range(-5, 6)]
    crease = [(x + size * 0.16 * sin(3.4 * s), y + size * s) for s in steps]
    pen.line(crease, MILK, size / 7)


def _iced(pen: Pen) -> None:
    pen.line([(226, 40), (206, 120)], ROSE, 8)
    glass = [(140, 84), (260, 84), (246, 252), (154, 252)]
    pen.shape(glass, (255, 255, 255, 150))
    pen.shape([(145, 108), (255, 108), (243, 246), (157, 246)], MILK)
    pen.shape([(150, 170), (250, 170), (243, 246), (157, 246)], CARAMEL)
    pen.shape([(148, 146), (252, 146), (250, 178), (150, 178)], (208, 155, 103))
    for x, y in ((158, 112), (192, 104), (222, 114), (176, 132), (212, 136)):
        pen.box((x, y, x + 24, y + 24), (255, 255, 255, 120), 5)
    for row, (y, xs) in enumerate(
        ((236, (168, 184, 200, 216, 232)), (222, (175, 191, 207, 223)), (209, (183, 214)))
    ):
        for x in xs:
            pen.dot(x, y, 7, INK)
            pen.dot(x - 2, y - 2 - row % 2, 2, (255, 255, 255, 120))
    pen.shape([(150, 92), (164, 92), (172, 244), (162, 244)], SHINE)
    pen.oval((140, 76, 260, 92), (255, 255, 255, 190))
    pen.oval((148, 79, 252, 90), (235, 208, 178))


def _bag(pen: Pen) -> None:
    for inset, colour in ((0, (186, 152, 104)), (4, (203, 170, 122))):
        pen.arc((158 + inset, 44, 242 - inset, 190), 180, 360, colour, 9)
    pen.shape([(122, 112), (278, 112), (292, 254), (108, 254)], (240, 222, 190))
    pen.shape([(236, 112), (278, 112), (292, 254), (250, 254)], SHADE)
    pen.shape([(122, 112), (278, 112), (279, 124), (121, 124)], (222, 200, 162))
    pen.dot(194, 188, 36, LEAF)
    _leaf(pen, 194, 184, 19, CREAM, LEAF)
    for x in (164, 236):
        pen.dot(x, 119, 3, INK)


def _cake(pen: Pen) -> None:
    pen.oval((78, 212, 326, 264), (232, 221, 208))
    pen.oval((78, 206, 326, 258), PAPER)
    side = [(104, 150), (262, 130), (296, 152), (296, 222), (130, 242), (104, 222)]
    pen.shape(side, (255, 226, 178))
    for top, colour in ((0, ROSE), (34, (255, 240, 220))):
        y = 158 + top
        pen.shape([(130, y + 16), (296, y), (296, y + 14), (130, y + 30)], colour)
        pen.shape([(104, y - 2), (130, y + 16), (130, y + 30), (104, y + 12)], colour)
    pen.shape([(104, 150), (130, 170), (130, 242), (104, 222)], SHADE)
    pen.shape([(104, 150), (262, 130), (296, 152), (130, 172)], PAPER)
    for x, y in ((140, 169), (172, 165), (206, 161), (240, 157), (270, 153), (288, 151)):
        pen.dot(x, y, 10, PAPER)
    for x, y in ((111, 157), (124, 166)):
        pen.dot(x, y, 7, PAPER)
    pen.dot(214, 122, 22, ROSE)
    pen.dot(207, 115, 6, SHINE)
    pen.shape([(214, 104), (200, 92), (214, 96), (230, 90), (222, 104)], LEAF)


def _ticket(pen: Pen) -> None:
    for lift, colour in ((10, (206, 146, 38)), (0, GOLD)):
        pen.box((78, 102 + lift, 322, 222 + lift), colour, 16)
    pen.box((90, 114, 310, 210), (255, 214, 122), 10)
    for y in range(118, 212, 14):
        pen.box((236, y, 240, y + 7), (206, 146, 38), 2)
    pen.ring((112, 130, 148, 166), INK, 8)
    pen.ring((168, 158, 204, 194), INK, 8)
    pen.line([(188, 134), (128, 190)], INK, 8)
    star = [(0, -22), (6, -7), (21, -7), (9, 3), (13, 18), (0, 9), (-13, 18), (-9, 3)]
    star += [(-21, -7), (-6, -7)]
    pen.shape([(274 + x, 164 + y) for x, y in star], PAPER)


def _gift(pen: Pen) -> None:
    pen.box((112, 148, 288, 256), ROSE, 8)
    pen.box((232, 148, 288, 256), SHADE, 8)
    pen.box((184, 148, 216, 256), CREAM)
    pen.box((100, 118, 300, 156), (240, 110, 122), 8)
    pen.box((184, 118, 216, 156), PAPER)
    pen.box((100, 150, 300, 156), SHADE, 3)
    for box in ((140, 70, 204, 122), (196, 70, 260, 122)):
        pen.oval(box, CREAM)
        pen.oval((box[0] + 15, box[1] + 14, box[2] - 15, box[3] - 12), (240, 110, 122))
    pen.box((186, 92, 214, 124), PAPER, 9)
    for x, y in ((134, 190), (156, 226), (246, 196), (268, 232), (262, 172)):
        pen.dot(x, y, 4, (255, 255, 255, 150))


def _bottle(pen: Pen) -> None:
    body = (44, 102, 110)
    pen.box((158, 100, 242, 256), body, 16)
    pen.box((166, 66, 234, 112), (33, 80, 87), 10)
    pen.box((176, 46, 224, 76), (236, 240, 238), 8)
    pen.box((158, 108, 242, 116), (236, 240, 238))
    pen.box((166, 122, 178, 246), (255, 255, 255, 70), 6)
    pen.box((222, 116, 242, 250), SHADE, 10)
    pen.dot(202, 182, 24, CREAM)
    _leaf(pen, 202, 179, 13, body, CREAM)


def _beans(pen: Pen) -> None:
    pen.shape([(136, 74), (264, 74), (276, 256), (124, 256)], (120, 82, 58))
    pen.shape([(226, 74), (264, 74), (276, 256), (238, 256)], SHADE)
    pen.shape([(136, 74), (264, 74), (266, 100), (134, 100)], (96, 64, 44))
    for x in range(142, 262, 12):
        pen.line([(x, 78), (x, 94)], (120, 82, 58), 2)
    pen.box((156, 128, 244, 218), CREAM, 10)
    _bean(pen, 184, 166, 25)
    _bean(pen, 214, 180, 25)
    for x, y in ((94, 246), (308, 250), (328, 240)):
        _bean(pen, x, y, 11)


DRAWINGS = {
    "cup": Drawing(_cup, (251, 226, 196), (226, 162, 112), (90, 312)),
    "iced": Drawing(_iced, (214, 236, 240), (122, 186, 196), (140, 264)),
    "bag": Drawing(_bag, (223, 236, 214), (142, 182, 138), (104, 300)),
    "cake": Drawing(_cake, (253, 224, 226), (236, 158, 168), (84, 320)),
    "ticket": Drawing(_ticket, (222, 226, 246), (140, 148, 206), (90, 312)),
    "gift": Drawing(_gift, (255, 238, 204), (245, 196, 116), (104, 300)),
    "bottle": Drawing(_bottle, (238, 228, 216), (198, 176, 150), (150, 254)),
    "beans": Drawing(_beans, (236, 220, 204), (184, 148, 118), (90, 328)),
}
