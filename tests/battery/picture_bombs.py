"""Fifty files that somebody may send as a picture: bombs, disguises, and odd but good ones.

Each is made on the spot, all are below the limit on bytes unless they are about that one.
"""

from __future__ import annotations

import io
import os
import random
import zipfile
import zlib
from collections.abc import Callable
from typing import Any, NamedTuple

from PIL import Image, ImageCms

from tests.pictures import (
    BLUE,
    GREEN,
    encode,
    jpeg,
    photo,
    plain,
    png,
    png_by_hand,
    png_chunk,
    png_with,
    with_orientation,
)

SCRIPT = b"<script>alert(document.domain)</script>"
SECRET = b"SECRET-PLACE"
CAMERA = "12 megapixels of a camera"


class Bomb(NamedTuple):
    """A file, and whether it is taken (made anew) or refused; None: either will do."""

    make: Callable[[], bytes]
    is_taken: bool | None


# --- Too much in too little -------------------------------------------------------------


def huge_jpeg() -> bytes:
    """Write 65,500 × 65,500 pixels into the header of a small JPEG."""
    small = jpeg((800, 600))
    at = small.index(b"\xff\xc0") + 5
    return small[:at] + (65_500).to_bytes(2) * 2 + small[at + 4 :]


def packed_zeros(mebibytes: int) -> bytes:
    packer = zlib.compressobj(1)
    block = bytes(2**20)
    pieces = [packer.compress(block) for _number in range(mebibytes)]
    return b"".join([*pieces, packer.flush()])


def scans(count: int, size: tuple[int, int] = (3000, 2000)) -> bytes:
    """Write a progressive JPEG that goes through all its pixels again and again."""
    scan = b"\xff\xda\x00\x08\x01\x01\x00\x01\x3f\x10"
    return jpeg(size, progressive=True)[:-2] + scan * count + b"\xff\xd9"


def segments(count: int) -> bytes:
    return b"\xff\xd8" + b"\xff\xfe\x00\x02" * count + jpeg()[2:]


def text_chunks() -> bytes:
    return png_with(png(), packed_texts(200))


def packed_texts(count: int) -> list[bytes]:
    packed = packed_zeros(1)
    return [png_chunk(b"zTXt", b"%d\0\0" % number + packed) for number in range(count)]


def frames(form: str, count: int) -> bytes:
    """Write many frames; the first are drawn, GIF repeats the bytes of one."""
    if form != "GIF":
        more = [plain((400, 300), (n % 256, n // 256, 9)) for n in range(count)]
        return encode(plain((400, 300)), form, save_all=True, append_images=more)
    content = encode(plain((400, 300)).quantize(4), "GIF")
    at = content.index(b"\x2c", 13)
    return content[:-1] + content[at:-1] * count + b";"


def exif_that_bites_its_tail() -> bytes:
    """Let the directory of EXIF be its own next one, and GPS the same once more."""
    directory = b"MM\0*\0\0\0\x08\0\x02\x87\x69\0\x04\0\0\0\x01\0\0\0\x08"
    directory += b"\x88\x25\0\x04\0\0\0\x01\0\0\0\x08\0\0\0\x08"
    return jpeg(exif=b"Exif\0\0" + directory)


def noise(size: tuple[int, int]) -> Image.Image:
    return Image.frombytes("RGB", size, os.urandom(size[0] * size[1] * 3))


def full_png() -> bytes:
    """Write as many pixels, bytes and texts as a PNG may have, in sixteen bits."""
    filler = png_chunk(b"teSt", bytes(9 * 2**20))
    pixels = png_by_hand((4_000, 3_000), depth=16, kind=6)
    return png_with(pixels, [*packed_texts(7), filler])


def full_webp() -> bytes:
    """Write as many pixels as a WebP may have, of a kind that needs most memory."""
    rows = noise((2048, 1_400)).resize((2048, 2048), Image.Resampling.NEAREST)
    return encode(rows, "WEBP", lossless=True, method=0, quality=0)


# --- Disguises --------------------------------------------------------------------------


def archive() -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as jar:
        jar.writestr("META-INF/MANIFEST.MF", "Main-Class: Evil")
        jar.writestr("../../evil.sh", SCRIPT)
    return file.getvalue()


def placed() -> dict[str, Any]:
    """Return options for saving with all that a telephone tells about a place."""
    exif = Image.Exif()
    exif[0x010E] = SECRET.decode()
    place = exif.get_ifd(0x8825)
    place[1], place[2], place[3], place[4] = (
        "N",
        (10.0, 46.0, 37.0),
        "E",
        (106.0, 41.0, 55.0),
    )
    return {"exif": exif, "xmp": b"<x:xmpmeta>" + SECRET + b"</x:xmpmeta>"}


def entities() -> bytes:
    lines = "".join(f'<!ENTITY a{n} "{f"&a{n - 1};" * 9}">' for n in range(1, 10))
    return f"<!DOCTYPE x [<!ENTITY a0 'ha'>{lines}]><x>&a9;</x>".encode()


def wrong_checksum() -> bytes:
    content = bytearray(png())
    content[29] ^= 0xFF
    return bytes(content)


def ink() -> bytes:
    return encode(plain((2000, 1500), (0, 200, 200, 20), "CMYK"), "JPEG")


def palette() -> bytes:
    return encode(plain((1200, 900), (200, 0, 0, 0), "RGBA").quantize(16))


def two_in_one() -> bytes:
    return encode(plain(), "MPO", save_all=True, append_images=[plain((600, 450), BLUE)])


def large_profile() -> bytes:
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    return jpeg(icc_profile=profile + random.Random(1).randbytes(3_000_000))


BOMBS = {
    # Pixels.
    "flood 13000 x 13000, one bit": Bomb(
        lambda: png_by_hand((13_000,) * 2, depth=1), False
    ),
    "flood 13000 x 13000, grey": Bomb(lambda: png_by_hand((13_000,) * 2), False),
    "flood 7000 x 7000, colours": Bomb(lambda: png_by_hand((7_000,) * 2, kind=6), False),
    "absurd size, no pixels": Bomb(lambda: png_by_hand((2**31 - 1,) * 2, data=b""), False),
    "size of nothing": Bomb(lambda: png_by_hand((0, 0), data=b""), False),
    "65500 x 65500 in a small JPEG": Bomb(huge_jpeg, False),
    "16383 x 3100 WebP": Bomb(
        lambda: encode(plain((16_383, 3_100), 0, "L"), "WEBP", lossless=True, method=0),
        False,
    ),
    "50 megapixels in ten scans": Bomb(
        lambda: jpeg((8_000, 6_000), progressive=True, quality=30), False
    ),
    "a million scans": Bomb(lambda: scans(900_000), False),
    "800,000 chunks": Bomb(lambda: png_with(png(), [png_chunk(b"teSt")] * 800_000), False),
    "two million segments": Bomb(lambda: segments(2_000_000), False),
    "200 MiB of packed texts": Bomb(text_chunks, False),
    "200 MiB of packed profile": Bomb(
        lambda: png_with(png(), [png_chunk(b"iCCP", b"a\0\0" + packed_zeros(200))]), False
    ),
    "300 MiB of packed pixels too many": Bomb(
        lambda: png_by_hand((800, 600), data=packed_zeros(300)), None
    ),
    "10,000 frames of GIF": Bomb(lambda: frames("GIF", 10_000), False),
    "100 frames of PNG": Bomb(lambda: frames("PNG", 100), False),
    "500 frames of WebP": Bomb(lambda: frames("WEBP", 500), False),
    "eleven megabytes": Bomb(lambda: jpeg() + bytes(11 * 2**20), False),
    "EXIF that bites its tail": Bomb(exif_that_bites_its_tail, None),
    # Disguises.
    "nothing": Bomb(lambda: b"", False),
    "noise": Bomb(lambda: random.Random(1).randbytes(1_000_000), False),
    "SVG with a script": Bomb(
        lambda: b'<svg xmlns="http://www.w3.org/2000/svg">' + SCRIPT + b"</svg>", False
    ),
    "XML of a billion laughs": Bomb(entities, False),
    "a page": Bomb(lambda: b"<!doctype html>" + SCRIPT, False),
    "a page behind the magic of PNG": Bomb(lambda: b"\x89PNG\r\n\x1a\n" + SCRIPT, False),
    "PostScript": Bomb(lambda: b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n", False),
    "PDF": Bomb(lambda: b"%PDF-1.7\n" + SCRIPT, False),
    "an archive": Bomb(archive, False),
    "GIF that is an archive too": Bomb(
        lambda: encode(plain().quantize(4), "GIF") + archive(), False
    ),
    "BMP": Bomb(lambda: encode(plain(), "BMP"), False),
    "TIFF": Bomb(lambda: encode(plain(), "TIFF"), False),
    "icon": Bomb(lambda: encode(plain((256, 256)), "ICO"), False),
    "a telephone's HEIC": Bomb(lambda: b"\0\0\0\x18ftypheic" + bytes(5_000), False),
    "JPEG behind the magic of PNG": Bomb(lambda: b"\x89PNG\r\n\x1a\n" + jpeg(), False),
    "JPEG cut short": Bomb(lambda: encode(photo((1600, 1200)), "JPEG")[:-9_000], False),
    "PNG cut short": Bomb(lambda: encode(photo((1600, 1200)))[:-90_000], False),
    "WebP cut short": Bomb(lambda: encode(photo((1600, 1200)), "WEBP")[:-9_000], False),
    "PNG with a wrong checksum": Bomb(wrong_checksum, False),
    "palette without colours": Bomb(lambda: png_by_hand((800, 600), kind=3), None),
    "too small": Bomb(lambda: png((32, 32)), False),
    # Odd, and good once they are made anew.
    "a photo that names its place": Bomb(lambda: jpeg(**placed()), True),
    "WebP that names its place": Bomb(
        lambda: encode(photo((1200, 900)), "WEBP", **placed()), True
    ),
    "JPEG with a page behind it": Bomb(lambda: jpeg() + SCRIPT, True),
    "JPEG with a script in it": Bomb(lambda: jpeg(comment=SCRIPT + SECRET), True),
    "PNG with an archive behind it": Bomb(lambda: png() + archive(), True),
    "PNG with a script in a text": Bomb(
        lambda: png_with(png(), [png_chunk(b"tEXt", b"a\0" + SCRIPT + SECRET)]), True
    ),
    "ink": Bomb(ink, True),
    "sixteen bits": Bomb(lambda: png_by_hand((1600, 1200), depth=16, kind=6), True),
    "one bit": Bomb(lambda: encode(plain((1600, 1200), 1, "1")), True),
    "palette and nothing": Bomb(palette, True),
    "two pictures in one": Bomb(two_in_one, True),
    "a profile of three megabytes": Bomb(large_profile, True),
    "turned, and turned absurdly": Bomb(lambda: with_orientation(plain(), 77), True),
    # As large as each kind may be.
    CAMERA: Bomb(lambda: encode(photo((4_000, 3_000)), "JPEG", quality=92), True),
    "48 megapixels of a camera": Bomb(lambda: jpeg((8_000, 6_000), GREEN), True),
    "12 megapixels in ten scans": Bomb(
        lambda: encode(
            photo((4_000, 3_000)), "JPEG", progressive=True, subsampling=0, quality=92
        ),
        True,
    ),
    "12 megapixels of PNG": Bomb(full_png, True),
    "4 megapixels of WebP": Bomb(full_webp, True),
}
