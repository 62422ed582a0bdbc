"""Picture files for tests, made on the spot: none is checked in."""

from __future__ import annotations

import io
import struct
import zlib
from collections.abc import Callable, Iterable
from typing import Any

from PIL import Image

RED, GREEN, BLUE, WHITE = (200, 30, 40), (30, 160, 60), (30, 60, 200), (255, 255, 255)


def encode(image: Image.Image, form: str = "PNG", **options: Any) -> bytes:
    file = io.BytesIO()
    image.save(file, form, **options)
    return file.getvalue()


def plain(size: tuple[int, int] = (1200, 900), color: Any = RED, mode: str = "RGB") -> Any:
    return Image.new(mode, size, color)


def jpeg(size: tuple[int, int] = (1200, 900), color: Any = RED, **options: Any) -> bytes:
    return encode(plain(size, color), "JPEG", **options)


def png(size: tuple[int, int] = (1200, 900), color: Any = RED, **options: Any) -> bytes:
    return encode(plain(size, color), "PNG", **options)


def quarters(size: tuple[int, int] = (1200, 900)) -> Image.Image:
    """Draw red and green above blue and white, so that every turn is seen."""
    image = plain(size)
    middle = (size[0] // 2, size[1] // 2)
    image.paste(GREEN, (middle[0], 0, size[0], middle[1]))
    image.paste(BLUE, (0, middle[1], middle[0], size[1]))
    image.paste(WHITE, (*middle, *size))
    return image


def photo(size: tuple[int, int]) -> Image.Image:
    """Draw something as smooth and as detailed as a photo, in little time."""
    width, height = size
    bands = [
        Image.effect_noise((width // 16, height // 16), 90).resize(size, kind)
        for kind in (Image.Resampling.BICUBIC, Image.Resampling.BILINEAR)
    ]
    slope = Image.linear_gradient("L").resize(size)
    return Image.merge("RGB", (bands[0], slope, bands[1]))


def seen(content: bytes) -> Image.Image:
    with Image.open(io.BytesIO(content)) as image:
        image.load()
    return image


def is_like(found: Any, wanted: tuple[int, int, int], tolerance: int = 12) -> bool:
    return all(abs(f - w) <= tolerance for f, w in zip(found, wanted, strict=True))


# --- PNG by hand ------------------------------------------------------------------------


def png_chunk(name: bytes, data: bytes = b"") -> bytes:
    check = zlib.crc32(name + data)
    return struct.pack(">I", len(data)) + name + data + struct.pack(">I", check)


def png_with(content: bytes, chunks: Iterable[bytes]) -> bytes:
    """Put chunks behind a PNG's header."""
    return content[:33] + b"".join(chunks) + content[33:]


def png_by_hand(
    size: tuple[int, int], *, depth: int = 8, kind: int = 0, data: bytes | None = None
) -> bytes:
    """Write a PNG of zeros whatever it would need in memory."""
    samples = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}[kind]
    row = bytes(1 + (size[0] * depth * samples + 7) // 8)
    if data is None:
        packer = zlib.compressobj(1)
        pieces = [packer.compress(row) for _row in range(size[1])]
        data = b"".join([*pieces, packer.flush()])
    header = struct.pack(">IIBBBBB", *size, depth, kind, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n"
        + png_chunk(b"IHDR", header)
        + png_chunk(b"IDAT", data)
        + png_chunk(b"IEND")
    )


def with_orientation(image: Image.Image, orientation: int) -> bytes:
    exif = Image.Exif()
    exif[0x0112] = orientation
    return encode(image, "JPEG", exif=exif, quality=95)


Maker = Callable[[], bytes]
