"""Saving a picture: what is made of a file, and which files are refused."""

from __future__ import annotations

import hashlib
import io
import struct
from datetime import datetime, timedelta
from typing import Any

import pytest
from django.db import IntegrityError, transaction
from PIL import Image, ImageCms

from core import picture_files
from core.models import Picture
from core.pictures import PictureRefused, prepare_picture, save_picture
from tests.pictures import (
    BLUE,
    GREEN,
    RED,
    WHITE,
    encode,
    is_like,
    jpeg,
    photo,
    plain,
    png,
    png_by_hand,
    png_chunk,
    png_with,
    quarters,
    seen,
    with_orientation,
)

pytestmark = pytest.mark.django_db


def card(content: bytes, now: datetime) -> Image.Image:
    return seen(prepare_picture(content=content, at=now).card)


# --- What is kept -----------------------------------------------------------------------


def test_keeps_a_card_and_a_thumbnail_under_the_name_of_their_bytes(now: datetime) -> None:
    made = save_picture(content=encode(photo((2000, 1500)), "JPEG"), at=now)
    kept = Picture.objects.get()

    assert kept.pk == made.pk == hashlib.sha256(bytes(kept.card)).hexdigest()
    assert (kept.width, kept.height, kept.uploaded_at) == (800, 600, now)
    card, thumbnail = seen(bytes(kept.card)), seen(bytes(kept.thumbnail))
    assert (card.format, card.size) == ("WEBP", (800, 600))
    assert (thumbnail.format, thumbnail.size) == ("WEBP", (400, 300))
    assert len(kept.card) < 120_000


def test_the_same_picture_is_one_row_that_grows_young_again(now: datetime) -> None:
    first = save_picture(content=jpeg(), at=now)
    again = save_picture(content=io.BytesIO(jpeg()), at=now + timedelta(days=3))

    assert first.pk == again.pk
    assert Picture.objects.get().uploaded_at == now + timedelta(days=3)


def test_other_pictures_are_other_rows(now: datetime) -> None:
    save_picture(content=jpeg(), at=now)
    save_picture(content=jpeg(color=BLUE), at=now)

    assert Picture.objects.count() == 2


def test_the_database_refuses_what_fits_no_place(now: datetime) -> None:
    picture = prepare_picture(content=jpeg(), at=now)
    picture.width = 4000
    with (
        pytest.raises(IntegrityError, match="core_picture_fits_its_place"),
        transaction.atomic(),
    ):
        picture.save(force_insert=True)


# --- How it is cut ----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("size", "expected"),
    [
        ((4000, 3000), (800, 600)),
        ((3000, 4000), (800, 600)),
        ((5000, 1000), (800, 600)),
        ((640, 480), (640, 480)),
        ((700, 4000), (700, 525)),
        ((400, 300), (400, 300)),
        ((401, 301), (401, 301)),
    ],
)
@pytest.mark.parametrize("form", ["PNG", "JPEG"])
def test_is_cut_to_four_by_three_and_never_made_larger(
    now: datetime, size: tuple[int, int], expected: tuple[int, int], form: str
) -> None:
    assert card(encode(plain(size), form), now).size == expected


def test_a_photo_is_cut_around_its_middle(now: datetime) -> None:
    wide = plain((3000, 1000), BLUE)
    wide.paste(RED, (1000, 0, 2000, 1000))

    found = card(encode(wide), now)

    # A stripe of blue on either side would be 1000 wide each; 167 of each remain.
    assert is_like(found.getpixel((400, 300)), RED)
    assert is_like(found.getpixel((50, 300)), BLUE)
    assert is_like(found.getpixel((130, 300)), RED)
    assert is_like(found.getpixel((750, 300)), BLUE)


@pytest.mark.parametrize("around", [(*WHITE, 255), (0, 0, 0, 0), (250, 251, 249, 255)])
def test_a_product_on_white_or_on_nothing_keeps_all_of_itself(
    now: datetime, around: tuple[int, ...]
) -> None:
    tall = plain((600, 1200), around, "RGBA")
    tall.paste((*RED, 255), (100, 10, 500, 1190))

    found = card(encode(tall), now)

    assert found.size == (800, 600)
    assert is_like(found.getpixel((400, 12)), RED)
    assert is_like(found.getpixel((400, 588)), RED)
    assert is_like(found.getpixel((10, 300)), WHITE)
    assert is_like(found.getpixel((790, 300)), WHITE)


@pytest.mark.parametrize("orientation", range(1, 9))
def test_stands_upright_however_the_telephone_was_held(
    now: datetime, orientation: int
) -> None:
    turns = {2: 0, 3: 3, 4: 1, 5: 5, 6: 2, 7: 6, 8: 4}
    upright = quarters()
    lying = upright.transpose(turns[orientation]) if orientation in turns else upright

    found = card(with_orientation(lying, orientation), now)

    corners = [found.getpixel(at) for at in ((90, 70), (700, 70), (90, 530), (700, 530))]
    for corner, wanted in zip(corners, (RED, GREEN, BLUE, WHITE), strict=True):
        assert is_like(corner, wanted, 30)


# --- Every kind of file -----------------------------------------------------------------


def cmyk() -> bytes:
    return encode(plain(color=(0, 255, 255, 0), mode="CMYK"), "JPEG", quality=95)


def palette() -> bytes:
    image = plain(color=(255, 0, 0, 255), mode="RGBA").quantize(4)
    return encode(image)


def two_pictures() -> bytes:
    """The JPEG of a telephone that adds a second picture for brighter screens."""
    options = {"save_all": True, "append_images": [plain((600, 450), BLUE)]}
    return encode(plain(color=(255, 0, 0)), "MPO", **options)


@pytest.mark.parametrize(
    ("content", "wanted"),
    [
        (jpeg(color=(255, 0, 0), progressive=True), (255, 0, 0)),
        (encode(plain(color=100, mode="L"), "JPEG"), (100, 100, 100)),
        (cmyk(), (255, 0, 0)),
        (two_pictures(), (255, 0, 0)),
        (png(color=(255, 0, 0), interlace=1), (255, 0, 0)),
        (encode(plain(color=1, mode="1")), WHITE),
        (encode(plain(color=(90, 255), mode="LA")), (90, 90, 90)),
        (encode(plain(color=100 * 256, mode="I;16")), (100, 100, 100)),
        (png_by_hand((800, 600), depth=16, kind=2), (0, 0, 0)),
        (png_by_hand((800, 600), depth=16, kind=6), WHITE),
        (palette(), (255, 0, 0)),
        (encode(plain(color=(255, 0, 0)), "WEBP"), (255, 0, 0)),
        (encode(plain(color=(255, 0, 0, 0), mode="RGBA"), "WEBP", lossless=True), WHITE),
    ],
    ids=[
        *("progressive", "grey-jpeg", "ink", "two-in-one", "interlaced", "one-bit"),
        *("grey-alpha", "grey-16", "rgb-16", "clear-16", "palette", "webp", "clear-webp"),
    ],
)
def test_takes_every_kind(now: datetime, content: bytes, wanted: Any) -> None:
    found = card(content, now)

    assert (found.mode, found.size) == ("RGB", (800, 600))
    assert is_like(found.getpixel((400, 300)), wanted)


def test_a_palette_with_transparency_stands_on_white(now: datetime) -> None:
    image = plain(color=0, mode="P")
    image.putpalette([*RED, *BLUE])
    image.paste(1, (300, 200, 900, 700))

    found = card(encode(image, transparency=0), now)

    assert is_like(found.getpixel((20, 20)), WHITE)
    assert is_like(found.getpixel((400, 300)), BLUE)


def test_colours_of_other_screens_are_brought_to_srgb(now: datetime) -> None:
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("LAB"))
    broken = [b"", b"nothing", profile.tobytes(), b"x" * 5_000_000]

    for icc in broken:
        found = card(encode(plain(), "JPEG", icc_profile=icc), now)
        assert is_like(found.getpixel((5, 5)), RED)
    # A profile of linear light: what it calls 40 looks like 110.
    found = card(encode(plain(color=(40, 40, 40)), icc_profile=linear_light()), now)
    assert is_like(found.getpixel((5, 5)), (110, 110, 110))


def linear_light() -> bytes:
    """Rewrite the curves of an sRGB profile as a straight line."""
    profile = bytearray(ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes())
    for number in range(struct.unpack_from(">I", profile, 128)[0]):
        name, offset, size = struct.unpack_from(">4sII", profile, 132 + 12 * number)
        if name in (b"rTRC", b"gTRC", b"bTRC"):
            straight = b"curv" + bytes(8)
            profile[offset : offset + size] = straight + bytes(size - len(straight))
    return bytes(profile)


def test_nothing_but_pixels_is_left(now: datetime) -> None:
    exif = Image.Exif()
    exif[0x010E] = "secret words"
    exif.get_ifd(0x8825)[1] = "N"
    exif.get_ifd(0x8825)[2] = (10.0, 46.0, 37.0)
    content = encode(
        photo((1200, 900)), "JPEG", exif=exif, comment=b"secret", xmp=b"<x>secret</x>"
    )
    content += b"<script>secret</script>"
    assert b"secret" in content

    made = prepare_picture(content=content, at=now)

    for kept in (made.card, made.thumbnail):
        image = seen(kept)
        assert dict(image.getexif()) == {}
        assert {"exif", "xmp", "icc_profile"} & image.info.keys() == set()
        assert all(word not in kept for word in (b"secret", b"EXIF", b"XMP", b"ICCP"))


# --- Refusals ---------------------------------------------------------------------------


def moving(form: str) -> bytes:
    frames = [plain((800, 600), BLUE), plain((800, 600), GREEN)]
    return encode(plain((800, 600)), form, save_all=True, append_images=frames)


def with_scans(count: int) -> bytes:
    """A progressive JPEG with more scans, each of which goes through all pixels."""
    scan = b"\xff\xda\x00\x08\x01\x01\x00\x01\x3f\x10"
    return jpeg(progressive=True)[:-2] + scan * count + b"\xff\xd9"


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (b"", "no JPEG, PNG or WebP"),
        (b"hello", "no JPEG, PNG or WebP"),
        (b"<svg xmlns='http://www.w3.org/2000/svg'/>", "no JPEG, PNG or WebP"),
        (moving("GIF"), "no JPEG, PNG or WebP"),
        (encode(plain((800, 600)), "BMP"), "no JPEG, PNG or WebP"),
        (encode(plain((800, 600)), "TIFF"), "no JPEG, PNG or WebP"),
        (moving("PNG"), "moves"),
        (moving("WEBP"), "moves"),
        (jpeg()[:-2000], "damaged or incomplete"),
        (png()[:2000], "damaged or incomplete"),
        (encode(photo((800, 600)), "WEBP")[:-2000], "damaged or incomplete"),
        (jpeg((399, 300)), "only 399 × 300 pixels. Choose one with at least 400 × 300"),
        (png((400, 299)), "only 400 × 299 pixels"),
        (with_orientation(plain((1000, 390)), 6), "only 390 × 1000 pixels"),
        (png_by_hand((13_000, 13_000), depth=1), "too many pixels"),
        (png_by_hand((5_000, 5_000), depth=1), "too large: 5000 × 5000 pixels"),
        (png_by_hand((2**31 - 1, 2**31 - 1), data=b""), "too many pixels"),
        (b"\xff\xd8" + bytes(picture_files.MOST_BYTES), "more than 10 MB"),
        (png_with(png(), [png_chunk(b"teSt")] * 10_001), "damaged"),
        (b"\xff\xd8" + b"\xff\xfe\x00\x02" * 10_001 + jpeg()[2:], "damaged"),
        (with_scans(120), "damaged"),
    ],
    ids=[
        *("empty", "text", "svg", "gif", "bmp", "tiff", "moving-png", "moving-webp"),
        *("cut-jpeg", "cut-png", "cut-webp", "narrow", "low", "narrow-when-turned"),
        *("flood", "too-much-to-hold", "absurd", "large", "chunks", "segments", "scans"),
    ],
)
def test_refuses_with_a_sentence(now: datetime, content: bytes, sentence: str) -> None:
    with pytest.raises(PictureRefused, match=sentence):
        save_picture(content=content, at=now)

    assert not Picture.objects.exists()


def test_a_refusal_can_be_told_apart_by_machines(now: datetime) -> None:
    with pytest.raises(PictureRefused) as refusal:
        save_picture(content=b"", at=now)

    assert (refusal.value.code, refusal.value.status) == ("picture_refused", 400)


def test_a_camera_s_photo_of_fifty_megapixels_is_taken(now: datetime) -> None:
    large = encode(plain((8000, 6000)), "JPEG")

    assert card(large, now).size == (800, 600)
