"""QR code and barcode as the path of an SVG: sharp at every size, and small."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import groupby

import qrcode
from barcode import Code128
from barcode.errors import BarcodeError

# Scanners need clear space around a code: 4 modules of a QR code, 10 of a Code 128.
QR_MARGIN = 4
BARCODE_MARGIN = 10


@dataclass(frozen=True, slots=True)
class Picture:
    """A path to be filled in black on white, and the size of its view box."""

    path: str
    width: int
    height: int


def qr_code(text: str) -> Picture:
    """Draw a QR code that survives a scratched screen (15 % may be lost)."""
    code = qrcode.QRCode(
        border=QR_MARGIN, error_correction=qrcode.constants.ERROR_CORRECT_M
    )
    code.add_data(text)
    code.make()
    matrix = code.get_matrix()
    path = "".join(_row_path(row, y, 1) for y, row in enumerate(matrix))
    return Picture(path=path, width=len(matrix), height=len(matrix))


def barcode(text: str, *, height: int = 30) -> Picture | None:
    """Draw a Code 128, or None for text that it cannot hold."""
    try:
        (modules,) = Code128(text).build()
    except BarcodeError:
        return None
    margin = [False] * BARCODE_MARGIN
    row = [*margin, *(module == "1" for module in modules), *margin]
    return Picture(path=_row_path(row, 0, height), width=len(row), height=height)


def _row_path(row: list[bool], y: int, height: int) -> str:
    """Join the dark modules of a row into runs: a tenth of the size of single squares."""
    parts, x = [], 0
    for is_dark, run in groupby(row):
        length = len(list(run))
        if is_dark:
            parts.append(f"M{x} {y}h{length}v{height}h-{length}z")
        x += length
    return "".join(parts)
