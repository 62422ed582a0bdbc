"""A picture file that someone sent: looked at, decoded within bounds, and made anew.

Nothing of the file is kept: its pixels are cut to 4:3, made small, brought to sRGB and
written as WebP. Decoders are lenient and picture files hostile, so the size of a file, the
number of its parts and the memory that its pixels need are bounded before any is decoded.
"""

from __future__ import annotations

import io
import re
import threading
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice

from django.utils.translation import gettext as _
from PIL import Image, ImageCms, ImageStat, PngImagePlugin, UnidentifiedImageError

from core.errors import DomainError

CARD = (800, 600)
THUMBNAIL = (400, 300)
# What does not fill a thumbnail would look blurred everywhere.
LEAST = THUMBNAIL
FORMATS = ("JPEG", "PNG", "WEBP")
# WebP of the best quality that stays below this; nearly always the first.
MOST_CARD_BYTES = 120_000
QUALITIES = (80, 65, 50)

MOST_BYTES = 10 * 1024 * 1024
MOST_PIXELS = 50_000_000
# Of a decoder, by the measure of _held_bytes; the whole process then grows by less than
# 100 MiB. A photo of 50 megapixels fits, as JPEG decoders leave out what is not needed.
MOST_HELD_BYTES = 84_000_000
# Chunks of a PNG, segments of a JPEG: Pillow reads each in Python.
MOST_PARTS = 10_000
# Every scan of a progressive JPEG goes through all pixels, and may be ten bytes long.
MOST_SCANS = 100
MOST_PROFILE_BYTES = 4 * 1024 * 1024

# Pillow's own guards, for every user of it in this process.
Image.MAX_IMAGE_PIXELS = MOST_PIXELS
PngImagePlugin.MAX_TEXT_MEMORY = 8 * 1024 * 1024
warnings.simplefilter("error", Image.DecompressionBombWarning)

# One picture at a time in a process, so that the bound on memory is one of the process.
_TURN = threading.Lock()
# Pixel rows that are looked at together, after they were made smaller.
_BAND = 16
_WHITE = 245
_ORIENTATION = 0x0112
_TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
_ON_ITS_SIDE = (5, 6, 7, 8)

Box = tuple[int, int, int, int]
Size = tuple[int, int]


class PictureRefused(DomainError):
    """A file that cannot become a picture; the message says what to send instead."""

    code = "picture_refused"


@dataclass(frozen=True, slots=True)
class Remade:
    """A picture as it is kept: two WebP files, and the size of the larger one."""

    card: bytes
    thumbnail: bytes
    width: int
    height: int


def remake(content: bytes) -> Remade:
    """Make the picture of a file anew, or raise PictureRefused."""
    _refuse_too_many_bytes(content)
    _refuse_too_many_parts(content)
    with _TURN:
        try:
            picture = _read(content)
        except PictureRefused:
            raise
        except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
            raise _too_large() from error
        except UnidentifiedImageError as error:
            raise _no_picture() from error
        except Exception as error:
            # What hostile bytes can make a decoder raise, nobody can list.
            raise _damaged() from error
        card = _as_webp(picture)
        thumbnail = _as_webp(picture.resize(THUMBNAIL, Image.Resampling.LANCZOS))
    return Remade(card, thumbnail, picture.width, picture.height)


# --- Before anything is decoded ---------------------------------------------------------

# What ends a run of a JPEG's data: any marker but a stuffed zero and restarts.
_JPEG_MARKER = re.compile(rb"\xff+([\x01-\xcf\xd8-\xfe])")
_END_OF_JPEG, _START_OF_SCAN = 0xD9, 0xDA
_WITHOUT_LENGTH = (0x01, 0xD8)


def _refuse_too_many_bytes(content: bytes) -> None:
    if len(content) > MOST_BYTES:
        raise PictureRefused(
            _("The file has more than %(most)s MB. Make the picture smaller first.")
            % {"most": MOST_BYTES // 1024**2}
        )


def _refuse_too_many_parts(content: bytes) -> None:
    parts: list[int] = []
    if content.startswith(b"\xff\xd8"):
        parts = list(islice(_jpeg_markers(content), MOST_PARTS + 1))
        if parts.count(_START_OF_SCAN) > MOST_SCANS:
            raise _damaged()
    elif content.startswith(b"\x89PNG"):
        parts = list(islice(_png_chunks(content), MOST_PARTS + 1))
    if len(parts) > MOST_PARTS:
        raise _damaged()


def _jpeg_markers(content: bytes) -> Iterator[int]:
    """Yield the markers of the first picture in a JPEG file; a phone adds more of them."""
    position = 2
    while match := _JPEG_MARKER.search(content, position):
        marker = match[1][0]
        if marker == _END_OF_JPEG:
            return
        yield marker
        position = match.end()
        if marker not in _WITHOUT_LENGTH:
            position += int.from_bytes(content[position : position + 2])


def _png_chunks(content: bytes) -> Iterator[int]:
    """Yield where the chunks of a PNG file begin."""
    position = 8
    while position < len(content):
        yield position
        # Length, name and checksum stand around the data.
        position += int.from_bytes(content[position : position + 4]) + 12


# --- From a file to pixels --------------------------------------------------------------


def _read(content: bytes) -> Image.Image:
    """Return the picture upright, in sRGB on white, cut to 4:3, no larger than a card."""
    with Image.open(io.BytesIO(content), formats=FORMATS) as image:
        # A phone's JPEG may hold a second picture for other screens: nothing that moves.
        is_jpeg = image.format in ("JPEG", "MPO")
        if not is_jpeg and getattr(image, "is_animated", False):
            raise PictureRefused(_("The picture moves. Choose one that stands still."))
        full = image.size
        if is_jpeg:
            # The decoder itself leaves out detail: a half, a quarter or an eighth remains.
            image.draft(None, (2 * CARD[1], 2 * CARD[1]))
        if _held_bytes(image, full, content) > MOST_HELD_BYTES:
            raise _too_large(full)
        image.load()
        orientation = image.getexif().get(_ORIENTATION, 1)
        is_on_side = orientation in _ON_ITS_SIDE
        _refuse_too_small(full[::-1] if is_on_side else full)
        picture = _to_size(image, is_on_side)
        if orientation in _TURNS:
            picture = picture.transpose(_TURNS[orientation])
        return _to_srgb(picture, image.info.get("icc_profile"))


def _held_bytes(image: Image.Image, full: Size, content: bytes) -> int:
    """Return what the decoder will need, by what was measured of each."""
    pixels = image.width * image.height
    if image.format == "PNG":
        # Four bytes each, and room for texts that unpack and for chunks nobody knows.
        return pixels * 7
    if image.format == "WEBP":
        # Two canvases, a copy, and the pixels of a lossless one before they are drawn.
        return pixels * 20
    num_scans = sum(marker == _START_OF_SCAN for marker in _jpeg_markers(content))
    # The coefficients of all pixels wait for the last scan.
    waiting = full[0] * full[1] * len(image.getbands()) * 2 if num_scans > 1 else 0
    return pixels * 4 + waiting


def _refuse_too_small(size: Size) -> None:
    if size[0] < LEAST[0] or size[1] < LEAST[1]:
        raise PictureRefused(
            _(
                "The picture has only %(width)s × %(height)s pixels. Choose one with at "
                "least %(least_width)s × %(least_height)s."
            )
            % {
                "width": size[0],
                "height": size[1],
                "least_width": LEAST[0],
                "least_height": LEAST[1],
            }
        )


# --- Cutting and making smaller ---------------------------------------------------------


def _to_size(image: Image.Image, is_on_side: bool) -> Image.Image:
    """Fill 4:3 from the picture's middle; what stands on white keeps all of itself.

    A photo is cut, as strips beside it would look like a mistake. A product on white, or
    on nothing, gets more white around it instead: nobody sees where that begins, and a
    cup keeps its lid.
    """
    shape = CARD[::-1] if is_on_side else CARD
    if _stands_on_white(image):
        box = (0, 0, *image.size)
        canvas = _canvas(image.size, shape)
        scale = min(canvas[0] / image.width, canvas[1] / image.height, 1)
        size = (max(1, round(image.width * scale)), max(1, round(image.height * scale)))
    else:
        box = _middle(image.size, shape)
        size = canvas = _canvas((box[2] - box[0], box[3] - box[1]), shape)
    # To twice the size by averages, then by the filter that keeps edges sharp.
    factor = max(1, min((box[2] - box[0]) // size[0], (box[3] - box[1]) // size[1]) // 2)
    part = _shrink(image, box, factor).resize(size, Image.Resampling.LANCZOS)
    if size == canvas:
        return part
    whole = Image.new(part.mode, canvas, _white(part.mode))
    whole.paste(part, ((canvas[0] - size[0]) // 2, (canvas[1] - size[1]) // 2))
    return whole


def _middle(size: Size, shape: Size) -> Box:
    """Return the largest part of a picture that has this shape, from its middle."""
    width = min(size[0], size[1] * shape[0] // shape[1])
    height = min(size[1], size[0] * shape[1] // shape[0])
    left, top = (size[0] - width) // 2, (size[1] - height) // 2
    return left, top, left + width, top + height


def _canvas(size: Size, shape: Size) -> Size:
    """Return a card of this shape that holds a picture, without making that larger."""
    share = min(1, max(size[0] / shape[0], size[1] / shape[1]))
    return round(shape[0] * share), round(shape[1] * share)


def _stands_on_white(image: Image.Image) -> bool:
    """Tell whether a picture is white, or nothing, all along its edge."""
    width, height = image.size
    edges = (
        (0, 0, width, 1),
        (0, height - 1, width, height),
        (0, 0, 1, height),
        (width - 1, 0, width, height),
    )
    return all(_is_white(_flat(image.crop(edge)).convert("RGB")) for edge in edges)


def _is_white(part: Image.Image) -> bool:
    return all(darkest >= _WHITE for darkest, _lightest in ImageStat.Stat(part).extrema)


def _shrink(image: Image.Image, box: Box, factor: int) -> Image.Image:
    """Average squares of pixels into one, some rows at a time: copies stay small."""
    left, top, right, bottom = box
    width, height = (right - left) // factor, (bottom - top) // factor
    mode = "CMYK" if image.mode == "CMYK" else "RGB"
    shrunk = Image.new(mode, (width, height))
    for row in range(0, height, _BAND):
        last = min(row + _BAND, height)
        rows = (left, top + row * factor, left + width * factor, top + last * factor)
        shrunk.paste(_flat(image.crop(rows)).reduce(factor), (0, row))
    return shrunk


# --- Colours ----------------------------------------------------------------------------


def _flat(part: Image.Image) -> Image.Image:
    """Put a part on white, whatever it was made of; ink stays ink for its profile."""
    if part.mode == "CMYK":
        return part
    if part.mode.startswith("I"):
        # Sixteen bits of grey; converting them as they are would cut, not scale.
        part = part.point(lambda value: value * (1 / 256)).convert("L")
    if not part.has_transparency_data:
        return part.convert("RGB")
    white = Image.new("RGBA", part.size, "white")
    return Image.alpha_composite(white, part.convert("RGBA")).convert("RGB")


def _white(mode: str) -> tuple[int, ...]:
    return (0, 0, 0, 0) if mode == "CMYK" else (255, 255, 255)


def _to_srgb(picture: Image.Image, profile: bytes | None) -> Image.Image:
    """Bring colours to what every screen expects, and drop all that is not pixels."""
    plain = picture.convert("RGB")
    if profile and len(profile) <= MOST_PROFILE_BYTES:
        try:
            found = ImageCms.profileToProfile(
                picture,
                ImageCms.ImageCmsProfile(io.BytesIO(profile)),
                ImageCms.createProfile("sRGB"),
                outputMode="RGB",
            )
            plain = found or plain
        except (ImageCms.PyCMSError, OSError):
            # A profile for other colours, or a broken one: then the numbers are taken
            # for sRGB, as browsers do.
            pass
    bare = Image.new("RGB", plain.size)
    bare.paste(plain)
    return bare


def _as_webp(picture: Image.Image) -> bytes:
    content = b""
    for quality in QUALITIES:
        file = io.BytesIO()
        picture.save(file, "WEBP", quality=quality, method=4)
        content = file.getvalue()
        if len(content) <= MOST_CARD_BYTES:
            break
    return content


# --- Refusals that several places need --------------------------------------------------


def _no_picture() -> PictureRefused:
    return PictureRefused(
        _("This is no JPEG, PNG or WebP picture. Save it as JPEG and choose it again.")
    )


def _damaged() -> PictureRefused:
    return PictureRefused(
        _("The file is damaged or incomplete. Save the picture anew and choose that file.")
    )


def _too_large(size: Size | None = None) -> PictureRefused:
    if size is None:
        return PictureRefused(
            _("The picture has too many pixels. Make it 2000 pixels wide first.")
        )
    return PictureRefused(
        _(
            "The picture is too large: %(width)s × %(height)s pixels. Make it 2000 pixels "
            "wide first."
        )
        % {"width": size[0], "height": size[1]}
    )
