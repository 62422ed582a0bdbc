"""Workbooks and tables that nobody would send in good faith, made on the spot."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import IO

import openpyxl

MAIN = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
STRINGS = "xl/sharedStrings.xml"
SHEET = "xl/worksheets/sheet1.xml"
STYLES = "xl/styles.xml"
BOOK = "xl/workbook.xml"
TYPES = "[Content_Types].xml"
MEBIBYTE = 2**20

Part = bytes | Callable[[IO[bytes]], None]


def ordinary_parts(header: Iterable[str] = ("id", "total")) -> dict[str, bytes]:
    """Return the parts of a small workbook, one with a list of shared texts."""
    book, file = openpyxl.Workbook(), io.BytesIO()
    for cells in (list(header), ["A1", *("10" for _name in list(header)[1:])]):
        book.active.append(cells)
    book.save(file)
    with zipfile.ZipFile(file) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def workbook(
    path: Path,
    changed: Mapping[str, Part] | None = None,
    *,
    header: Iterable[str] = ("id", "total"),
    more: Iterable[str] = (),
) -> Path:
    """Write a workbook of which some parts are what a test wants them to be."""
    parts: dict[str, Part] = {**ordinary_parts(header), **(changed or {})}
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, part in parts.items():
            with archive.open(name, "w", force_zip64=True) as file:
                if callable(part):
                    part(file)
                else:
                    file.write(part)
        for name in more:
            archive.writestr(name, "hello")
    return path


def texts(*items: str) -> bytes:
    return f'<sst xmlns="{MAIN}">{"".join(items)}</sst>'.encode()


def repeated(start: str, piece: str, end: str, *, mebibytes: int) -> Part:
    """Return a part that goes on and on; it packs a thousand to one."""
    block = piece.encode() * (MEBIBYTE // len(piece))

    def write(file: IO[bytes]) -> None:
        file.write(start.encode())
        for _number in range(mebibytes):
            file.write(block)
        file.write(end.encode())

    return write


def sheet(*rows: str, header: Iterable[str] = ("id", "total")) -> bytes:
    cells = "".join(f'<c t="inlineStr"><is><t>{name}</t></is></c>' for name in header)
    body = f'<row r="1">{cells}</row>{"".join(rows)}'
    return f'<worksheet xmlns="{MAIN}"><sheetData>{body}</sheetData></worksheet>'.encode()


def laughing(root: bytes) -> bytes:
    """Put entities before a document that stand for a billion letters."""
    lines = ['<!ENTITY a0 "ha">']
    lines += [f'<!ENTITY a{n} "{f"&a{n - 1};" * 10}">' for n in range(1, 10)]
    return f"<!DOCTYPE x [{''.join(lines)}]>".encode() + root
